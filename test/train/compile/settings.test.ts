import * as tfjs from "@tensorflow/tfjs";
import { afterEach, describe, expect, test } from "vitest";

import { compileStep, type StepOptions } from "../../../src/train/compile/index.ts";
import { nativeTf } from "../native-tf.ts";

import { setWave, wave } from "./models.ts";

const native = await nativeTf();
const tf = native ?? tfjs;
const MODES: readonly ("auto" | "eager")[] = native === null ? ["eager"] : ["auto", "eager"];

afterEach(() => {
  tf.disposeVariables();
});

const [STEPS, ROWS, FEATURES, OUTPUTS] = [8, 4, 3, 2];
const RATE = 0.1;

interface Line {
  /** [features, outputs] */
  readonly kernel: number[];
  /** [outputs] */
  readonly bias: number[];
}

const start: Line = { kernel: Array.from(wave(FEATURES * OUTPUTS, 1)), bias: Array.from(wave(OUTPUTS, 2)) };
const batches = Array.from({ length: STEPS }, (_, index) => ({
  xs: Array.from(wave(ROWS * FEATURES, index + 3)),
  ys: Array.from(wave(ROWS * OUTPUTS, index + 20)),
}));

/** Of the mean squared error of y = x kernel + bias, in double precision. */
function gradientOf({ kernel, bias }: Line, { xs, ys }: { readonly xs: number[]; readonly ys: number[] }): Line {
  const gradient: Line = { kernel: kernel.map(() => 0), bias: bias.map(() => 0) };
  for (let row = 0; row < ROWS; row++) {
    const x = xs.slice(row * FEATURES, (row + 1) * FEATURES);
    for (let out = 0; out < OUTPUTS; out++) {
      const y = x.reduce((sum, value, at) => sum + value * (kernel[at * OUTPUTS + out] ?? 0), bias[out] ?? 0);
      const error = (2 * (y - (ys[row * OUTPUTS + out] ?? 0))) / (ROWS * OUTPUTS);
      gradient.bias[out] = (gradient.bias[out] ?? 0) + error;
      x.forEach((value, at) => {
        gradient.kernel[at * OUTPUTS + out] = (gradient.kernel[at * OUTPUTS + out] ?? 0) + value * error;
      });
    }
  }
  return gradient;
}

type Change = (line: Line, gradient: Line, step: number) => Line;

const moved = (values: readonly number[], by: readonly number[], factor: number): number[] =>
  values.map((value, index) => value - factor * (by[index] ?? 0));
const plainly: Change = ({ kernel, bias }, gradient) => ({
  kernel: moved(kernel, gradient.kernel, RATE),
  bias: moved(bias, gradient.bias, RATE),
});

function byHand(change: Change): Line {
  return batches.reduce((line, batch, index) => change(line, gradientOf(line, batch), index + 1), start);
}

function trained(options: Partial<StepOptions>, average = false): Line {
  const kernel = tf.variable(tf.tensor2d(start.kernel, [FEATURES, OUTPUTS]));
  const bias = tf.variable(tf.tensor1d(start.bias));
  const step = compileStep(tf, {
    variables: [kernel, bias],
    optimizer: { name: "sgd", learningRate: RATE },
    lossFunction: ([x = tf.scalar(0)], [y = tf.scalar(0)]) => ({
      loss: tf.losses.meanSquaredError(y, x.matMul(kernel).add(bias)),
    }),
    onNote: (note) => {
      if (options.mode !== "eager") throw new Error(note);
    },
    ...options,
  });
  for (const { xs, ys } of batches) {
    const batch = [tf.tensor2d(xs, [ROWS, FEATURES]), tf.tensor2d(ys, [ROWS, OUTPUTS])] as const;
    step.step(...batch);
    tf.dispose([...batch]);
  }
  step.pull({ average });
  const line = { kernel: Array.from(kernel.dataSync()), bias: Array.from(bias.dataSync()) };
  step.dispose();
  return line;
}

function near({ kernel, bias }: Line): Record<keyof Line, unknown[]> {
  const close = (values: readonly number[]): unknown[] => values.map((value): unknown => expect.closeTo(value, 5));
  return { kernel: close(kernel), bias: close(bias) };
}

describe.each(MODES)("mode %s, as worked out by hand:", (mode) => {
  test("no setting", () => {
    expect(trained({ mode })).toEqual(near(byHand(plainly)));
  });

  test("weights decay by rate and decay before the update, biases do not", () => {
    const decayed: Change = (line, gradient, step) =>
      plainly({ ...line, kernel: line.kernel.map((value) => value * (1 - RATE * 0.3)) }, gradient, step);
    expect(trained({ mode, weightDecay: 0.3 })).toEqual(near(byHand(decayed)));
  });

  test("gradients are clipped by the norm of all of them together, and left alone below it", () => {
    const limit = 0.9;
    const clipped: number[] = [];
    const clip: Change = (line, { kernel, bias }, step) => {
      const norm = Math.hypot(...kernel, ...bias);
      clipped.push(norm);
      const scale = Math.min(1, limit / norm);
      const scaled = (values: readonly number[]): number[] => values.map((value) => value * scale);
      return plainly(line, { kernel: scaled(kernel), bias: scaled(bias) }, step);
    };
    const expected = byHand(clip);
    expect(clipped.some((norm) => norm < limit) && clipped.some((norm) => norm > limit)).toBe(true);
    expect(trained({ mode, clipNorm: limit })).toEqual(near(expected));
  });

  test("the average follows the updated weights, less slowly at first", () => {
    let average = start;
    byHand((line, gradient, step) => {
      const next = plainly(line, gradient, step);
      const kept = Math.min(0.4, (1 + step) / (10 + step));
      const blend = (old: readonly number[], now: readonly number[]): number[] =>
        old.map((value, index) => kept * value + (1 - kept) * (now[index] ?? 0));
      average = { kernel: blend(average.kernel, next.kernel), bias: blend(average.bias, next.bias) };
      return next;
    });
    expect(trained({ mode, averageDecay: 0.4 }, true)).toEqual(near(average));
    expect(trained({ mode, averageDecay: 0.4 })).toEqual(near(byHand(plainly)));
  });

  test("labels are smoothed over the classes, in training alone", () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 4, activation: "softmax", inputShape: [3] })] });
    setWave(tf, model);
    const step = compileStep(tf, {
      model,
      loss: "categoricalCrossentropy",
      optimizer: { name: "sgd", learningRate: 0 },
      labelSmoothing: 0.2,
      mode,
    });
    const xs = tf.tensor2d(wave(6, 5), [2, 3]);
    const targets = [0, 1, 0, 0, 0, 0, 0, 1];
    const ys = tf.tensor2d(targets, [2, 4]);
    const answers = Array.from(step.predict(xs)[0]?.dataSync() ?? []);
    const entropy = (labels: readonly number[]): number =>
      labels.reduce((sum, label, index) => sum - label * Math.log(answers[index] ?? 0), 0) / 2;
    expect(step.step(xs, ys).loss).toBeCloseTo(entropy(targets.map((label) => (label === 1 ? 0.85 : 0.05))), 5);
    expect(step.evaluate(xs, ys).loss).toBeCloseTo(entropy(targets), 5);
    step.dispose();
  });
});
