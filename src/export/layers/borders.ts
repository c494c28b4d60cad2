import { ExportError } from "../../errors.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { add, asNumber, multiply } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import { dimOf } from "../ir/value.ts";

import { resizeImage } from "./resize.ts";
import { channelsFirst, expectRank, spatialAxes, windowNode } from "./windows.ts";

function pairsOf(rank: number, each: number): readonly (readonly [number, number])[] {
  return Array.from({ length: rank }, () => [each, each] as const);
}

function zeroPadding(rank: number): LayerConverter {
  return defineConverter({
    className: `ZeroPadding${rank}D`,
    ops: ["Pad"],
    integers: "kept",
    parse: (config) => ({ padding: config.pairs("padding", rank, pairsOf(rank, 1)), format: config.dataFormat() }),
    emit({ graph }, { padding, format }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      const axes = spatialAxes(format, rank);
      const pads = [0, 0, ...padding.map(([low]) => low), 0, 0, ...padding.map(([, high]) => high)];
      return windowNode(graph, "Pad", [channelsFirst(graph, input, axes), graph.int64s(pads)], {}, axes);
    },
  });
}

/** Keras crops one element at each end of a sequence or volume where nothing is said; TF.js nothing of an image. */
function cropping(rank: number): LayerConverter {
  return defineConverter({
    className: `Cropping${rank}D`,
    ops: ["Slice"],
    integers: "kept",
    parse: (config) => ({
      cropped: config.pairs("cropping", rank, pairsOf(rank, rank === 2 ? 0 : 1)),
      format: config.dataFormat(),
    }),
    emit({ graph }, { cropped, format }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      const axes = spatialAxes(format, rank);
      axes.spatial.forEach((axis, index) => {
        const [low, high] = at(cropped, index);
        const left = asNumber(add(dimOf(input, axis), -low - high));
        if (left !== null && left < 1) throw new ExportError(`cropping leaves nothing of axis ${axis}`);
      });
      const starts = cropped.map(([low]) => low);
      const ends = cropped.map(([, high]) => (high === 0 ? Number.MAX_SAFE_INTEGER : -high));
      const places = cropped.map((_, index) => index + 2);
      const bounds = [starts, ends, places].map((each) => graph.int64s(each));
      return windowNode(graph, "Slice", [channelsFirst(graph, input, axes), ...bounds], {}, axes);
    },
  });
}

/** Each step or voxel several times over. */
function repeating(rank: 1 | 3): LayerConverter {
  return defineConverter({
    className: `UpSampling${rank}D`,
    takes: "any",
    ops: ["Resize"],
    parse: (config) => ({
      scales: config.positives(
        "size",
        rank,
        Array.from({ length: rank }, () => 2),
      ),
      format: config.dataFormat(),
    }),
    emit({ graph }, { scales, format }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      const axes = spatialAxes(format, rank);
      const size = axes.spatial.map((axis, index) => multiply(dimOf(input, axis), at(scales, index)));
      return resizeImage(graph, input, axes, { size, scales }, { method: "nearest", coordinates: "asymmetric" });
    },
  });
}

/** TF.js resizes without half-pixel centres; Keras 3 with them. */
const upSampling2D: LayerConverter = defineConverter({
  className: "UpSampling2D",
  takes: "any",
  ops: ["Resize"],
  parse: (config, { keras3 }) => {
    const method = config.oneOf("interpolation", ["nearest", "bilinear"], "nearest");
    const coordinates = keras3 && method === "bilinear" ? "half_pixel" : "asymmetric";
    return {
      scales: config.positives("size", 2, [2, 2]),
      format: config.dataFormat(),
      how: { method, coordinates },
    } as const;
  },
  emit({ graph }, { scales, format, how }, inputs) {
    const input = only(inputs);
    expectRank(input, 4);
    const axes = spatialAxes(format, 2);
    const size = axes.spatial.map((axis, index) => multiply(dimOf(input, axis), at(scales, index)));
    return resizeImage(graph, input, axes, { size, scales }, how);
  },
});

export const borders: readonly LayerConverter[] = [
  ...[1, 2, 3].flatMap((rank) => [zeroPadding(rank), cropping(rank)]),
  repeating(1),
  upSampling2D,
  repeating(3),
];
