import { defineConverter, only, type LayerConverter } from "../converter.ts";
import type { GraphBuilder } from "../build/builder.ts";
import type { Dim } from "../../onnx/dim.ts";
import { reduce } from "../build/reduce.ts";
import { dimOf, insertAxis, type Value } from "../ir/value.ts";

import { ones } from "./convolution.ts";
import {
  axisByAxis,
  channelsFirst,
  expectRank,
  fitWindow,
  spatialAxes,
  windowNode,
  type Padding,
} from "../build/windows.ts";

type PoolOp = "MaxPool" | "AveragePool";

/** Pooling over windows. Averages leave out what padding adds, as `count_include_pad = 0` does. */
function pooling(className: string, opType: PoolOp, rank: number): LayerConverter {
  return defineConverter({
    className,
    ops: [opType],
    ...(opType === "MaxPool" && rank < 3 ? { integers: "kept" } : {}),
    parse(config, { rules }) {
      const kernel = config.positives(
        "pool_size",
        rank,
        Array.from({ length: rank }, () => 2),
      );
      const strides = config.positives("strides", rank, kernel);
      const given = config.oneOf(
        "padding",
        rules.padding === true ? ["valid", "same"] : ["valid", "same", "causal"],
        "valid",
      );
      const padding: Padding = given === "same" ? "same" : "valid";
      const format = rank === 1 && rules.stepsFormat !== true ? "channels_last" : config.dataFormat();
      return { window: { kernel, strides, dilations: ones(rank), padding }, format };
    },
    emit({ graph }, { window, format }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      const axes = spatialAxes(format, rank);
      const sizesOf = (value: Value): Dim[] => axes.spatial.map((axis) => dimOf(value, axis));
      return axisByAxis(window, sizesOf(input)).reduce((value, part) => {
        const fit = fitWindow(part, sizesOf(value));
        return windowNode(graph, opType, [channelsFirst(graph, value, axes)], fit.attributes, axes);
      }, input);
    },
  });
}

/** Pooling over all of the spatial axes, which vanish. */
function globalPooling(className: string, opType: "ReduceMax" | "ReduceMean", rank: number): LayerConverter {
  return defineConverter({
    className,
    ops: [opType],
    ...(opType === "ReduceMax" ? { integers: "kept" } : {}),
    parse(config, { rules }) {
      const format = rank === 1 && rules.stepsFormat !== true ? "channels_last" : config.dataFormat();
      const keep = rules.keepdims === true && config.boolean("keepdims", false);
      const heedsMasks = rank === 1 && opType === "ReduceMean";
      return { format, keep, heedsMasks, masked: rules.masks === true && heedsMasks };
    },
    emit({ graph, noteKeras }, { format, keep, heedsMasks, masked }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      const mask = inputs[0]?.mask ?? null;
      if (heedsMasks && mask !== null) noteKeras("Keras leaves masked steps out of the mean, and TF.js does not");
      if (masked && mask !== null) return maskedMean(graph, input, mask, spatialAxes(format, rank).spatial, keep);
      return reduce(graph, opType, input, spatialAxes(format, rank).spatial, keep);
    },
  });
}

/** Keras: the mean of the steps that are not masked. */
function maskedMean(graph: GraphBuilder, x: Value, mask: Value, axes: readonly number[], keep: boolean): Value {
  const [steps = 1] = axes;
  const weights = insertAxis(graph.cast(mask, "float32"), steps === 1 ? 2 : 1);
  const sum = reduce(graph, "ReduceSum", graph.binary("Mul", x, weights), axes, keep);
  return graph.binary("Div", sum, reduce(graph, "ReduceSum", weights, axes, keep));
}

export const poolings: readonly LayerConverter[] = [
  ...[1, 2, 3].flatMap((rank) => [
    pooling(`MaxPooling${rank}D`, "MaxPool", rank),
    pooling(`AveragePooling${rank}D`, "AveragePool", rank),
  ]),
  ...[1, 2, 3].flatMap((rank) => [
    globalPooling(`GlobalMaxPooling${rank}D`, "ReduceMax", rank),
    globalPooling(`GlobalAveragePooling${rank}D`, "ReduceMean", rank),
  ]),
];
