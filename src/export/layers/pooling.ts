import { ExportError } from "../../errors.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { asNumber, type Dim } from "../../onnx/dim.ts";
import { at as elementAt } from "../../require.ts";
import { reduce } from "../build/reduce.ts";
import { dimOf, insertAxis, type Value } from "../ir/value.ts";

import { ones } from "./convolution.ts";
import { channelsFirst, expectRank, fitWindow, spatialAxes, windowNode, type Padding, type Window } from "./windows.ts";

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
      // TF.js takes any other padding than `same` for `valid`.
      const given = config.oneOf("padding", keras3 ? ["valid", "same"] : ["valid", "same", "causal"], "valid");
      const padding: Padding = given === "same" ? "same" : "valid";
      const format = rank === 1 && !keras3 ? "channels_last" : config.dataFormat();
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

/**
 * ONNX Runtime does not find the padding of a pooling by itself where windows leave gaps on any axis. Both poolings can go
 * axis by axis, so that those with gaps, which need no more than one element at the end, are apart from the others.
 *
 * @throws {ExportError} for windows of three elements or more with gaps over a free size, whose padding depends on it
 */
export function axisByAxis(window: Window, sizes: readonly Dim[]): readonly Window[] {
  const { kernel, strides, padding } = window;
  const sides = sizes.map((size, axis) => {
    const [extent, stride] = [elementAt(kernel, axis), elementAt(strides, axis)];
    return { extent, stride, gap: extent < stride, free: asNumber(size) === null };
  });
  if (padding !== "same" || !sides.some(({ gap }) => gap)) return [window];
  const wide = sides.find(({ gap, free, extent }) => gap && free && extent > 2);
  if (wide !== undefined) {
    throw new ExportError(
      `padding "same" with windows of ${wide.extent} at strides of ${wide.stride} over a free size: ONNX Runtime cannot pool that`,
      { hint: "fix the size: --input-shape, or inputShapes in the library" },
    );
  }
  if (!sides.some(({ free, gap, stride }) => free && !gap && stride > 1)) return [window];
  const alone = (values: readonly number[], at: number): number[] =>
    values.map((each, axis) => (axis === at ? each : 1));
  return sizes.map((_, axis) => ({ ...window, kernel: alone(kernel, axis), strides: alone(strides, axis) }));
}

/** Pooling over all of the spatial axes, which vanish. */
function globalPooling(className: string, opType: "ReduceMax" | "ReduceMean", rank: number): LayerConverter {
  return defineConverter({
    className,
    ops: [opType],
    ...(opType === "ReduceMax" ? { integers: "kept" } : {}),
    parse(config, { keras3, kerasMasks }) {
      const format = rank === 1 && !keras3 ? "channels_last" : config.dataFormat();
      const keep = kerasMasks && config.boolean("keepdims", false);
      const heedsMasks = rank === 1 && opType === "ReduceMean";
      return { format, keep, heedsMasks, masked: kerasMasks && heedsMasks };
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
