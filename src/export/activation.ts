import { ExportError } from "../errors.ts";
import { float, int } from "../onnx/model.ts";

import type { GraphBuilder } from "./onnx/builder.ts";
import type { Value } from "./onnx/value.ts";
import type { ConfigReader } from "./source/config.ts";

/** The activations of TF.js by their serialized names. */
export const ACTIVATIONS = [
  "linear",
  "relu",
  "relu6",
  "elu",
  "selu",
  "sigmoid",
  "hard_sigmoid",
  "softplus",
  "softsign",
  "tanh",
  "softmax",
  "log_softmax",
  "gelu",
  "gelu_new",
  "mish",
  "swish",
] as const;

export type Activation = (typeof ACTIVATIONS)[number] | "hard_sigmoid_keras3" | "hard_silu";

/** Keys of a layer that Keras wrote where an activation is named, and the values with which it is the plain activation. */
type PlainKeys = readonly (readonly [key: string, value: number | null])[];

const RELU_KEYS: PlainKeys = [
  ["max_value", null],
  ["negative_slope", 0],
  ["threshold", 0],
];
const PLAIN_KEYS: ReadonlyMap<string, PlainKeys> = new Map<string, PlainKeys>([
  ["relu", RELU_KEYS],
  ["elu", [["alpha", 1]]],
  ["softmax", [["axis", -1]]],
]);

function isPlain(config: ConfigReader, keys: PlainKeys): boolean {
  return keys.every(([key, value]) => config.number(key, value) === value);
}

/**
 * The activation a layer names under `key`; `otherwise` when it names none.
 *
 * @param keras3 the model is Keras 3's, whose `hard_sigmoid` is clip(x / 6 + 0.5, 0, 1), and which has `hard_silu`, x times that
 * @throws {ExportError} when there is no such activation.
 */
export function readActivation(
  config: ConfigReader,
  key: string,
  keras3: boolean,
  otherwise: Activation = "linear",
): Activation {
  const { name, config: own } = config.activation(key, otherwise);
  if (name === "relu" && own.number("max_value", null) === 6 && isPlain(own, RELU_KEYS.slice(1))) return "relu6";
  const keys = PLAIN_KEYS.get(name) ?? [];
  if (!isPlain(own, keys)) {
    throw new ExportError(`${key} is a layer ${name} with ${keys.map(([each]) => each).join(", ")} of its own`, {
      hint: "make it a layer after this one",
    });
  }
  if (name === "hard_sigmoid" && keras3) return "hard_sigmoid_keras3";
  if (/^hard_(silu|swish)$/.test(name) && keras3) return "hard_silu";
  const match = ACTIVATIONS.find((activation) => activation === name);
  if (match !== undefined) return match;
  throw new ExportError(`${key} must be one of ${ACTIVATIONS.join(", ")}; got "${name}"`);
}

/**
 * Append an activation over the last axis (softmax, log_softmax) or elementwise.
 * Source: tfjs-layers/src/activations.ts.
 */
export function applyActivation(graph: GraphBuilder, activation: Activation, input: Value): Value {
  switch (activation) {
    case "linear":
      return input;
    case "relu":
      return graph.unary("Relu", input);
    case "relu6":
      return clip(graph, input, 0, 6);
    case "elu":
      return graph.unary("Elu", input);
    case "selu":
      return graph.unary("Selu", input);
    case "sigmoid":
      return graph.unary("Sigmoid", input);
    case "hard_sigmoid":
      return graph.unary("HardSigmoid", input, { alpha: float(0.2), beta: float(0.5) });
    case "hard_sigmoid_keras3":
      return graph.unary("HardSigmoid", input, { alpha: float(1 / 6), beta: float(0.5) });
    case "hard_silu":
      return graph.opset >= 14
        ? graph.unary("HardSwish", input)
        : product(graph, input, applyActivation(graph, "hard_sigmoid_keras3", input));
    case "softplus":
      return graph.unary("Softplus", input);
    case "softsign":
      return graph.unary("Softsign", input);
    case "tanh":
      return graph.unary("Tanh", input);
    case "softmax":
      return alongAxis(graph, "Softmax", input, -1);
    case "log_softmax":
      return alongAxis(graph, "LogSoftmax", input, -1);
    case "gelu":
      return gelu(graph, input);
    case "gelu_new":
      return geluByTanh(graph, input);
    case "mish":
      return product(graph, input, graph.unary("Tanh", graph.unary("Softplus", input)));
    case "swish":
      return product(graph, input, graph.unary("Sigmoid", input));
    default:
      activation satisfies never;
      throw new TypeError("unreachable");
  }
}

/** An operator with an `axis` attribute along one axis of TF.js's. */
export function alongAxis(graph: GraphBuilder, opType: "Softmax" | "LogSoftmax", input: Value, axis: number): Value {
  const { value, dim } = graph.isolate(input, axis);
  // The last dimension is what runtimes are quick at; after it only dimensions of size 1 may be left.
  const plainly = dim < value.stored.length - 1 && value.stored.slice(dim + 1).every(({ length }) => length === 0);
  const last = axis === -1 || axis === input.axes.length - 1;
  if (!plainly || !last) return graph.unary(opType, value, { axis: int(dim) });
  return graph.unary(opType, graph.storedAs(input, value.stored.slice(0, dim + 1)), { axis: int(dim) });
}

/** `min(max(x, low), high)`; a null bound is none. */
export function clip(graph: GraphBuilder, input: Value, low: number | null, high: number | null): Value {
  const bound = (limit: number | null): string | null => (limit === null ? null : graph.scalar(limit));
  return { ...input, name: graph.op("Clip", [input.name, bound(low), bound(high)]) };
}

/** `0.5 x (1 + erf(x / sqrt 2))`. */
function gelu(graph: GraphBuilder, input: Value): Value {
  if (graph.opset >= 20) return graph.unary("Gelu", input);
  const scaled = withScalar(graph, "Mul", input, Math.SQRT1_2);
  const shifted = withScalar(graph, "Add", graph.unary("Erf", scaled), 1);
  return product(graph, withScalar(graph, "Mul", input, 0.5), shifted);
}

/** `0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`. */
function geluByTanh(graph: GraphBuilder, input: Value): Value {
  const square = product(graph, input, input);
  const inner = withScalar(graph, "Add", withScalar(graph, "Mul", square, 0.044715), 1);
  const argument = withScalar(graph, "Mul", product(graph, input, inner), Math.sqrt(2 / Math.PI));
  const shifted = withScalar(graph, "Add", graph.unary("Tanh", argument), 1);
  return product(graph, withScalar(graph, "Mul", input, 0.5), shifted);
}

/** An elementwise operator with a scalar on the right. */
export function withScalar(graph: GraphBuilder, opType: string, input: Value, scalar: number): Value {
  return { ...input, name: graph.op(opType, [input.name, graph.scalar(scalar)]) };
}

/** Product of two values that are stored alike. */
function product(graph: GraphBuilder, a: Value, b: Value): Value {
  return graph.binary("Mul", a, b);
}
