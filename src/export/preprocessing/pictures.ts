import { ExportError } from "../../errors.ts";
import type { ImageInput } from "../../metadata.ts";
import { asNumber, dim, showShape, type Dim } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import type { GraphBuilder } from "../build/builder.ts";
import type { NamedValue } from "../build/finish.ts";
import { cast } from "../build/ops/elementwise.ts";
import { gather, transpose } from "../build/ops/shape.ts";
import type { NetworkInput } from "../input-feed.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { viewOf, type Value } from "../ir/value.ts";

import { Arithmetic } from "./arithmetic.ts";
import { fittedCharacters, NOT_IN_MNIST } from "./mnist.ts";
import { stretched } from "./stretch.ts";

/** Sizes of the pictures that go in. */
export interface PictureSize {
  readonly height: Dim;
  readonly width: Dim;
}

/** Pictures on their way into a network. */
export interface PreparedPictures {
  /** uint8 [N, H, W, 3], red, green and blue, with free H and W. */
  readonly input: NamedValue;
  /** What the network takes instead, float32 [N, height, width, channels]. */
  readonly prepared: Value;
  /** Where nothing is drawn: bool [N]; null where that is no question. */
  readonly blank: GraphTensor | null;
  /** What `infer` does with a picture and these nodes do not, in sentences. */
  readonly leftOut: readonly string[];
}

/**
 * Nodes that turn pictures into the input of a network, as the metadata of its model says.
 *
 * @throws {ExportError} when the metadata does not fit the network, or cannot be followed by ONNX operators
 */
export function preparePictures(
  graph: GraphBuilder,
  name: string,
  input: ImageInput,
  network: NetworkInput,
): PreparedPictures {
  const { fit, height, width, channels } = input;
  if (fit === "line" || width === null) {
    throw new ExportError(`the preprocessing of lines of text (fit "${fit}", free width) cannot be put into the file`, {
      hint: "prepare lines with prepareImage of tfjs-to-onnx/infer, or read them with the infer command",
    });
  }
  expectFit(network, [height, width, channels]);
  const size: PictureSize = { height: dim("picture_height"), width: dim("picture_width") };
  const batch = at(network.dims, 0);
  const given = graph.input(name, "uint8", [batch, size.height, size.width, 3]);
  return graph.within("preprocessing", () => {
    const a = new Arithmetic(graph);
    const pictures = graph.plain(given);
    const found = { input: { name, value: given }, leftOut: ["transparency: pictures are red, green and blue"] };
    if (fit === "mnist") {
      const fitted = fittedCharacters(a, greyOf(a, pictures), size);
      const scaled = inRange(a, fitted.pictures, input, 1);
      return {
        ...found,
        prepared: viewOf(a.unsqueeze(scaled, [3])),
        blank: a.squeeze(fitted.blank, [1, 2]),
        leftOut: [...found.leftOut, ...NOT_IN_MNIST],
      };
    }
    const to = { height, width };
    if (channels === 1) {
      const scaled = inRange(a, stretched(a, greyOf(a, pictures), size, to), input, 1);
      return { ...found, prepared: viewOf(a.unsqueeze(scaled, [3])), blank: null };
    }
    const planes = cast(graph, transpose(graph, pictures, [0, 3, 1, 2]), "float32");
    const scaled = inRange(a, stretched(a, planes, size, to), input, 1 / 255);
    return { ...found, prepared: viewOf(transpose(graph, scaled, [0, 2, 3, 1])), blank: null };
  });
}

/** @throws {ExportError} when the network's input is no such picture */
function expectFit({ name, dtype, dims }: NetworkInput, sizes: readonly [number, number, number]): void {
  const fits =
    dtype === "float32" &&
    dims.length === 4 &&
    sizes.every((size, index) => (asNumber(at(dims, index + 1)) ?? size) === size);
  if (fits) return;
  throw new ExportError(
    `the metadata prepares float32 pictures [batch, ${sizes.join(", ")}]; the input ${name} takes ${dtype} ${showShape(dims)}`,
    { hint: "correct userDefinedMetadata.recognizer in model.json" },
  );
}

/** Luma (Rec. 601) of bytes [N, H, W, 3], 0 to 1: [N, H, W]. */
function greyOf(a: Arithmetic, pictures: GraphTensor): GraphTensor {
  const weights = [0.299, 0.587, 0.114].map((share) => share / 255);
  return a.matMul(cast(a.graph, pictures, "float32"), a.constant("luma", [3], weights));
}

/**
 * Black and white at the ends of the range, less the means, by the standard deviations; channels in the order that the model takes.
 *
 * @param picture [N, H, W], or [N, C, H, W] in the order red, green, blue
 * @param unit what a white pixel is divided into
 */
function inRange(a: Arithmetic, picture: GraphTensor, input: ImageInput, unit: number): GraphTensor {
  const { range, channels, mean, std, order } = input;
  const [black, white] = range;
  const each = Array.from({ length: channels }, (_, channel) => {
    const by = std === undefined ? 1 : at(std, channel);
    return {
      factor: ((white - black) * unit) / by,
      offset: (black - (mean === undefined ? 0 : at(mean, channel))) / by,
    };
  });
  const dims = channels === 1 ? [1] : [channels, 1, 1];
  const ordered = order === "bgr" && channels === 3 ? gather(a.graph, picture, a.graph.int64s([2, 1, 0]), 1) : picture;
  const factor = a.constant(
    "factor",
    dims,
    each.map((own) => own.factor),
  );
  const scaled = each.every((own) => own.factor === 1) ? ordered : a.multiply(ordered, factor);
  if (each.every((own) => own.offset === 0)) return scaled;
  return a.add(
    scaled,
    a.constant(
      "offset",
      dims,
      each.map((own) => own.offset),
    ),
  );
}
