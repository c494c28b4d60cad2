import type { LayersModel } from "@tensorflow/tfjs";

import { TrainError } from "../../errors.ts";
import type {
  CompileOptions,
  FunctionStepOptions,
  LossValues,
  ModelStepOptions,
  Tensor,
  TensorFlow,
  Tensors,
  Variable,
} from "./types.ts";

/** What is to be learnt, whether it was given as a model or as functions. */
export interface Problem {
  /** All variables, in a fixed order. */
  readonly variables: readonly Variable[];
  /** Names that are the same in every process, in the order of `variables`. */
  readonly names: readonly string[];
  readonly trainable: readonly Variable[];
  lossOf(xs: readonly Tensor[], ys: readonly Tensor[], training: boolean): LossValues;
  outputsOf(xs: readonly Tensor[]): readonly Tensor[];
}

export function listOf(tensors: Tensors): readonly Tensor[] {
  return isList(tensors) ? tensors : [tensors];
}

function isList(tensors: Tensors): tensors is readonly Tensor[] {
  return Array.isArray(tensors);
}

export function problemOf(tf: TensorFlow, options: CompileOptions): Problem {
  return "model" in options ? problemOfModel(tf, options) : problemOfFunctions(options);
}

function problemOfFunctions(options: FunctionStepOptions): Problem {
  const { variables, lossFunction, predictFunction } = options;
  const trainable = options.trainable ?? variables.filter(({ trainable: learns }) => learns);
  for (const variable of trainable) {
    if (!variables.includes(variable)) {
      throw new TrainError(`variable ${variable.name} is in trainable and not in variables`, {
        hint: "list every variable in variables",
      });
    }
  }
  return {
    variables,
    names: variables.map(({ name }) => name),
    trainable,
    lossOf: lossFunction,
    outputsOf(xs) {
      if (predictFunction !== undefined) return predictFunction(xs);
      throw new TrainError("predict needs a predictFunction", { hint: "give one to compileStep" });
    },
  };
}

function problemOfModel(tf: TensorFlow, options: ModelStepOptions): Problem {
  const { model, loss, metrics, labelSmoothing = 0 } = options;
  const resolved = resolveLosses(tf, model, loss, metrics);
  const variables = model.weights.map((weight) => variableOf(tf, weight.read(), weight.originalName));
  const learning = new Set(model.trainableWeights.map((weight) => weight.read()));

  function lossOf(xs: readonly Tensor[], ys: readonly Tensor[], training: boolean): LossValues {
    const targets = training && labelSmoothing > 0 ? ys.map((target) => smooth(target, labelSmoothing)) : ys;
    const outputs = apply(model, xs, training);
    const losses = resolved.lossFunctions.map((of, index) =>
      of(at(targets, index, "target"), at(outputs, index, "output")),
    );
    const sum = losses.reduce((total, term) => total.add(term));
    // TF.js's own evaluation leaves the regularizers out, too.
    const penalties = training ? model.calculateLosses() : [];
    const total = penalties.reduce((value, penalty) => value.add(penalty), sum.mean());
    const measured: Record<string, Tensor> = {};
    for (const { name, of, output } of resolved.metrics) {
      measured[name] = of(at(ys, output, "target"), at(outputs, output, "output")).mean();
    }
    return { loss: total, metrics: measured };
  }

  return {
    variables,
    names: model.weights.map(({ originalName }) => originalName),
    trainable: variables.filter((variable) => learning.has(variable)),
    lossOf,
    outputsOf: (xs) => apply(model, xs, false),
  };
}

function variableOf(tf: TensorFlow, value: Tensor, name: string): Variable {
  if (value instanceof tf.Variable) return value;
  throw new TrainError(`weight ${name} is not a tf.Variable`);
}

function at<T>(values: readonly T[], index: number, what: string): T {
  const value = values[index];
  if (value !== undefined) return value;
  throw new TrainError(`expected at least ${index + 1} ${what} tensors; got ${values.length}`);
}

function apply(model: LayersModel, xs: readonly Tensor[], training: boolean): Tensor[] {
  const [first, ...others] = xs;
  if (first === undefined) throw new TrainError("expected at least one input tensor; got none");
  const outputs: unknown = model.apply(others.length === 0 ? first : [...xs], { training });
  const list: unknown[] = Array.isArray(outputs) ? outputs : [outputs];
  return list.filter((output): output is Tensor => isTensor(output));
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "dataId" in value;
}

/** @param target one-hot, [..., classes] */
function smooth(target: Tensor, amount: number): Tensor {
  const classes = target.shape.at(-1) ?? 1;
  if (target.rank < 2 || classes < 2) {
    throw new TrainError(`label smoothing needs one-hot targets [batch, classes]; got [${target.shape.join(", ")}]`);
  }
  return target.mul(1 - amount).add(amount / classes);
}

interface ResolvedLosses {
  readonly lossFunctions: readonly ((target: Tensor, output: Tensor) => Tensor)[];
  readonly metrics: readonly { name: string; of: (target: Tensor, output: Tensor) => Tensor; output: number }[];
}

/** Lets TF.js itself turn names into functions, on a twin of the model so that the model's own state is untouched. */
function resolveLosses(
  tf: TensorFlow,
  model: LayersModel,
  loss: ModelStepOptions["loss"],
  metrics: ModelStepOptions["metrics"],
): ResolvedLosses {
  const twin = tf.model({ inputs: model.inputs, outputs: model.outputs });
  twin.compile({ optimizer: "sgd", loss, ...(metrics === undefined ? {} : { metrics }) });
  const named = twin.metricsNames.slice(1);
  const measured = twin.metricsTensors.map(([of, output], index) => ({
    name: named[index] ?? `metric_${index}`,
    of,
    output,
  }));
  twin.optimizer.dispose();
  return { lossFunctions: twin.lossFunctions, metrics: measured };
}
