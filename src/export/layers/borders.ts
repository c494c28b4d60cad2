import { ExportError } from "../../errors.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { plus, times } from "../onnx/dims.ts";
import { dimOf } from "../onnx/value.ts";

import { resizeImage } from "./resize.ts";
import { channelsFirst, expectRank, spatialAxes, windowNode } from "./windows.ts";

const ONE_EACH = [
  [1, 1],
  [1, 1],
] as const;

const zeroPadding2D: LayerConverter = defineConverter({
  className: "ZeroPadding2D",
  ops: ["Pad"],
  integers: "kept",
  parse: (config) => ({ padding: config.pairs("padding", 2, ONE_EACH), format: config.dataFormat() }),
  emit({ graph }, { padding, format }, inputs) {
    const input = only(inputs);
    expectRank(input, 4);
    const axes = spatialAxes(format, 2);
    const pads = [0, 0, ...padding.map(([low]) => low), 0, 0, ...padding.map(([, high]) => high)];
    return windowNode(graph, "Pad", [channelsFirst(graph, input, axes), graph.int64s(pads)], {}, axes, {
      batch: dimOf(input, 0),
      channels: dimOf(input, axes.channels),
      spatial: axes.spatial.map((axis, index) => {
        const [low, high] = padding[index] ?? [0, 0];
        return plus(dimOf(input, axis), low + high);
      }),
    });
  },
});

const cropping2D: LayerConverter = defineConverter({
  className: "Cropping2D",
  ops: ["Slice"],
  integers: "kept",
  parse: (config) => ({
    cropping: config.pairs("cropping", 2, [
      [0, 0],
      [0, 0],
    ]),
    format: config.dataFormat(),
  }),
  emit({ graph }, { cropping, format }, inputs) {
    const input = only(inputs);
    expectRank(input, 4);
    const axes = spatialAxes(format, 2);
    const sizes = axes.spatial.map((axis, index) => {
      const [low, high] = cropping[index] ?? [0, 0];
      const left = plus(dimOf(input, axis), -low - high);
      if (typeof left === "number" && left < 1) throw new ExportError(`cropping leaves nothing of axis ${axis}`);
      return left;
    });
    const starts = cropping.map(([low]) => low);
    const ends = cropping.map(([, high]) => (high === 0 ? Number.MAX_SAFE_INTEGER : -high));
    const bounds = [starts, ends, [2, 3]].map((each) => graph.int64s(each));
    return windowNode(graph, "Slice", [channelsFirst(graph, input, axes), ...bounds], {}, axes, {
      batch: dimOf(input, 0),
      channels: dimOf(input, axes.channels),
      spatial: sizes,
    });
  },
});

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
    const size = axes.spatial.map((axis, index) => times(dimOf(input, axis), scales[index] ?? 1));
    return resizeImage(graph, input, axes, { size, scales }, how);
  },
});

export const borders: readonly LayerConverter[] = [zeroPadding2D, cropping2D, upSampling2D];
