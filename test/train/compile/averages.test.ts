import { describe, expect, test } from "vitest";

import { compileStep, type CompiledStep, type TensorFlow } from "../../../src/train/compile/index.ts";
import { initialise } from "../../../src/train/networks.ts";
import { nativeTf } from "../native-tf.ts";

const native = await nativeTf();

interface Kept {
  readonly averageDecay?: number;
  readonly mode?: "eager";
}

function stepOf(tf: TensorFlow, kept: Kept): CompiledStep {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, activation: "softmax", inputShape: [4] })] });
  initialise(tf, model, 1);
  return compileStep(tf, {
    model,
    loss: "categoricalCrossentropy",
    optimizer: { name: "adam", learningRate: 0.01, epsilon: 1e-7 },
    ...kept,
  });
}

function batchOf(tf: TensorFlow): readonly [import("@tensorflow/tfjs").Tensor, import("@tensorflow/tfjs").Tensor] {
  const xs = tf.tensor2d([
    [1, 2, 3, 4],
    [0, 1, 0, 2],
  ]);
  const ys = tf.tensor2d([
    [1, 0, 0],
    [0, 0, 1],
  ]);
  return [xs, ys];
}

function losses(tf: TensorFlow, step: CompiledStep): number[] {
  const [xs, ys] = batchOf(tf);
  return [1, 2, 3, 4].map(() => step.step(xs, ys).loss);
}

function expectNear(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(found[index]).toBeCloseTo(value, 5);
}

describe.skipIf(native === null)("a moving average of the weights", () => {
  const tf = (): TensorFlow => {
    if (native === null) throw new Error("no native TensorFlow");
    return native;
  };

  test("leaves training as it is without one, compiled and op by op", () => {
    const plain = losses(tf(), stepOf(tf(), {}));
    expectNear(losses(tf(), stepOf(tf(), { averageDecay: 0.9 })), plain);
    expectNear(losses(tf(), stepOf(tf(), { averageDecay: 0.9, mode: "eager" })), plain);
  });

  test("is scored when it is asked for, and only then, in any order", () => {
    const step = stepOf(tf(), { averageDecay: 0.9 });
    losses(tf(), step);
    const [xs, ys] = batchOf(tf());
    const score = (average: boolean): number => step.evaluate(xs, ys, { average }).loss;
    const [averaged, last, averagedAgain] = [score(true), score(false), score(true)];
    expect(averagedAgain).toBe(averaged);
    expect(last).toBeLessThan(averaged);
    const eager = stepOf(tf(), { averageDecay: 0.9, mode: "eager" });
    losses(tf(), eager);
    expectNear([averaged, last], [eager.evaluate(xs, ys, { average: true }).loss, eager.evaluate(xs, ys).loss]);
  });

  test("follows variables that were made of one tensor", () => {
    const start = tf().tensor1d([1, 2]);
    const variables = [tf().variable(start), tf().variable(start)];
    const [first, second] = variables;
    if (first === undefined || second === undefined) throw new Error("no variables");
    const step = compileStep(tf(), {
      variables,
      optimizer: { name: "sgd", learningRate: 0.1 },
      lossFunction: () => ({ loss: first.sub(second.mul(2)).square().sum().asScalar() }),
    });
    const [xs, ys] = batchOf(tf());
    step.step(xs, ys);
    step.step(xs, ys);
    step.pull();
    // d = a - 2b goes to d (1 - 0.1 * 2 * 5) = 0 at once, and stays there.
    expect(Array.from(first.dataSync())).toEqual([expect.closeTo(1.2, 5), expect.closeTo(2.4, 5)]);
    expect(Array.from(second.dataSync())).toEqual([expect.closeTo(0.6, 5), expect.closeTo(1.2, 5)]);
  });
});
