import type { Optimizer } from "@tensorflow/tfjs";

import { TrainError } from "../../errors.ts";
import type { OptimizerConfig, Tensor, TensorFlow } from "./types.ts";

/** What a fused TensorFlow kernel takes, in the order it takes it. */
export type Operand =
  | { readonly kind: "variable" }
  | { readonly kind: "slot"; readonly index: number }
  | { readonly kind: "scalar"; readonly index: number }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "gradient" };

/** One of TensorFlow's Resource... kernels that computes the same update in one pass over memory. */
export interface FusedUpdate {
  readonly op: string;
  readonly operands: readonly Operand[];
  readonly attributes: Readonly<Record<string, boolean>>;
}

/** An update rule of TF.js, the same numbers whether it runs eagerly or in a graph. */
export interface UpdateRule {
  readonly name: string;
  readonly learningRate: number;
  /** State kept beside each weight, of its shape. */
  readonly slots: readonly { readonly name: string; readonly initial: number }[];
  /** The numbers that change from step to step; `step` counts from 1. */
  scalars(step: number, learningRate: number): readonly number[];
  /** The new value and the new slots. Scalars are tensors, so that a trace can feed them. */
  update(value: Tensor, slots: readonly Tensor[], gradient: Tensor, scalars: readonly Tensor[]): Updated;
  /** Absent where TensorFlow's kernel computes something else than TF.js. */
  readonly fused?: FusedUpdate;
}

export interface Updated {
  readonly value: Tensor;
  readonly slots: readonly Tensor[];
}

const VARIABLE: Operand = { kind: "variable" };
const GRADIENT: Operand = { kind: "gradient" };
const slot = (index: number): Operand => ({ kind: "slot", index });
const scalar = (index: number): Operand => ({ kind: "scalar", index });
const constant = (value: number): Operand => ({ kind: "constant", value });

function at<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw new RangeError(`no element ${index} of ${values.length}`);
  return value;
}

function sgd(learningRate: number): UpdateRule {
  return {
    name: "sgd",
    learningRate,
    slots: [],
    scalars: (_, rate) => [rate],
    update: (value, _, gradient, scalars) => ({ value: value.sub(gradient.mul(at(scalars, 0))), slots: [] }),
    fused: { op: "ResourceApplyGradientDescent", operands: [VARIABLE, scalar(0), GRADIENT], attributes: {} },
  };
}

function momentumRule(learningRate: number, momentum: number, useNesterov: boolean): UpdateRule {
  return {
    name: "momentum",
    learningRate,
    slots: [{ name: "momentum", initial: 0 }],
    scalars: (_, rate) => [rate],
    update(value, slots, gradient, scalars) {
      const accumulation = at(slots, 0).mul(momentum).add(gradient);
      const direction = useNesterov ? gradient.add(accumulation.mul(momentum)) : accumulation;
      return { value: value.sub(direction.mul(at(scalars, 0))), slots: [accumulation] };
    },
    fused: {
      op: "ResourceApplyMomentum",
      operands: [VARIABLE, slot(0), scalar(0), GRADIENT, constant(momentum)],
      attributes: { use_nesterov: useNesterov },
    },
  };
}

/** TF.js adds epsilon to the accumulator under the root; here the accumulator starts with it, which is the same. */
function adagrad(learningRate: number, initialAccumulatorValue: number, epsilon: number): UpdateRule {
  return {
    name: "adagrad",
    learningRate,
    slots: [{ name: "accumulator", initial: initialAccumulatorValue + epsilon }],
    scalars: (_, rate) => [rate],
    update(value, slots, gradient, scalars) {
      const accumulator = at(slots, 0).add(gradient.square());
      return { value: value.sub(gradient.mul(at(scalars, 0)).div(accumulator.sqrt())), slots: [accumulator] };
    },
    fused: {
      op: "ResourceApplyAdagrad",
      operands: [VARIABLE, slot(0), scalar(0), GRADIENT],
      attributes: { update_slots: true },
    },
  };
}

/** TF.js divides by the accumulator from before the step, TensorFlow's kernel by the one after it: no fused form. */
function adadelta(learningRate: number, rho: number, epsilon: number): UpdateRule {
  return {
    name: "adadelta",
    learningRate,
    slots: [
      { name: "accum_grad", initial: 0 },
      { name: "accum_var", initial: 0 },
    ],
    scalars: (_, rate) => [rate],
    update(value, slots, gradient, scalars) {
      const [squares, updates] = [at(slots, 0), at(slots, 1)];
      const step = updates.add(epsilon).sqrt().div(squares.add(epsilon).sqrt()).mul(gradient);
      return {
        value: value.sub(step.mul(at(scalars, 0))),
        slots: [squares.mul(rho).add(gradient.square().mul(1 - rho)), updates.mul(rho).add(step.square().mul(1 - rho))],
      };
    },
  };
}

function rmsprop(learningRate: number, decay: number, momentum: number, epsilon: number): UpdateRule {
  return {
    name: "rmsprop",
    learningRate,
    slots: [
      { name: "rms", initial: 0 },
      { name: "momentum", initial: 0 },
    ],
    scalars: (_, rate) => [rate],
    update(value, slots, gradient, scalars) {
      const squares = at(slots, 0)
        .mul(decay)
        .add(gradient.square().mul(1 - decay));
      const step = gradient.mul(at(scalars, 0)).div(squares.add(epsilon).sqrt());
      const moment = at(slots, 1).mul(momentum).add(step);
      return { value: value.sub(moment), slots: [squares, moment] };
    },
    fused: {
      op: "ResourceApplyRMSProp",
      operands: [
        VARIABLE,
        slot(0),
        slot(1),
        scalar(0),
        constant(decay),
        constant(momentum),
        constant(epsilon),
        GRADIENT,
      ],
      attributes: {},
    },
  };
}

/** TF.js subtracts epsilon under the root where TensorFlow's kernel adds it: no fused form. */
function centeredRmsprop(learningRate: number, decay: number, momentum: number, epsilon: number): UpdateRule {
  return {
    name: "rmsprop, centered",
    learningRate,
    slots: [
      { name: "rms", initial: 0 },
      { name: "momentum", initial: 0 },
      { name: "mg", initial: 0 },
    ],
    scalars: (_, rate) => [rate],
    update(value, slots, gradient, scalars) {
      const squares = at(slots, 0)
        .mul(decay)
        .add(gradient.square().mul(1 - decay));
      const mean = at(slots, 2)
        .mul(decay)
        .add(gradient.mul(1 - decay));
      const variance = squares.sub(mean.square().add(epsilon));
      const moment = at(slots, 1)
        .mul(momentum)
        .add(gradient.mul(at(scalars, 0)).div(variance.sqrt()));
      return { value: value.sub(moment), slots: [squares, moment, mean] };
    },
  };
}

/**
 * TF.js corrects the bias of the second moment before it adds epsilon, TensorFlow's kernel after it; an epsilon of
 * epsilon * sqrt(1 - beta2^t), fed each step, makes the two equal.
 */
function adam(learningRate: number, beta1: number, beta2: number, epsilon: number): UpdateRule {
  return {
    name: "adam",
    learningRate,
    slots: [
      { name: "m", initial: 0 },
      { name: "v", initial: 0 },
    ],
    scalars(step, rate) {
      const [power1, power2] = [beta1 ** step, beta2 ** step];
      const correction = Math.sqrt(1 - power2);
      return [power1, power2, rate, epsilon * correction, (rate * correction) / (1 - power1)];
    },
    update(value, slots, gradient, scalars) {
      const first = at(slots, 0)
        .mul(beta1)
        .add(gradient.mul(1 - beta1));
      const second = at(slots, 1)
        .mul(beta2)
        .add(gradient.square().mul(1 - beta2));
      const step = first.mul(at(scalars, 4)).div(second.sqrt().add(at(scalars, 3)));
      return { value: value.sub(step), slots: [first, second] };
    },
    fused: {
      op: "ResourceApplyAdam",
      operands: [
        VARIABLE,
        slot(0),
        slot(1),
        scalar(0),
        scalar(1),
        scalar(2),
        constant(beta1),
        constant(beta2),
        scalar(3),
        GRADIENT,
      ],
      attributes: { use_nesterov: false },
    },
  };
}

function adamax(learningRate: number, beta1: number, beta2: number, epsilon: number, decay: number): UpdateRule {
  return {
    name: "adamax",
    learningRate,
    slots: [
      { name: "m", initial: 0 },
      { name: "v", initial: 0 },
    ],
    scalars(step, rate) {
      const power = beta1 ** step;
      const decayed = rate / ((step - 1) * decay + 1);
      return [power, decayed, decayed / (1 - power)];
    },
    update(value, slots, gradient, scalars) {
      const first = at(slots, 0)
        .mul(beta1)
        .add(gradient.mul(1 - beta1));
      const norm = at(slots, 1).mul(beta2).maximum(gradient.abs());
      return { value: value.sub(first.div(norm.add(epsilon)).mul(at(scalars, 2))), slots: [first, norm] };
    },
    fused: {
      op: "ResourceApplyAdaMax",
      operands: [
        VARIABLE,
        slot(0),
        slot(1),
        scalar(0),
        scalar(1),
        constant(beta1),
        constant(beta2),
        constant(epsilon),
        GRADIENT,
      ],
      attributes: {},
    },
  };
}

/** The rule of a configuration, with TF.js's defaults (tfjs-core 4.22, optimizers/optimizer_constructors). */
export function ruleOfConfig(tf: TensorFlow, config: OptimizerConfig): UpdateRule {
  const tiny = tf.backend().epsilon();
  switch (config.name) {
    case "sgd":
      return sgd(config.learningRate);
    case "momentum":
      return momentumRule(config.learningRate, config.momentum, config.useNesterov ?? false);
    case "adagrad":
      return adagrad(config.learningRate, config.initialAccumulatorValue ?? 0.1, tiny);
    case "adadelta":
      return adadelta(config.learningRate ?? 0.001, config.rho ?? 0.95, config.epsilon ?? tiny);
    case "rmsprop": {
      const build = config.centered === true ? centeredRmsprop : rmsprop;
      return build(config.learningRate, config.decay ?? 0.9, config.momentum ?? 0, config.epsilon ?? tiny);
    }
    case "adam":
      return adam(config.learningRate ?? 0.001, config.beta1 ?? 0.9, config.beta2 ?? 0.999, config.epsilon ?? tiny);
    case "adamax":
    default:
      return adamax(
        config.learningRate ?? 0.002,
        config.beta1 ?? 0.9,
        config.beta2 ?? 0.999,
        config.epsilon ?? tiny,
        config.decay ?? 0,
      );
  }
}

/** The rule of a TF.js optimizer, read from its class and configuration. */
export function ruleOfOptimizer(tf: TensorFlow, optimizer: Optimizer): UpdateRule {
  const config = optimizer.getConfig();
  const number = (key: string): number => {
    const value = config[key];
    if (typeof value === "number") return value;
    throw new TrainError(
      `optimizer ${optimizer.getClassName()}: ${key} must be a number; got ${JSON.stringify(value)}`,
    );
  };
  const learningRate = number("learningRate");
  switch (optimizer.getClassName()) {
    case "SGD":
      return sgd(learningRate);
    case "Momentum":
      return momentumRule(learningRate, number("momentum"), config["useNesterov"] === true);
    case "Adagrad":
      return adagrad(learningRate, number("initialAccumulatorValue"), tf.backend().epsilon());
    case "Adadelta":
      return adadelta(learningRate, number("rho"), number("epsilon"));
    case "RMSProp": {
      const build = config["centered"] === true ? centeredRmsprop : rmsprop;
      return build(learningRate, number("decay"), number("momentum"), number("epsilon"));
    }
    case "Adam":
      return adam(learningRate, number("beta1"), number("beta2"), number("epsilon"));
    case "Adamax":
      return adamax(learningRate, number("beta1"), number("beta2"), number("epsilon"), number("decay"));
    default:
      throw new TrainError(`optimizer ${optimizer.getClassName()} is not one of TF.js's own`, {
        hint: "use sgd, momentum, adagrad, adadelta, rmsprop, adam or adamax, or train with model.fit",
      });
  }
}
