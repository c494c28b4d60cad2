import { ExportError } from "../../../errors.ts";
import { float, int } from "../../../onnx/model.ts";
import { isNumber } from "../../../onnx/dim.ts";
import { float32 } from "../../../tensor.ts";
import { alongAxis } from "../../keras-activations.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { axisOf, dimOf, sameFactors, viewOf, type Value } from "../../ir/value.ts";
import { channelsFirst, expectRank, spatialAxes } from "../../build/windows.ts";
import type { GraphOpConverter } from "../converter.ts";

import { defineOp } from "./define.ts";
import { withNumber } from "./operands.ts";

interface Statistics {
  readonly scale: Value;
  readonly offset: Value;
  readonly mean: Value;
  readonly variance: Value;
}

/**
 * By given statistics of the last axis, whatever the data format and `is_training` are: TF.js does not look at them. Without
 * statistics, as TensorFlow writes a training step, it computes NaN.
 */
const batchNormalization = defineOp(
  ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"],
  ["BatchNormalization", "Mul", "Add"],
  (context, { attributes }) => {
    const { graph } = context;
    const input = context.tensor(0);
    const statistics = {
      scale: context.tensor(1),
      offset: context.tensor(2),
      mean: context.tensor(3),
      variance: context.tensor(4),
    };
    const { mean, scale } = statistics;
    if (mean.rank === 1 && isNumber(dimOf(mean, 0), 0) && !isNumber(dimOf(scale, 0), 0)) {
      throw new ExportError(
        "it has no mean and variance, and TF.js does not compute those of the batch: it gives NaN",
        {
          hint: "save the model for inference; Keras's LayerNormalization does without at an epsilon below 0.001",
        },
      );
    }
    return normalize(graph, input, statistics, attributes.float("epsilon", 0.001));
  },
);

/** One node where the channels are stored second, as ONNX's BatchNormalization wants them; else a product and a sum. */
function normalize(graph: GraphBuilder, input: Value, statistics: Statistics, epsilon: number): Value {
  const { scale, offset, mean, variance } = statistics;
  const inPlace = input.stored[1] !== undefined && sameFactors(input.stored[1], axisOf(input, -1));
  const perChannel = Object.values(statistics).every(
    (each: Value) => each.rank === 1 && dimOf(each, 0) === dimOf(input, -1),
  );
  if (inPlace && perChannel && !isNumber(dimOf(input, -1), 1)) {
    const parameters = [scale, offset, mean, variance].map((each) => graph.plain(each));
    return input.replacedBy(graph.op("BatchNormalization", [input.tensor, ...parameters], { epsilon: float(epsilon) }));
  }
  const folded = foldStatistics(graph, statistics, epsilon);
  if (folded !== null) return graph.binary("Add", graph.binary("Mul", input, folded.factor), folded.shift);
  const deviation = graph.unary("Sqrt", withNumber(graph, "Add", variance, epsilon));
  const factor = graph.binary("Div", scale, deviation);
  const centred = graph.binary("Sub", input, mean);
  return graph.binary("Add", graph.binary("Mul", centred, factor), offset);
}

/** `x · factor + shift`, when the statistics are constants. */
function foldStatistics(
  graph: GraphBuilder,
  { scale, offset, mean, variance }: Statistics,
  epsilon: number,
): { readonly factor: Value; readonly shift: Value } | null {
  const known = [scale, offset, mean, variance].map((each) => graph.plain(each).constant);
  const [gamma, beta, centre, spread] = known.map((each) => (each?.dtype === "float32" ? each.data : null));
  if (gamma == null || beta == null || centre == null || spread == null) return null;
  const { length } = spread;
  if (![gamma, beta, centre].every((each) => each.length === length)) return null;
  const factor = gamma.map((each, index) => each / Math.sqrt((spread[index] ?? Number.NaN) + epsilon));
  const shift = beta.map((each, index) => each - (centre[index] ?? Number.NaN) * (factor[index] ?? Number.NaN));
  return {
    factor: graph.constantValue("scale", float32(factor, [length])),
    shift: graph.constantValue("shift", float32(shift, [length])),
  };
}

/** ONNX divides alpha by the number of channels that are added up; TensorFlow does not. */
const localResponse = defineOp(["LRN"], ["LRN"], (context, { attributes }) => {
  const { graph } = context;
  const input = context.tensor(0);
  expectRank(input, 4);
  const axes = spatialAxes("channels_last", 2);
  const size = 2 * attributes.int("depth_radius", 5) + 1;
  const made = graph.op("LRN", [channelsFirst(graph, input, axes)], {
    size: int(size),
    bias: float(attributes.float("bias", 1)),
    alpha: float(attributes.float("alpha", 1) * size),
    beta: float(attributes.float("beta", 0.5)),
  });
  return viewOf(made, [0, axes.channels, ...axes.spatial]);
});

export const normalizations: readonly GraphOpConverter[] = [
  batchNormalization,
  localResponse,
  ...(["Softmax", "LogSoftmax"] as const).map((op) =>
    defineOp([op], [op], (context) =>
      alongAxis(context.graph, op, context.graph.cast(context.tensor(0), "float32"), -1),
    ),
  ),
];
