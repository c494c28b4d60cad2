import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { reduce } from "../onnx/reduce.ts";
import { dimOf } from "../onnx/value.ts";

import { ones } from "./convolution.ts";
import { channelsFirst, expectRank, fitWindow, spatialAxes, windowNode } from "./windows.ts";

type PoolOp = "MaxPool" | "AveragePool";

/** Pooling over windows. Averages leave out what padding adds, as `count_include_pad = 0` does. */
function pooling(className: string, opType: PoolOp, rank: number): LayerConverter {
  return defineConverter({
    className,
    ops: [opType],
    ...(opType === "MaxPool" && rank < 3 ? { integers: "kept" } : {}),
    parse(config, { keras3 }) {
      const kernel = config.positives(
        "pool_size",
        rank,
        Array.from({ length: rank }, () => 2),
      );
      const strides = config.positives("strides", rank, kernel);
      const padding = config.oneOf("padding", ["valid", "same"], "valid");
      const format = rank === 1 && !keras3 ? "channels_last" : config.dataFormat();
      return { window: { kernel, strides, dilations: ones(rank), padding }, format };
    },
    emit({ graph }, { window, format }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      const axes = spatialAxes(format, rank);
      const fit = fitWindow(
        window,
        axes.spatial.map((axis) => dimOf(input, axis)),
      );
      return windowNode(graph, opType, [channelsFirst(graph, input, axes)], fit.attributes, axes, {
        batch: dimOf(input, 0),
        channels: dimOf(input, axes.channels),
        spatial: fit.dims,
      });
    },
  });
}

/** Pooling over all of the spatial axes, which vanish. */
function globalPooling(className: string, opType: "ReduceMax" | "ReduceMean", rank: number): LayerConverter {
  return defineConverter({
    className,
    ops: [opType],
    ...(opType === "ReduceMax" ? { integers: "kept" } : {}),
    parse(config, { keras3 }) {
      const format = rank === 1 && !keras3 ? "channels_last" : config.dataFormat();
      return { format, keep: keras3 && config.boolean("keepdims", false) };
    },
    emit({ graph }, { format, keep }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      return reduce(graph, opType, input, spatialAxes(format, rank).spatial, keep);
    },
  });
}

export const poolings: readonly LayerConverter[] = [
  ...[1, 2, 3].flatMap((rank) => [
    pooling(`MaxPooling${rank}D`, "MaxPool", rank),
    pooling(`AveragePooling${rank}D`, "AveragePool", rank),
  ]),
  ...[1, 2].flatMap((rank) => [
    globalPooling(`GlobalMaxPooling${rank}D`, "ReduceMax", rank),
    globalPooling(`GlobalAveragePooling${rank}D`, "ReduceMean", rank),
  ]),
];
