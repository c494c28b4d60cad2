import { ExportError } from "../../errors.ts";
import { at } from "../../require.ts";
import { float32 } from "../../tensor.ts";
import { defineConverter, only, type EmitContext, type LayerConverter } from "../converter.ts";
import { batchNormalization as batchNormalizationNode } from "../build/ops/neural.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { axisOf, sameFactors, type Value } from "../ir/value.ts";

import { fixedSize } from "../build/windows.ts";

interface Statistics {
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** `gamma · (x − moving_mean) / sqrt(moving_variance + epsilon) + beta` along one axis. */
export const batchNormalization: LayerConverter = defineConverter({
  className: "BatchNormalization",
  ops: ["BatchNormalization", "Mul", "Add"],
  parse: (config) => ({
    axis: config.integer("axis", -1),
    epsilon: config.number("epsilon", 1e-3),
    center: config.boolean("center", true),
    scale: config.boolean("scale", true),
  }),
  emit(context, { axis, epsilon, center, scale }, inputs) {
    const { graph } = context;
    const input = only(inputs);
    const rank = input.axes.length;
    const place = axis < 0 ? rank + axis : axis;
    if (place < 1 || place >= rank) throw new ExportError(`axis ${axis} is not one of an input with ${rank} axes`);
    const size = fixedSize(input, place);
    const statistics = readStatistics(context, size, center, scale);
    const inPlace = input.stored.length >= 2 && sameFactors(at(input.stored, 1), axisOf(input, place));
    if (inPlace && size > 1) return normalize(context, input, statistics, epsilon);
    const factor = statistics.gamma.map((gamma, index) => gamma / Math.sqrt(at(statistics.variance, index) + epsilon));
    const shift = statistics.beta.map((beta, index) => beta - at(statistics.mean, index) * at(factor, index));
    const dims = [size, ...Array.from({ length: rank - 1 - place }, () => 1)];
    const scaled = graph.withConstant("Mul", input, "scale", float32(factor, dims));
    return graph.withConstant("Add", scaled, "shift", float32(shift, dims));
  },
});

function readStatistics({ weights }: EmitContext, size: number, center: boolean, scale: boolean): Statistics {
  const read = (name: string): Float32Array => Float32Array.from(weights.get(name, [size]).data);
  return {
    gamma: scale ? read("gamma") : new Float32Array(size).fill(1),
    beta: center ? read("beta") : new Float32Array(size),
    mean: read("moving_mean"),
    variance: read("moving_variance"),
  };
}

/** The axis is stored as the second dimension, where ONNX's BatchNormalization wants it. */
function normalize({ graph }: EmitContext, input: Value, statistics: Statistics, epsilon: number): Value {
  const { gamma, beta, mean, variance } = statistics;
  const constant = (label: string, data: Float32Array): GraphTensor =>
    graph.constant(label, float32(data, [data.length]));
  const parameters = {
    scale: constant("gamma", gamma),
    bias: constant("beta", beta),
    mean: constant("moving_mean", mean),
    variance: constant("moving_variance", variance),
  };
  return input.replacedBy(batchNormalizationNode(graph, input.tensor, parameters, epsilon));
}
