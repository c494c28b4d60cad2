import { ExportError } from "../errors.ts";

import { asNumber, show } from "../onnx/dim.ts";
import { float, int } from "../onnx/model.ts";
import { at } from "../require.ts";

import type { GraphBuilder } from "./build/builder.ts";
import { cast, div, greater, mul, sigmoid, sub, where as whereNode } from "./build/ops/elementwise.ts";
import { topK } from "./build/ops/neural.ts";
import { reduceTensor } from "./build/ops/reduction.ts";
import { cumSum, split } from "./build/ops/shape.ts";
import type { GraphTensor } from "./ir/graph-tensor.ts";
import { dimOf, viewOf, type Value } from "./ir/value.ts";

/** Activations of Keras that TF.js lacks, and those of both with arguments of their own. */
export type KerasActivation =
  | { readonly name: "relu"; readonly slope: number; readonly limit: number | null; readonly threshold: number }
  | { readonly name: "leaky_relu"; readonly slope: number }
  | { readonly name: "elu" | "celu"; readonly alpha: number }
  | { readonly name: "hard_shrink" | "soft_shrink"; readonly threshold: number }
  | { readonly name: "threshold"; readonly threshold: number; readonly otherwise: number }
  | { readonly name: "squareplus"; readonly b: number }
  | { readonly name: "softmax" | "log_softmax"; readonly axis: number }
  | {
      readonly name:
        | "exponential"
        | "glu"
        | "hard_sigmoid"
        | "hard_silu"
        | "hard_tanh"
        | "log_sigmoid"
        | "sparse_plus"
        | "sparse_sigmoid"
        | "sparsemax"
        | "tanh_shrink";
    };

/**
 * Append one of Keras's activations. `glu` and `sparsemax` go along the last axis; all but the softmaxes, which are along an
 * axis of their own, are elementwise.
 *
 * Source: Keras 3.15, keras/src/activations/activations.py and keras/src/ops/nn.py.
 *
 * @throws {ExportError} for `glu` and `sparsemax` along an axis whose size is not known or not even
 */
export function applyKerasActivation(graph: GraphBuilder, activation: KerasActivation, input: Value): Value {
  const scalar = (opType: string, value: Value, by: number): Value => withScalar(graph, opType, value, by);
  switch (activation.name) {
    case "relu":
      return relu(graph, activation, input);
    case "leaky_relu":
      return graph.unary("LeakyRelu", input, { alpha: float(activation.slope) });
    case "elu":
      return graph.unary("Elu", input, { alpha: float(activation.alpha) });
    case "celu": {
      const { alpha } = activation;
      return alpha === 1
        ? graph.unary("Elu", input)
        : scalar("Mul", graph.unary("Elu", scalar("Div", input, alpha)), alpha);
    }
    case "exponential":
      return graph.unary("Exp", input);
    case "glu":
      return gatedLinear(graph, input);
    case "hard_shrink": {
      const beyond = scalar("Greater", graph.unary("Abs", input), activation.threshold);
      return where(graph, beyond, input, graph.scalar(0), input);
    }
    case "soft_shrink": {
      const { threshold } = activation;
      return graph.binary("Sub", input, clipped(graph, input, -threshold, threshold));
    }
    case "threshold": {
      const { threshold, otherwise } = activation;
      return where(graph, scalar("Greater", input, threshold), input, graph.scalar(otherwise), input);
    }
    case "hard_sigmoid":
      return graph.unary("HardSigmoid", input, { alpha: float(1 / 6), beta: float(0.5) });
    case "hard_silu":
      return graph.opset >= 14
        ? graph.unary("HardSwish", input)
        : graph.binary("Mul", input, applyKerasActivation(graph, { name: "hard_sigmoid" }, input));
    case "hard_tanh":
      return clipped(graph, input, -1, 1);
    case "log_sigmoid":
      return graph.unary("Neg", graph.unary("Softplus", graph.unary("Neg", input)));
    case "sparse_plus": {
      // 0 up to -1, (x + 1)² / 4 up to 1, then x.
      const raised = scalar("Add", clipped(graph, input, -1, 1), 1);
      const curve = scalar("Mul", graph.binary("Mul", raised, raised), 0.25);
      return graph.binary("Add", curve, graph.unary("Relu", scalar("Sub", input, 1)));
    }
    case "sparse_sigmoid":
      return graph.unary("HardSigmoid", input, { alpha: float(0.5), beta: float(0.5) });
    case "sparsemax":
      return sparsemax(graph, input);
    case "squareplus": {
      const root = graph.unary("Sqrt", scalar("Add", graph.binary("Mul", input, input), activation.b));
      return scalar("Mul", graph.binary("Add", input, root), 0.5);
    }
    case "tanh_shrink":
      return graph.binary("Sub", input, graph.unary("Tanh", input));
    case "softmax":
      return alongAxis(graph, "Softmax", input, activation.axis);
    case "log_softmax":
      return alongAxis(graph, "LogSoftmax", input, activation.axis);
    default:
      activation satisfies never;
      throw new TypeError("unreachable");
  }
}

/** `x` above the threshold, at most `limit`; below it `slope · (x − threshold)`. */
function relu(
  graph: GraphBuilder,
  { slope, limit, threshold }: Extract<KerasActivation, { name: "relu" }>,
  input: Value,
): Value {
  if (limit === null && threshold === 0) {
    return slope === 0 ? graph.unary("Relu", input) : graph.unary("LeakyRelu", input, { alpha: float(slope) });
  }
  const above =
    threshold === 0
      ? clipped(graph, input, 0, limit)
      : limited(
          graph,
          where(graph, withScalar(graph, "Greater", input, threshold), input, graph.scalar(0), input),
          limit,
        );
  if (slope === 0) return above;
  // threshold - x, and not x - threshold, which may be -0.
  const distance = sub(graph, graph.scalar(threshold), input.tensor);
  const below = withScalar(graph, "Mul", graph.unary("Relu", input.replacedBy(distance)), slope);
  return graph.binary("Sub", above, below);
}

function limited(graph: GraphBuilder, value: Value, limit: number | null): Value {
  return limit === null ? value : clipped(graph, value, 0, limit);
}

/** The first half of the last axis, times the sigmoid of the second. */
function gatedLinear(graph: GraphBuilder, input: Value): Value {
  const size = asNumber(dimOf(input, -1));
  if (size === null || size % 2 !== 0) {
    throw new ExportError(`glu halves the last axis, whose size must be even; it is ${show(dimOf(input, -1))}`);
  }
  const halves = split(graph, graph.plain(input), [size / 2, size / 2], input.rank - 1);
  return viewOf(mul(graph, at(halves, 0), sigmoid(graph, at(halves, 1))));
}

/**
 * `max(x − τ, 0)` along the last axis, with Keras's τ: of the elements, largest first, let `s_k` be the sum of the first k, and
 * K the set of those k for which the k-th element exceeds `(s_k − 1) / k`; then τ is `(Σ_{k ∈ K} s_k − 1) / |K|`. (Martins and
 * Astudillo, 2016, have the last `s_k` of K instead of their sum, so that the outputs add up to 1, as those of Keras do not.)
 * Source: Keras 3.15, keras/src/backend/tensorflow/nn.py; its other backends compute the same.
 */
function sparsemax(graph: GraphBuilder, input: Value): Value {
  const size = asNumber(dimOf(input, -1));
  if (size === null) {
    throw new ExportError(`sparsemax needs a last axis of a known size; it is ${show(dimOf(input, -1))}`);
  }
  const { value, dim } = graph.isolate(input, -1);
  const sorted = topK(graph, value.tensor, graph.int64s([size]), { axis: dim }).values;
  const sums = cumSum(graph, sorted, dim);
  const dims = [size, ...value.stored.slice(dim + 1).map(() => 1)];
  const counts = Float32Array.from({ length: size }, (_, index) => index + 1);
  const divisors = graph.constant("counts", { dtype: "float32", dims, data: counts });
  const means = div(graph, sub(graph, sums, graph.scalar(1)), divisors);
  const supported = cast(graph, greater(graph, sorted, means), "float32");
  const total = (tensor: GraphTensor): GraphTensor => reduceTensor(graph, "ReduceSum", tensor, [dim], true);
  const excess = sub(graph, total(mul(graph, sums, supported)), graph.scalar(1));
  const threshold = div(graph, excess, total(supported));
  return graph.unary("Relu", value.replacedBy(sub(graph, value.tensor, threshold)));
}

/** `yes` where the condition holds, else the scalar `no`; stored as `like` is. */
function where(graph: GraphBuilder, condition: Value, yes: Value, no: GraphTensor, like: Value): Value {
  return like.replacedBy(whereNode(graph, condition.tensor, yes.tensor, no));
}

/** An operator with an `axis` attribute along one axis of TF.js's. */
export function alongAxis(graph: GraphBuilder, opType: "Softmax" | "LogSoftmax", input: Value, axis: number): Value {
  const rank = input.axes.length;
  if (axis < -rank || axis >= rank) throw new ExportError(`axis ${axis} does not fit an input with ${rank} axes`);
  const { value, dim } = graph.isolate(input, axis);
  // The last dimension is what runtimes are quick at; after it only dimensions of size 1 may be left.
  const plainly = dim < value.stored.length - 1 && value.stored.slice(dim + 1).every(({ length }) => length === 0);
  const last = axis === -1 || axis === input.axes.length - 1;
  if (!plainly || !last) return graph.unary(opType, value, { axis: int(dim) });
  return graph.unary(opType, graph.storedAs(input, value.stored.slice(0, dim + 1)), { axis: int(dim) });
}

/** `min(max(x, low), high)`; a null bound is none. */
export function clipped(graph: GraphBuilder, input: Value, low: number | null, high: number | null): Value {
  const bound = (limit: number | null): GraphTensor | null => (limit === null ? null : graph.scalar(limit));
  return input.replacedBy(graph.op("Clip", [input.tensor, bound(low), bound(high)]));
}

/** An elementwise operator with a scalar on the right. */
export function withScalar(graph: GraphBuilder, opType: string, input: Value, scalar: number): Value {
  return input.replacedBy(graph.op(opType, [input.tensor, graph.scalar(scalar)]));
}
