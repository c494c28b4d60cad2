import { ExportError } from "../../errors.ts";
import { float32 } from "../../tensor.ts";
import { defineConverter, only, type EmitContext, type LayerConverter } from "../converter.ts";
import { dim } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import type { Value } from "../ir/value.ts";

import { expectPixels, pick, resizeImage } from "../build/resize.ts";
import { expectRank, fixedSize, spatialAxes } from "../build/windows.ts";

const NHWC = spatialAxes("channels_last", 2);

/**
 * The middle of images [N, H, W, C]; images too small are resized. TF.js crops by resampling between the pixels at the
 * edges of a box, so that pixels may be left out or doubled. Keras 3 crops plainly.
 * Source: tfjs-layers, layers/preprocessing/center_crop.ts; tfjs-backend-cpu, kernels/CropAndResize.
 */
export const centerCrop: LayerConverter = defineConverter({
  className: "CenterCrop",
  ops: ["Slice", "Gather", "Mul", "Resize"],
  takes: "any",
  parse: (config, { rules }) => ({
    plain: rules.plainCrop === true,
    size: [config.positive("height"), config.positive("width")] as const,
  }),
  emit({ graph }, { plain, size }, inputs) {
    const input = only(inputs);
    expectRank(input, 4);
    const [height, width] = size;
    const [tall, wide] = [fixedSize(input, 1), fixedSize(input, 2)];
    expectPixels([tall, wide, ...size].map(dim));
    if (plain) return cropPlainly(graph, input, [tall, wide], size);
    const down = Math.floor((tall - height) / 2);
    // A width that is one pixel too large is cropped on the left.
    const across = wide === width ? 0 : Math.floor((wide - width) / 2) || 1;
    if (down < 0 || across < 0) {
      const how = { method: "bilinear", coordinates: "asymmetric" } as const;
      return graph.cast(resizeImage(graph, input, NHWC, { size: size.map(dim) }, how), input.dtype);
    }
    return cropAxis(graph, cropAxis(graph, input, 1, tall, height, down), 2, wide, width, across);
  },
});

function cropPlainly(
  graph: EmitContext["graph"],
  input: Value,
  from: readonly [number, number],
  to: readonly [number, number],
): Value {
  if (from[0] < to[0] || from[1] < to[1]) {
    throw new ExportError(`a crop of [${to.join(", ")}] does not fit into images of [${from.join(", ")}]`);
  }
  return to.reduce((value, size, index) => {
    const start = Math.floor((at(from, index) - size) / 2);
    const indices = Array.from({ length: size }, (_, place) => start + place);
    return size === from[index] ? value : pick(graph, value, index + 1, indices);
  }, input);
}

/** Pixels of one axis, nearest to `to` places at equal distances in a box that begins at `start`. */
function cropAxis(
  graph: EmitContext["graph"],
  input: Value,
  axis: number,
  from: number,
  to: number,
  start: number,
): Value {
  const [low, high] = [Math.fround(start / from), Math.fround((to + start) / from)];
  const step = to > 1 ? ((high - low) * (from - 1)) / (to - 1) : 0;
  const places = Array.from({ length: to }, (_, place) =>
    to > 1 ? low * (from - 1) + place * step : 0.5 * (low + high) * (from - 1),
  );
  const isInside = places.map((place) => place >= 0 && place <= from - 1);
  const indices = places.map((place) => Math.min(Math.max(Math.round(place), 0), from - 1));
  const whole = from === to && indices.every((index, place) => index === place);
  const cropped = whole ? input : pick(graph, input, axis, indices);
  if (isInside.every(Boolean)) return cropped;
  const inside = Float32Array.from(isInside, Number);
  const dims = [to, ...Array.from({ length: input.axes.length - 1 - axis }, () => 1)];
  const zeroed = graph.withConstant("Mul", graph.cast(cropped, "float32"), "inside", float32(inside, dims));
  return graph.cast(zeroed, input.dtype);
}
