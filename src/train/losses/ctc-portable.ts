import type { Tensor, TensorFlow } from "../compile/types.ts";
import type * as tfjs from "@tensorflow/tfjs/dist/index.js";

import { constant } from "./constant.ts";

/** Loss [N] in nats and its gradient [N, T, C] by the logits. */
export interface CtcResult {
  readonly loss: Tensor;
  readonly gradient: Tensor;
}

/** Stands for log 0: large enough to vanish, small enough that sums of it stay finite. */
const IMPOSSIBLE = -1e30;
/** Log-probabilities of whole paths below this are impossible ones. */
const LEAST = -1e29;

/**
 * Loss and gradient by the forward and backward variables of Graves et al. (ICML 2006, sections 4.1 and 4.2), in log
 * space, as tensor operations that every backend has. The same contract as {@link nativeCtc}.
 *
 * The labels are read with blanks between them, S = 2 K + 1 positions; `alpha[t]` and `beta[t]` are [N, S].
 */
export function portableCtc(tf: TensorFlow, logits: Tensor, labels: Tensor, steps: Tensor): CtcResult {
  const lattice = latticeOf(tf, logits, labels);
  const { oneHot, ends } = lattice;
  const [count = 0, time = 0] = logits.shape;
  const isRunning = (step: number): Tensor => tf.scalar(step, "int32").less(steps).reshape([count, 1]);
  const alphas = forward(tf, lattice, isRunning);
  const last = alphas.at(-1) ?? tf.zerosLike(ends);
  const total = tf.logSumExp(last.add(ends), 1);
  const betas = backward(tf, lattice, isRunning);
  const possible = total.greater(tf.scalar(LEAST));
  const safeTotal = tf.where(possible, total, tf.zerosLike(total));
  const visits = tf
    .stack(alphas, 1)
    .add(tf.stack(betas, 1))
    .sub(safeTotal.reshape([count, 1, 1]))
    .exp();
  const expected = tf.matMul(visits, oneHot);
  const inside = tf
    .range(0, time, 1, "int32")
    .reshape([1, time])
    .less(steps.reshape([count, 1]));
  const counts = inside.logicalAnd(possible.reshape([count, 1])).reshape([count, time, 1]);
  const gradient = tf.softmax(logits).sub(expected);
  return {
    loss: tf.where(possible, total.neg(), tf.zerosLike(total)),
    gradient: tf.where(counts.tile([1, 1, logits.shape[2] ?? 1]), gradient, tf.zerosLike(gradient)),
  };
}

interface Lattice {
  /** Log-probability of each position at each step, [N, S] for each of T. */
  readonly steps: readonly Tensor[];
  /** Which class each position is, [N, S, C]. */
  readonly oneHot: Tensor;
  /** 0 where a position may be entered from two before it, else log 0: [N, S]. */
  readonly skips: Tensor;
  /** 0 where a path may start, and where it may end, else log 0: [N, S]. */
  readonly starts: Tensor;
  readonly ends: Tensor;
}

function latticeOf(tf: TensorFlow, logits: Tensor, labels: Tensor): Lattice {
  const [count = 0, , classes = 0] = logits.shape;
  const blank = tf.scalar(classes - 1, "int32");
  const present = labels.greaterEqual(tf.scalar(0, "int32"));
  const filled: Tensor = tf.where(present, labels, constant(tf, labels.shape, classes - 1, "int32"));
  const blanks = constant(tf, labels.shape, classes - 1, "int32");
  const [, length = 0] = labels.shape;
  const pairs = tf.stack([blanks, filled], 2).reshape([count, 2 * length]);
  const symbols: Tensor = tf.concat([pairs, constant(tf, [count, 1], classes - 1, "int32")], 1);
  const positions = 2 * length + 1;
  const oneHot = tf.cast(tf.oneHot(tf.cast(symbols.reshape([count * positions]), "int32"), classes), "float32");
  const hot = oneHot.reshape([count, positions, classes]);
  const emissions = tf.matMul(tf.logSoftmax(logits), hot, false, true);
  const before = tf.concat(
    [constant(tf, [count, 2], classes - 1, "int32"), symbols.slice([0, 0], [count, positions - 2])],
    1,
  );
  const skips = logOf(tf, symbols.notEqual(blank).logicalAnd(symbols.notEqual(before)));
  const lengths = tf.sum(tf.cast(present, "int32"), 1, true);
  const index = tf.range(0, positions, 1, "int32").reshape([1, positions]);
  const lastIndex = lengths.mul(tf.scalar(2, "int32"));
  const isEnd = index.equal(lastIndex).logicalOr(index.equal(lastIndex.sub(tf.scalar(1, "int32"))));
  const isStart = index.less(tf.scalar(2, "int32")).logicalAnd(index.lessEqual(lastIndex));
  return {
    steps: tf.unstack(emissions, 1),
    oneHot: hot,
    skips,
    starts: logOf(tf, isStart),
    ends: logOf(tf, isEnd),
  };
}

/** 0 for true, log 0 for false. */
function logOf(tf: TensorFlow, condition: Tensor): Tensor {
  return tf.sub(1, tf.cast(condition, "float32")).mul(IMPOSSIBLE);
}

type IsRunning = (step: number) => Tensor;

/** Log-probability of all ways to be at a position after a step, the step included. */
function forward(tf: TensorFlow, { steps, skips, starts }: Lattice, isRunning: IsRunning): Tensor[] {
  const alphas: Tensor[] = [];
  let alpha = starts;
  steps.forEach((emission, step) => {
    const entered = step === 0 ? starts : logSum(tf, alpha, shifted(tf, alpha, 1), shifted(tf, alpha, 2).add(skips));
    alpha = select(tf, isRunning(step), entered.add(emission), alpha);
    alphas.push(alpha);
  });
  return alphas;
}

/** Log-probability of all ways to go on from a position after a step to the end. */
function backward(tf: TensorFlow, lattice: Lattice, isRunning: IsRunning): Tensor[] {
  const { steps, skips, ends } = lattice;
  const betas: Tensor[] = [];
  let beta = ends;
  for (let step = steps.length - 1; step >= 0; step--) {
    const next = steps[step + 1];
    if (next !== undefined) {
      const onward = beta.add(next);
      const entered = logSum(tf, onward, shifted(tf, onward, -1), shifted(tf, onward.add(skips), -2));
      beta = select(tf, isRunning(step + 1), entered, beta);
    }
    betas.unshift(beta);
  }
  return betas;
}

/** Position s takes what position s - by had; log 0 comes in at the border. [N, S] */
function shifted(tf: TensorFlow, values: Tensor, by: number): Tensor {
  const [count = 0, positions = 0] = values.shape;
  const width = Math.min(Math.abs(by), positions);
  const border = constant(tf, [count, width], IMPOSSIBLE);
  const kept = positions - width;
  return by > 0
    ? tf.concat([border, values.slice([0, 0], [count, kept])], 1)
    : tf.concat([values.slice([0, width], [count, kept]), border], 1);
}

function logSum(tf: TensorFlow, a: Tensor, b: Tensor, c: Tensor): Tensor {
  const most: Tensor = tf.maximum(tf.maximum(a, b), c);
  const sum: tfjs.Tensor = a.sub(most).exp().add(b.sub(most).exp()).add(c.sub(most).exp());
  return most.add(sum.log());
}

function select(tf: TensorFlow, condition: Tensor, yes: Tensor, no: Tensor): Tensor {
  return tf.where(tf.broadcastTo(condition, yes.shape), yes, no);
}
