import { ExportError } from "../../errors.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { plus, times } from "../onnx/dims.ts";
import { string } from "../onnx/graph.ts";
import { dimOf } from "../onnx/value.ts";

import { channelsFirst, expectRank, spatialAxes, windowNode } from "./windows.ts";

const ONE_EACH = [
  [1, 1],
  [1, 1],
] as const;

const zeroPadding2D: LayerConverter = defineConverter({
  className: "ZeroPadding2D",
  ops: ["Pad"],
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
  ops: ["Resize"],
  parse: (config, { keras3 }) => ({
    size: config.positives("size", 2, [2, 2]),
    interpolation: config.oneOf("interpolation", ["nearest", "bilinear"], "nearest"),
    format: config.dataFormat(),
    halfPixel: keras3,
  }),
  emit({ graph }, { size, interpolation, format, halfPixel }, inputs) {
    const input = only(inputs);
    expectRank(input, 4);
    const axes = spatialAxes(format, 2);
    const [down = 1, across = 1] = size;
    const scales = { dtype: "float32", dims: [4], data: Float32Array.of(1, 1, down, across) } as const;
    const linear = interpolation === "bilinear";
    const attributes = {
      mode: string(linear ? "linear" : "nearest"),
      coordinate_transformation_mode: string(linear && halfPixel ? "half_pixel" : "asymmetric"),
      ...(linear ? {} : { nearest_mode: string("floor") }),
    };
    const x = channelsFirst(graph, input, axes);
    return windowNode(graph, "Resize", [x, null, graph.constant("scales", scales)], attributes, axes, {
      batch: dimOf(input, 0),
      channels: dimOf(input, axes.channels),
      spatial: axes.spatial.map((axis, index) => times(dimOf(input, axis), size[index] ?? 1)),
    });
  },
});

export const borders: readonly LayerConverter[] = [zeroPadding2D, cropping2D, upSampling2D];
