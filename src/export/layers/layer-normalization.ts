import { ExportError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { withScalar } from "../keras-activations.ts";
import { defineConverter, only, type EmitContext, type LayerConverter } from "../converter.ts";
import { asNumber } from "../../onnx/dim.ts";
import { layerNormalization as layerNormalizationNode } from "../build/ops/neural.ts";
import { knownSize, permuteFactors } from "../build/permute.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { reduce } from "../build/reduce.ts";
import { axisOf, dimOf, type Axis, type Value } from "../ir/value.ts";

import { fixedSize } from "../build/windows.ts";

/** What is normalised, over which axes. */
export interface Normalization {
  /** Axes of TF.js's, ascending. */
  readonly axes: readonly number[];
  readonly epsilon: number;
  readonly gamma: Tensor | null;
  readonly beta: Tensor | null;
}

/** `gamma · (x − mean) / sqrt(variance + epsilon) + beta`, mean and variance over some axes of each sample. */
export const layerNormalization: LayerConverter = defineConverter({
  className: "LayerNormalization",
  ops: ["LayerNormalization", "ReduceMean", "Sub", "Mul", "Add", "Sqrt", "Div"],
  parse: (config) => ({
    axes: config.integers("axis", null, [-1]),
    epsilon: config.number("epsilon", 1e-3),
    center: config.boolean("center", true),
    scale: config.boolean("scale", true),
  }),
  emit({ graph, weights }, config, inputs) {
    const input = only(inputs);
    const places = config.axes.map((axis) => (axis < 0 ? input.axes.length + axis : axis));
    const wrong = places.some((place) => place < 1 || place >= input.axes.length);
    if (wrong || new Set(places).size !== places.length) {
      throw new ExportError(`axis [${config.axes.join(", ")}] does not fit an input with ${input.axes.length} axes`);
    }
    // TF.js reshapes parameters for axes in descending order to ascending order without moving elements.
    const shape = config.scale || config.center ? places.map((place) => fixedSize(input, place)) : [];
    const normalization = {
      axes: places.toSorted((a, b) => a - b),
      epsilon: config.epsilon,
      gamma: config.scale ? weights.get("gamma", shape) : null,
      beta: config.center ? weights.get("beta", shape) : null,
    };
    return normalize(graph, input, normalization);
  },
});

type Graph = EmitContext["graph"];

/** One LayerNormalization node where the opset has it and the axes' sizes are fixed. */
export function normalize(graph: Graph, input: Value, normalization: Normalization): Value {
  const isFree = normalization.axes.some((axis) => asNumber(dimOf(input, axis)) === null);
  return graph.opset >= 17 && !isFree ? native(graph, input, normalization) : decomposed(graph, input, normalization);
}

/** ONNX LayerNormalization goes over the last dimensions, so the axes are stored last. */
function native(graph: Graph, input: Value, { axes, epsilon, gamma, beta }: Normalization): Value {
  const { value, factors } = graph.contract(input, axes);
  const own = axes.flatMap((axis) => axisOf(input, axis));
  const size = fixedSizeOf(factors);
  const constant = (label: string, tensor: Tensor): GraphTensor =>
    graph.constant(label, { ...permuteFactors(tensor, own, factors), dims: [size] });
  const ones = (): Tensor => ({ dtype: "float32", dims: [size], data: new Float32Array(size).fill(1) });
  const [scale, bias] = [constant("gamma", gamma ?? ones()), beta === null ? null : constant("beta", beta)];
  return value.replacedBy(layerNormalizationNode(graph, value.tensor, scale, bias, { axis: -1, epsilon }));
}

function fixedSizeOf(axis: Axis): number {
  return axis.reduce((size, factor) => size * knownSize(factor), 1);
}

function decomposed(graph: Graph, input: Value, { axes, epsilon, gamma, beta }: Normalization): Value {
  const centered = graph.binary("Sub", input, reduce(graph, "ReduceMean", input, axes, true));
  const variance = reduce(graph, "ReduceMean", graph.binary("Mul", centered, centered), axes, true);
  const deviation = graph.unary("Sqrt", withScalar(graph, "Add", variance, epsilon));
  const normal = graph.binary("Div", centered, deviation);
  const parameter = (opType: string, value: Value, label: string, tensor: Tensor | null): Value => {
    if (tensor === null) return value;
    const dims = input.axes.map((axis, place) => (axes.includes(place) ? fixedSizeOf(axis) : 1));
    return graph.withConstant(opType, value, label, { ...tensor, dims });
  };
  return parameter("Add", parameter("Mul", normal, "gamma", gamma), "beta", beta);
}
