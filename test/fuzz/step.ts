import * as tf from "@tensorflow/tfjs";

/**
 * No masks: once TF.js has met one, its executor hands it to every later layer, those it does not reach included
 * (engine/executor.js keeps one `kwargs`), which exports do not copy. test/export/layers has the models with masks.
 *
 * A random model is a list of steps that are read one after the other: each takes the tensor made last and adds a layer,
 * if one of its kind fits there, so that a list stays a model when steps are dropped or made simpler (shrinking).
 */
export interface Step {
  /** Which of the layers that fit. */
  readonly choice: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly p: boolean;
  readonly q: boolean;
  readonly r: boolean;
  readonly activation: number;
}

const ACTIVATIONS = [
  "linear",
  "relu",
  "relu6",
  "elu",
  "selu",
  "sigmoid",
  "hardSigmoid",
  "softplus",
  "softsign",
  "tanh",
  "softmax",
  "swish",
  "mish",
] as const;

export type Tensor = tf.SymbolicTensor;
export type Maker = (x: Tensor, step: Step, context: Context) => Tensor | null;

export interface Context {
  /** Every tensor made so far. */
  readonly made: readonly Tensor[];
  /** One more input of the model. */
  readonly input: (shape: readonly (number | null)[]) => Tensor;
}

export function apply(layer: tf.layers.Layer, x: Tensor | Tensor[]): Tensor {
  const result = layer.apply(x);
  if (Array.isArray(result) || result instanceof tf.Tensor) throw new TypeError("one symbolic tensor was expected");
  return result;
}

export function activationOf({ activation }: Step): (typeof ACTIVATIONS)[number] {
  return ACTIVATIONS[activation % ACTIVATIONS.length] ?? "linear";
}

/** Activations that keep values of order 1 within a recurrence. */
export function bounded({ activation }: Step): "sigmoid" | "hardSigmoid" | "tanh" | "softsign" {
  return (["tanh", "sigmoid", "hardSigmoid", "softsign"] as const)[activation % 4] ?? "tanh";
}

export function pick<Item>(items: readonly Item[], index: number): Item | undefined {
  return items[index % items.length];
}
