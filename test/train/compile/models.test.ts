import * as tfjs from "@tensorflow/tfjs";
import { afterEach, describe, expect, test } from "vitest";

import { compileStep, type CompiledStep } from "../../../src/train/compile/index.ts";
import { nativeTf } from "../native-tf.ts";

import { SAMPLES, setWave, wave, type Sample } from "./models.ts";

const native = await nativeTf();
const tf = native ?? tfjs;

const STEPS = 50;
const TOLERANCE = 1e-4;

afterEach(() => {
  tf.disposeVariables();
});

function compiled(model: tfjs.LayersModel, loss: string, optimizer: tfjs.Optimizer): CompiledStep {
  return compileStep(tf, {
    model,
    loss,
    metrics: ["accuracy"],
    optimizer,
    onNote: (note) => {
      throw new Error(note);
    },
  });
}

/** Losses and accuracies of plain TF.js. */
async function plainly(model: tfjs.LayersModel, sample: Sample, counts: readonly number[]): Promise<number[][]> {
  model.compile({ loss: sample.loss, metrics: ["accuracy"], optimizer: adam() });
  const results: number[][] = [];
  for (const [index, count] of counts.entries()) {
    const [xs, ys] = sample.batch(tf, index, count);
    const result = await model.trainOnBatch(xs, ys);
    results.push(Array.isArray(result) ? result : [result]);
    tf.dispose([xs, ys]);
  }
  return results;
}

/** An epsilon large enough that it does not amplify rounding. */
const adam = (): tfjs.Optimizer => tf.train.adam(0.004, 0.9, 0.999, 1e-2);

function build(sample: Sample): tfjs.LayersModel {
  const model = sample.build(tf);
  setWave(tf, model);
  return model;
}

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance = TOLERANCE): void {
  expect(found.length).toBe(expected.length);
  for (let index = 0; index < expected.length; index++) {
    expect(Math.abs((found[index] ?? Number.NaN) - (expected[index] ?? Number.NaN))).toBeLessThanOrEqual(tolerance);
  }
}

describe.skipIf(native === null).each(SAMPLES)("$name", (sample) => {
  test("50 compiled steps have the losses of TF.js, with batches of two sizes, and end with its weights", async () => {
    const counts = Array.from({ length: STEPS }, (_, index) => (index % 4 === 3 ? 5 : 8));
    const reference = build(sample);
    const expected = await plainly(reference, sample, counts);
    const model = build(sample);
    const step = compiled(model, sample.loss, adam());
    const found = counts.map((count, index) => {
      const [xs, ys] = sample.batch(tf, index, count);
      const { loss, metrics } = step.step(xs, ys);
      tf.dispose([xs, ys]);
      return [loss, metrics["acc"] ?? metrics["accuracy"] ?? Number.NaN];
    });
    for (const [index, numbers] of expected.entries()) expectClose(found[index] ?? [], numbers);
    expect(new Set(expected.map(([loss]) => loss)).size).toBe(STEPS);
    expect(step.mode).toBe("graph");
    expect(step.programs.filter(({ what }) => what === "training")).toHaveLength(2);

    const [xs, ys] = sample.batch(tf, STEPS, 5);
    const [loss = Number.NaN] = [reference.evaluate(xs, ys)].flat().map((value) => value.dataSync()[0]);
    expectClose([step.evaluate(xs, ys).loss], [loss]);
    const [prediction] = step.predict(xs);
    const [expectedPrediction] = [reference.predict(xs)].flat();
    expectClose(prediction?.dataSync() ?? [], expectedPrediction?.dataSync() ?? []);
    step.pull();
    const weights = reference.getWeights();
    // Moving averages are assigned in the step: they must be TF.js's, too.
    for (const [index, weight] of model.getWeights().entries()) {
      expectClose(weight.dataSync(), weights[index]?.dataSync() ?? [], 1e-3);
    }
    step.dispose();
  });
});

const LOSSES = [
  "meanSquaredError",
  "meanAbsoluteError",
  "meanAbsolutePercentageError",
  "meanSquaredLogarithmicError",
  "squaredHinge",
  "hinge",
  "categoricalHinge",
  "logcosh",
  "categoricalCrossentropy",
  "sparseCategoricalCrossentropy",
  "binaryCrossentropy",
  "kullbackLeiblerDivergence",
  "poisson",
  "cosineProximity",
];

describe.skipIf(native === null)("every loss of TF.js", () => {
  test.each(LOSSES)("%s", async (loss) => {
    const dense = (): tfjs.LayersModel => {
      const model = tf.sequential({
        layers: [
          tf.layers.dense({ units: 5, activation: "tanh", inputShape: [4] }),
          tf.layers.dense({ units: 3, activation: "softmax" }),
        ],
      });
      setWave(tf, model);
      return model;
    };
    const sparse = loss.startsWith("sparse");
    const batch = (index: number): [tfjs.Tensor, tfjs.Tensor] => [
      tf.tensor2d(wave(24, index), [6, 4]),
      sparse
        ? tf.tensor2d(
            Array.from({ length: 6 }, (_, row) => [(row + index) % 3]),
            [6, 1],
          )
        : tf.tensor2d(
            wave(18, index + 0.5).map((value) => Math.abs(value) / 1.5),
            [6, 3],
          ),
    ];
    const [reference, model] = [dense(), dense()];
    reference.compile({ loss, optimizer: tf.train.sgd(0.05) });
    const step = compileStep(tf, {
      model,
      loss,
      optimizer: tf.train.sgd(0.05),
      onNote: (note) => {
        throw new Error(note);
      },
    });
    for (let index = 0; index < 10; index++) {
      const [xs, ys] = batch(index);
      const expected = await reference.trainOnBatch(xs, ys);
      expectClose(
        [step.step(xs, ys).loss / (1 + Math.abs(Number(expected)))],
        [Number(expected) / (1 + Math.abs(Number(expected)))],
      );
      tf.dispose([xs, ys]);
    }
    step.dispose();
  });
});

describe.skipIf(native === null)("a compiled step", () => {
  const sample = SAMPLES[0];
  if (sample === undefined) throw new Error("no sample");

  test("takes learning rates that change", async () => {
    const [reference, model] = [build(sample), build(sample)];
    const sgd = tf.train.sgd(0.1);
    reference.compile({ loss: sample.loss, optimizer: sgd });
    const step = compiled(model, sample.loss, tf.train.sgd(0.1));
    for (const [index, rate] of [0.1, 0.02, 0.3, 0, 0.05].entries()) {
      sgd.setLearningRate(rate);
      step.learningRate = rate;
      const [xs, ys] = sample.batch(tf, index, 8);
      const expected = await reference.trainOnBatch(xs, ys);
      expectClose([step.step(xs, ys).loss], [Number(expected)]);
      tf.dispose([xs, ys]);
    }
    step.dispose();
  });

  test("takes a tensor twice, and later two; and needs no use of a tensor", () => {
    const bias = tf.variable(tf.scalar(2));
    const step = compileStep(tf, {
      variables: [bias],
      optimizer: { name: "sgd", learningRate: 0.1 },
      lossFunction: ([x = bias], [y = bias]) => ({ loss: x.sub(y).add(bias).square().mean() }),
      predictFunction: ([x = bias]) => [x.add(bias)],
      onNote: (note) => {
        throw new Error(note);
      },
    });
    const [one, two, unused] = [tf.tensor1d([1, 1]), tf.tensor1d([2, 2]), tf.tensor2d([[7]])];
    const losses = [step.step([one, unused], [one, one]).loss, step.step([two, unused], [one, two]).loss];
    // The bias goes from 2 to 2 - 0.1 * 2 * 2.
    expectClose(losses, [4, 2.6 ** 2], 1e-5);
    step.pull();
    const [value = 0] = bias.dataSync();
    expectClose([step.evaluate([one, one], [two]).loss], [(value - 1) ** 2], 1e-5);
    expectClose([step.evaluate([one, two], [one]).loss], [value ** 2], 1e-5);
    const [predicted] = step.predict([two, two]);
    expectClose(predicted?.dataSync() ?? [], [2 + value, 2 + value], 1e-5);
    expect(step.mode).toBe("graph");
    step.dispose();
  });

  test("gives metrics that are a loss, and outputs that are the same", () => {
    const input = tf.input({ shape: [3] });
    const dense = tf.layers.dense({ units: 2 }).apply(input);
    const outputs = [1, 2].flatMap(() => tf.layers.activation({ activation: "linear" }).apply(dense));
    const model = tf.model({
      inputs: input,
      outputs: outputs.filter((output) => output instanceof tf.SymbolicTensor),
    });
    setWave(tf, model);
    const loss = "meanSquaredError";
    const step = compileStep(tf, {
      model,
      loss: [loss, loss],
      metrics: ["mse"],
      optimizer: { name: "sgd", learningRate: 0.1 },
      onNote: (note) => {
        throw new Error(note);
      },
    });
    const [xs, ys] = [tf.tensor2d(wave(6, 1), [2, 3]), tf.tensor2d(wave(4, 2), [2, 2])];
    for (const { loss: total, metrics } of [step.step(xs, [ys, ys]), step.evaluate(xs, [ys, ys])]) {
      const parts = Object.values(metrics);
      expect(parts).toHaveLength(4);
      for (const part of parts) expectClose([2 * part], [total]);
    }
    const [first, second] = step.predict(xs);
    expectClose(first?.dataSync() ?? [], second?.dataSync() ?? [0]);
    step.dispose();
  });

  test("normalises by one kernel forward and one backward, and pools before bias and relu", () => {
    const step = compiled(build(sample), sample.loss, adam());
    const [xs, ys] = sample.batch(tf, 0, 8);
    step.step(xs, ys);
    const passes = step.programs[0]?.passes ?? {};
    expect(passes).toMatchObject({ normaliseAtOnce: 2, dropNoGradients: 4, poolFirst: 1 });
    step.dispose();
  });

  test("multiplies all steps of a recurrence by its weights at once", () => {
    const recurrent = SAMPLES[2];
    if (recurrent === undefined) throw new Error("no sample");
    const step = compiled(build(recurrent), recurrent.loss, adam());
    const [xs, ys] = recurrent.batch(tf, 0, 8);
    step.step(xs, ys);
    const passes = step.programs[0]?.passes ?? {};
    expect(passes["sumProductsAtOnce"]).toBeGreaterThanOrEqual(6);
    expect(passes["productsAtOnce"]).toBeGreaterThanOrEqual(3);
    expect(passes["biasToProduct"]).toBeGreaterThanOrEqual(5);
    step.dispose();
  });

  function withDropout(): tfjs.LayersModel {
    return tf.sequential({
      layers: [
        tf.layers.dropout({ rate: 0.4, inputShape: [50] }),
        tf.layers.dense({ units: 1, useBias: false, kernelInitializer: "ones" }),
      ],
    });
  }

  /** The sum of what dropout leaves of 8 x 50 ones, for some steps in which nothing is learnt. */
  function sums(seed: number, steps: number): number[] {
    const step = compileStep(tf, {
      model: withDropout(),
      loss: "meanAbsoluteError",
      optimizer: { name: "sgd", learningRate: 0 },
      seed,
    });
    const [xs, ys] = [tf.ones([8, 50]), tf.zeros([8, 1])];
    const found = Array.from({ length: steps }, () => step.step(xs, ys).loss);
    expect(step.mode).toBe("graph");
    expect(step.evaluate(xs, ys).loss).toBe(50);
    step.dispose();
    return found;
  }

  test("draws each dropout by itself", () => {
    const bias = tf.variable(tf.scalar(0));
    const step = compileStep(tf, {
      variables: [bias],
      optimizer: { name: "sgd", learningRate: 0 },
      lossFunction: ([x = bias]) => ({ loss: tf.dropout(x, 0.5).sub(tf.dropout(x, 0.5)).abs().mean().add(bias) }),
    });
    const { loss } = step.step(tf.ones([8, 50]), []);
    expect(step.mode).toBe("graph");
    // Half of 400 pairs are a 0 and a 2: the mean is 1 +- 0.05.
    expect(Math.abs(loss - 1)).toBeLessThan(0.25);
    step.dispose();
  });

  test("draws dropout anew at every step, the same again under the same seed, of the right strength", () => {
    const first = sums(1, 40);
    expect(new Set(first).size).toBeGreaterThan(20);
    expect(sums(1, 40)).toEqual(first);
    expect(sums(2, 40)).not.toEqual(first);
    // 8 x 40 x 50 draws that keep 1 / 0.6 with probability 0.6: the mean of 320 sums of 50 is 50 +- 0.33.
    expect(Math.abs(first.reduce((sum, value) => sum + value, 0) / first.length - 50)).toBeLessThan(1.3);
  });
});

describe.skipIf(native === null)("what cannot be compiled runs eagerly, with the same numbers, and says why", () => {
  function run(lossOf: (weight: tfjs.Variable, x: tfjs.Tensor) => tfjs.Tensor): { notes: string[]; losses: number[] } {
    const weight = tf.variable(tf.scalar(2), true, `w${Math.random()}`);
    const notes: string[] = [];
    const step = compileStep(tf, {
      variables: [weight],
      lossFunction: ([x = tf.scalar(0)]) => ({ loss: lossOf(weight, x) }),
      optimizer: { name: "sgd", learningRate: 0.1 },
      onNote: (note) => notes.push(note),
    });
    const x = tf.tensor1d([1, 2]);
    const losses = [step.step(x, []).loss, step.step(x, []).loss];
    expect(step.mode).toBe("eager");
    step.dispose();
    return { notes, losses };
  }

  test("values read in mid-step", () => {
    const { notes, losses } = run((weight, x) => {
      const scale = x.sum().dataSync()[0] ?? 0;
      return weight.square().mul(scale);
    });
    expect(notes).toEqual([expect.stringMatching(/^training runs op by op, because it reads values in mid-step/)]);
    expectClose(losses, [12, 3 * 0.8 ** 2], 1e-5);
  });

  test("a variable that the step was not told of", () => {
    const other = tf.variable(tf.scalar(3), true, "the_other_one");
    const { notes, losses } = run((weight) => weight.square().mul(other));
    expect(notes).toEqual([expect.stringContaining("variable the_other_one is not among the variables of the step")]);
    expectClose(losses, [12, 3 * 0.8 ** 2], 1e-5);
  });

  test("random numbers that are used in JavaScript", () => {
    const { notes } = run((weight) => weight.square().mul(Math.random() < 2 ? 3 : 0));
    expect(notes).toEqual([expect.stringContaining("draws random numbers in JavaScript")]);
  });
});
