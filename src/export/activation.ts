import { ExportError } from "../errors.ts";
import { float } from "../onnx/model.ts";

import type { Rules } from "./rules.ts";
import { alongAxis, applyKerasActivation, clipped, withScalar, type KerasActivation } from "./keras-activations.ts";
import type { GraphBuilder } from "./build/builder.ts";
import type { Value } from "./ir/value.ts";
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

type TfjsActivation = (typeof ACTIVATIONS)[number];

/** One of TF.js's activations, or one that only Keras has or that has arguments of its own. */
export type Activation = TfjsActivation | KerasActivation;

/** What {@link readActivation} needs to know about the model. */
type Dialect = Pick<Rules, "hardSigmoid">;

/** How an activation is written: by name, as a function, or as a layer with a configuration. */
interface Written {
  readonly config: ConfigReader;
  /** Written as a layer, whose defaults may differ from those of the function. */
  readonly isLayer: boolean;
}

/** Activations with arguments, and those that TF.js lacks, by name. The plain ones of TF.js are in {@link ACTIVATIONS}. */
const KERAS: Readonly<Record<string, (written: Written, dialect: Dialect) => Activation>> = {
  relu: ({ config }) => readRelu(config),
  leaky_relu: ({ config, isLayer }) => ({ name: "leaky_relu", slope: slopeOf(config) ?? (isLayer ? 0.3 : 0.2) }),
  elu: ({ config }) => {
    const alpha = config.number("alpha", 1);
    return alpha === 1 ? "elu" : { name: "elu", alpha };
  },
  celu: ({ config }) => {
    const alpha = config.number("alpha", 1);
    if (alpha === 0) throw new ExportError("alpha of celu must not be 0");
    return { name: "celu", alpha };
  },
  gelu: ({ config }) => (config.boolean("approximate", false) ? "gelu_new" : "gelu"),
  exponential: () => ({ name: "exponential" }),
  glu: ({ config }) => {
    lastAxisOf(config, "glu");
    return { name: "glu" };
  },
  hard_shrink: ({ config }) => ({ name: "hard_shrink", threshold: config.number("threshold", 0.5) }),
  soft_shrink: ({ config }) => ({ name: "soft_shrink", threshold: config.number("threshold", 0.5) }),
  threshold: ({ config }) => ({
    name: "threshold",
    threshold: config.number("threshold"),
    otherwise: config.number("default_value"),
  }),
  thresholded_relu: ({ config }) => ({ name: "threshold", threshold: config.number("theta", 1), otherwise: 0 }),
  hard_sigmoid: (_, { hardSigmoid }) => (hardSigmoid === true ? { name: "hard_sigmoid" } : "hard_sigmoid"),
  hard_silu: () => ({ name: "hard_silu" }),
  hard_swish: () => ({ name: "hard_silu" }),
  hard_tanh: () => ({ name: "hard_tanh" }),
  log_sigmoid: () => ({ name: "log_sigmoid" }),
  sparse_plus: () => ({ name: "sparse_plus" }),
  sparse_sigmoid: () => ({ name: "sparse_sigmoid" }),
  sparsemax: ({ config }) => {
    lastAxisOf(config, "sparsemax");
    return { name: "sparsemax" };
  },
  squareplus: ({ config }) => ({ name: "squareplus", b: config.number("b", 4) }),
  tanh_shrink: () => ({ name: "tanh_shrink" }),
  softmax: ({ config }) => withAxis("softmax", config),
  log_softmax: ({ config }) => withAxis("log_softmax", config),
};

/** The arguments of Keras's function `relu`, and of its layer ReLU. */
function readRelu(config: ConfigReader): Activation {
  const limit = config.number("max_value", null);
  const slope = slopeOf(config) ?? 0;
  const threshold = config.number("threshold", 0);
  if (slope === 0 && threshold === 0 && limit === null) return "relu";
  if (slope === 0 && threshold === 0 && limit === 6) return "relu6";
  if (limit !== null && limit < 0) throw new ExportError(`max_value must not be negative; got ${limit}`);
  return { name: "relu", slope, limit, threshold };
}

/** `negative_slope` in Keras 3, `alpha` in Keras 2; null where neither is given. */
function slopeOf(config: ConfigReader): number | null {
  return config.number("negative_slope", null) ?? config.number("alpha", null);
}

function withAxis(name: "softmax" | "log_softmax", config: ConfigReader): Activation {
  const axis = config.integer("axis", -1);
  return axis === -1 ? name : { name, axis };
}

/** @throws {ExportError} for another axis than the last */
function lastAxisOf(config: ConfigReader, name: string): void {
  const axis = config.integer("axis", -1);
  if (axis !== -1) throw new ExportError(`${name} is converted along the last axis only; axis is ${axis}`);
}

const NAMES: ReadonlySet<string> = new Set<string>([...ACTIVATIONS, ...Object.keys(KERAS)]);

/**
 * The activation a layer names under `key`; `otherwise` when it names none.
 *
 * @param rules those of the model
 * @throws {ExportError} when there is no such activation, or not with these arguments
 */
export function readActivation(
  config: ConfigReader,
  key: string,
  rules: Dialect,
  otherwise: TfjsActivation = "linear",
): Activation {
  const { name, config: own, isLayer } = config.activation(key, otherwise);
  const read = Object.hasOwn(KERAS, name) ? KERAS[name] : undefined;
  if (read !== undefined) return read({ config: own, isLayer }, rules);
  const match = ACTIVATIONS.find((activation) => activation === name);
  if (match !== undefined) return match;
  if (name === "p_relu" || name === "prelu") {
    throw new ExportError(`${key} is a PReLU, whose weights belong to a layer`, {
      hint: "make it a layer of its own after this one",
    });
  }
  throw new ExportError(`${key} must be one of ${[...NAMES].join(", ")}; got "${name}"`);
}

/** Whether TF.js has the activation, so that it can load a layer with it. */
export function isTfjsActivation(activation: Activation): activation is TfjsActivation {
  return typeof activation === "string";
}

/**
 * Append an activation over the last axis (softmax, log_softmax) or elementwise.
 * Source: tfjs-layers/src/activations.ts.
 */
export function applyActivation(graph: GraphBuilder, activation: Activation, input: Value): Value {
  if (!isTfjsActivation(activation)) return applyKerasActivation(graph, activation, input);
  switch (activation) {
    case "linear":
      return input;
    case "relu":
      return graph.unary("Relu", input);
    case "relu6":
      return clipped(graph, input, 0, 6);
    case "elu":
      return graph.unary("Elu", input);
    case "selu":
      return graph.unary("Selu", input);
    case "sigmoid":
      return graph.unary("Sigmoid", input);
    case "hard_sigmoid":
      return graph.unary("HardSigmoid", input, { alpha: float(0.2), beta: float(0.5) });
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

/** Product of two values that are stored alike. */
function product(graph: GraphBuilder, a: Value, b: Value): Value {
  return graph.binary("Mul", a, b);
}
