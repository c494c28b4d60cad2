import * as tfjs from "@tensorflow/tfjs";
import { afterEach, describe, expect, test } from "vitest";

import { compileStep } from "../../../src/train/compile/index.ts";
import { nativeTf } from "../native-tf.ts";

const native = await nativeTf();
const tf = native ?? tfjs;

const STEPS = 50;

afterEach(() => {
  tf.disposeVariables();
});

/** A smooth function of two weights, with a different batch at every step. */
function problem(): { variables: tfjs.Variable[]; lossOf: (x: tfjs.Tensor, y: tfjs.Tensor) => tfjs.Scalar } {
  const kernel = tf.variable(tf.tensor2d([0.3, -0.2, 0.5, 0.1, -0.4, 0.25], [3, 2]));
  const bias = tf.variable(tf.tensor1d([0.05, -0.1]));
  return {
    variables: [kernel, bias],
    lossOf: (x, y) => tf.losses.meanSquaredError(y, tf.tanh(x.matMul(kernel).add(bias))).asScalar(),
  };
}

function batch(step: number): [tfjs.Tensor, tfjs.Tensor] {
  const x = tf.tensor2d(
    Float32Array.from({ length: 12 }, (_, index) => Math.sin(index + 2 * step)),
    [4, 3],
  );
  const y = tf.tensor2d(
    Float32Array.from({ length: 8 }, (_, index) => Math.cos(index - step)),
    [4, 2],
  );
  return [x, y];
}

/** Losses of plain TF.js and of a compiled step, from the same start. */
function bothLosses(make: () => tfjs.Optimizer, mode: "auto" | "eager"): [number[], number[]] {
  const plain = problem();
  const optimizer = make();
  const expected = Array.from({ length: STEPS }, (_, index) =>
    tf.tidy(() => {
      const [x, y] = batch(index);
      const loss = optimizer.minimize(() => plain.lossOf(x, y), true, plain.variables);
      return loss?.dataSync()[0] ?? Number.NaN;
    }),
  );
  const ours = problem();
  const step = compileStep(tf, {
    variables: ours.variables,
    lossFunction: ([x = tf.scalar(0)], [y = tf.scalar(0)]) => ({ loss: ours.lossOf(x, y) }),
    optimizer: make(),
    mode,
    onNote: (note) => {
      throw new Error(note);
    },
  });
  const actual = Array.from({ length: STEPS }, (_, index) => {
    const [x, y] = batch(index);
    const { loss } = step.step(x, y);
    tf.dispose([x, y]);
    return loss;
  });
  step.dispose();
  return [expected, actual];
}

const OPTIMIZERS: Record<string, () => tfjs.Optimizer> = {
  sgd: () => tf.train.sgd(0.1),
  momentum: () => tf.train.momentum(0.05, 0.9),
  nesterov: () => tf.train.momentum(0.05, 0.9, true),
  adagrad: () => tf.train.adagrad(0.1),
  adadelta: () => tf.train.adadelta(0.5, 0.9, 1e-3),
  rmsprop: () => tf.train.rmsprop(0.01, 0.9, 0.5, 1e-3),
  "rmsprop, centered": () => tf.train.rmsprop(0.005, 0.9, 0, -0.05, true),
  adam: () => tf.train.adam(0.01, 0.9, 0.999, 1e-3),
  adamax: () => tf.train.adamax(0.01, 0.9, 0.99, 1e-3, 0.01),
};

describe.each(Object.entries(OPTIMIZERS))("%s", (_, make) => {
  test("the compiled step makes the losses of TF.js, too", () => {
    const [expected, actual] = bothLosses(make, "auto");
    actual.forEach((loss, index) => expect(Math.abs(loss - (expected[index] ?? Number.NaN))).toBeLessThan(1e-5));
  });

  test("the eager rule makes the losses of TF.js's own", () => {
    const [expected, actual] = bothLosses(make, "eager");
    actual.forEach((loss, index) => expect(Math.abs(loss - (expected[index] ?? Number.NaN))).toBeLessThan(1e-5));
  });
});
