import { Random } from "../data/random.ts";
import { ModelFormatError } from "../errors.ts";
import { confidenceOf } from "../infer/confidence.ts";
import { bytePicture, readPreprocessing } from "../infer/preprocessing-inside.ts";
import { prepareImage } from "../infer/preprocess/prepare-image.ts";
import type { Image } from "../infer/preprocess/image.ts";
import { candidatesOf, readRecognizer } from "../infer/recognize.ts";
import type { Session, Tensors } from "../infer/runtime.ts";
import type { ImageInput, PreprocessingInside, Recognizer } from "../metadata.ts";
import { ELEMENT_TYPE } from "../onnx/element-type.ts";
import { readOnnxHeader } from "../onnx/header.ts";
import { ModelEditor } from "../onnx/rewrite.ts";
import { at, first } from "../require.ts";

import type { OutputComparison, VerifyRun } from "./side-by-side.ts";

/** A file that prepares pictures itself, taken apart. */
export interface PictureFile {
  readonly inside: PreprocessingInside;
  readonly recognizer: Recognizer;
  /** The network alone, as a plain export has it. */
  readonly network: Uint8Array;
}

/** Null for a file that takes prepared pictures. @throws {ModelFormatError} when its metadata is not understood */
export function pictureFile(onnx: Uint8Array): PictureFile | null {
  const { metadata, outputs } = readOnnxHeader(onnx);
  const inside = readPreprocessing(metadata);
  if (inside === null) return null;
  const own = new Set(inside.network.outputs);
  const others = outputs.map(({ name }) => name).filter((name) => !own.has(name));
  const prepared = outputs.find(({ name }) => name === inside.prepared);
  if (prepared === undefined)
    throw new ModelFormatError(`the file's metadata names an output ${inside.prepared}; it has none`);
  const { dims } = prepared;
  const network = new ModelEditor(onnx)
    .dropOutputs(new Set(others))
    .startAt(inside.prepared, { name: inside.network.input, elementType: ELEMENT_TYPE.float32, dims })
    .finish();
  return { inside, recognizer: readRecognizer(metadata), network };
}

/** A confidence may differ by this much: it is computed in float32 in the file, in float64 here. */
const CONFIDENCE = 1e-4;

/**
 * Run the whole file on pictures. Its prepared pictures are compared with those of `prepareImage`, and may differ by one grey level.
 * Its answers are compared with those that this package reads from the same scores. Of drawn characters, only pictures made as MNIST's
 * are compared: the file prepares others in fewer steps, which its metadata names.
 */
export async function comparePictures(
  session: Session,
  file: PictureFile,
  seed: number,
): Promise<readonly VerifyRun[]> {
  const fixed = session.inputs[0]?.dims[0];
  const batch = typeof fixed === "number" ? fixed : 2;
  const runs: VerifyRun[] = [];
  for (const make of picturesFor(file.recognizer.input, new Random(seed))) {
    const images = Array.from({ length: batch }, make);
    const { height, width } = first(images);
    const data = new Uint8Array(batch * height * width * 3);
    images.forEach((image, row) => data.set(bytePicture(image).data, row * height * width * 3));
    const given = await session.run({
      [file.inside.input]: { dtype: "uint8", dims: [batch, height, width, 3], data },
    });
    const sizes = { picture_height: height, picture_width: width };
    const { runtime, provider, elsewhere } = session;
    const outputs = [comparePrepared(given, images, file), compareAnswers(given, batch, file)];
    runs.push({ runtime, provider, elsewhere, batch, sizes, outputs });
  }
  return runs;
}

/** Noise of several sizes; of drawn characters a ring, light on dark and dark on light. */
function picturesFor(input: ImageInput, random: Random): readonly (() => Image)[] {
  if (input.fit === "mnist") return [(): Image => ring(random, false), (): Image => ring(random, true)];
  const [height, width] = [input.height, input.width ?? input.height];
  const sizes = [
    [height, width],
    [2 * height + 5, 3 * width + 1],
    [Math.ceil(height / 3), Math.ceil(width / 2)],
  ] as const;
  return sizes.map(([rows, columns]) => () => ({
    height: rows,
    width: columns,
    channels: 3,
    data: Uint8Array.from({ length: rows * columns * 3 }, () => random.integer(256)),
  }));
}

function ring(random: Random, isNegative: boolean): Image {
  const radius = 7 + 2 * random.unit();
  const data = Uint8Array.from({ length: 28 * 28 * 3 }, (_, index) => {
    const pixel = Math.floor(index / 3);
    const distance = Math.hypot((pixel % 28) - 13.5, Math.floor(pixel / 28) - 13.5);
    const ink = Math.round(255 * Math.min(1, Math.max(0, 2 - Math.abs(distance - radius))));
    return isNegative ? 255 - ink : ink;
  });
  return { width: 28, height: 28, channels: 3, data };
}

function comparePrepared(
  given: Tensors,
  images: readonly Image[],
  { inside, recognizer }: PictureFile,
): OutputComparison {
  const { input } = recognizer;
  const found = given[inside.prepared];
  const wanted = images.map((image) => prepareImage(image, input));
  const length = wanted.reduce((sum, image) => sum + image.length, 0);
  if (found?.dtype !== "float32" || found.data.length !== length) {
    return { ...NOTHING, name: inside.prepared, reason: `it is not float32 with ${length} elements` };
  }
  const [black, white] = input.range;
  const smallest = (input.std ?? [1]).reduce((least, value) => Math.min(least, Math.abs(value)), Infinity);
  const level = Math.abs(white - black) / 255 / smallest;
  const each = first(wanted).length;
  const differences = found.data.map((value, index) =>
    Math.abs(value - at(at(wanted, Math.floor(index / each)), index % each)),
  );
  const most = differences.reduce((worst, value) => (value <= worst ? worst : value), 0);
  const passed = most <= level * 1.001;
  return {
    name: inside.prepared,
    maxAbsDiff: most,
    maxRelDiff: most / Math.abs(white - black),
    passed,
    ...(passed ? {} : { reason: `one grey level is ${level}` }),
  };
}

const NOTHING = { maxAbsDiff: Number.NaN, maxRelDiff: Number.NaN, passed: false };

function compareAnswers(given: Tensors, batch: number, { inside, recognizer }: PictureFile): OutputComparison {
  const { output } = recognizer;
  const name = inside.answers.label;
  const [labels, indices, confidences] = [
    given[inside.answers.label],
    given[inside.answers.index],
    given[inside.answers.confidence],
  ];
  const scores = given[first(inside.network.outputs)];
  if (
    output.kind !== "classes" ||
    labels?.dtype !== "string" ||
    indices?.dtype !== "int64" ||
    confidences?.dtype !== "float32" ||
    scores?.dtype !== "float32"
  ) {
    return { ...NOTHING, name, reason: "the answers are not string, int64 and float32" };
  }
  let most = 0;
  for (let row = 0; row < batch; row++) {
    const { probabilities, candidates } = candidatesOf(scores, row, output, 1);
    const best = first(candidates);
    const own = output.confidence === undefined ? best.probability : confidenceOf(probabilities, output.confidence);
    const index = Number(at(indices.data, row));
    const text = at(labels.data, row);
    // Of equal scores either may be the best.
    const isBest = output.labels[index] === text && at(probabilities, index) === best.probability;
    if (!isBest)
      return {
        ...NOTHING,
        name,
        reason: `picture ${row} is "${text}", whose index is ${index}; its scores say "${best.label}"`,
      };
    const difference = Math.abs(at(confidences.data, row) - own);
    if (!(difference <= most)) most = difference;
  }
  const passed = most <= CONFIDENCE;
  return {
    name: inside.answers.confidence,
    maxAbsDiff: most,
    maxRelDiff: most,
    passed,
    ...(passed ? {} : { reason: "the confidence is another one" }),
  };
}
