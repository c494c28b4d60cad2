import { ExportError } from "../../errors.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import type { GraphBuilder } from "../onnx/builder.ts";
import type { Dim } from "../onnx/dims.ts";
import { reduce } from "../onnx/reduce.ts";
import { dimOf, insertAxis, type Value } from "../onnx/value.ts";

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
      const sizes = axes.spatial.map((axis) => dimOf(input, axis));
      refuseGaps(window, sizes);
      const fit = fitWindow(window, sizes);
      return windowNode(graph, opType, [channelsFirst(graph, input, axes)], fit.attributes, axes, {
        batch: dimOf(input, 0),
        channels: dimOf(input, axes.channels),
        spatial: fit.dims,
      });
    },
  });
}

/**
 * Windows with gaps between them over a free size have a padding that depends on it, unless they are of one or two elements.
 *
 * @throws {ExportError} for those, which ONNX Runtime refuses to pad by itself
 */
function refuseGaps({ kernel, strides, padding }: Window, sizes: readonly Dim[]): void {
  if (padding !== "same") return;
  const free = sizes.flatMap((size, index) =>
    typeof size === "number" ? [] : [{ extent: kernel[index] ?? 1, stride: strides[index] ?? 1 }],
  );
  const fitted = free.some(({ extent, stride }) => stride > 1 && (extent >= stride || extent > 2));
  const gap = free.find(({ extent, stride }) => extent < stride);
  if (gap === undefined || !fitted) return;
  throw new ExportError(
    `padding "same" with windows of ${gap.extent} at strides of ${gap.stride} over a free size: ONNX Runtime cannot pool that`,
    { hint: "fix the size: --input-shape, or inputShapes in the library" },
  );
}

/** Pooling over all of the spatial axes, which vanish. */
function globalPooling(className: string, opType: "ReduceMax" | "ReduceMean", rank: number): LayerConverter {
  return defineConverter({
    className,
    ops: [opType],
    ...(rank === 3 ? { notes: "Keras has it, TF.js does not" } : {}),
    ...(opType === "ReduceMax" ? { integers: "kept" } : {}),
    parse(config, { keras3, kerasMasks }) {
      const format = rank === 1 && !keras3 ? "channels_last" : config.dataFormat();
      const keep = keras3 && config.boolean("keepdims", false);
      return { format, keep, masked: kerasMasks && rank === 1 && opType === "ReduceMean" };
    },
    emit({ graph }, { format, keep, masked }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      const mask = inputs[0]?.mask ?? null;
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
