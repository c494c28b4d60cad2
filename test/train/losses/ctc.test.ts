import * as tfjs from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { afterAll, describe, expect, test } from "vitest";

import { TrainError } from "../../../src/errors.ts";
import { compileStep } from "../../../src/train/compile/index.ts";
import { ctcLoss, type CtcMethod, ctcTargets, stepsNeeded } from "../../../src/train/losses/ctc.ts";
import { completeKernels } from "../../../src/train/wasm/kernels.ts";
import { pathsThrough, randomRows, textProbabilities } from "../../helpers/enumerate-paths.ts";
import { nativeTf } from "../native-tf.ts";

const native = await nativeTf();
const tf = native ?? tfjs;
tf.env().set("PROD", true);

/** Where the loss is computed, and how. */
const PLACES: readonly (readonly [backend: string, method: CtcMethod])[] = [
  ...(native === null
    ? []
    : ([
        ["tensorflow", "native"],
        ["tensorflow", "portable"],
      ] as const)),
  ["wasm", "portable"],
];

const STEPS = 5;
const CLASSES = 3;
const LABELS = [[0, 1], [1, 1], [0], [1, 0, 1], []];
/** Steps of each sample that count. */
const LENGTHS = [5, 5, 2, 4, 3];
const ROWS = LABELS.map((_, sample) => randomRows(STEPS, CLASSES, sample + 1));

interface Computed {
  readonly losses: number[];
  readonly gradient: number[];
}

interface Question {
  readonly logits: number[][][];
  readonly labels: readonly (readonly number[])[];
  readonly lengths: readonly number[];
}

const question: Question = {
  logits: ROWS.map((rows) => rows.map((row) => row.map((value) => Math.log(value)))),
  labels: LABELS,
  lengths: LENGTHS,
};

async function compute(backend: string, method: CtcMethod, { logits, labels, lengths }: Question): Promise<Computed> {
  await tf.setBackend(backend);
  if (backend === "wasm") completeKernels(tf, "wasm");
  return tf.tidy(() => {
    const classes = Number(logits[0]?.[0]?.length) - 1;
    const targets = ctcTargets(tf, labels, lengths, { classes, tooLong: "drop" });
    const input = tf.tensor3d(logits);
    const losses = ctcLoss(tf, input, targets.labels, targets.steps, method);
    // Weighed, so that a gradient that ignores what comes from above is noticed.
    const weights = tf.tensor1d(labels.map((_, index) => index + 1));
    const gradient = tf.grad((given) => ctcLoss(tf, given, targets.labels, targets.steps, method).mul(weights).sum());
    return { losses: Array.from(losses.dataSync()), gradient: Array.from(gradient(input).dataSync()) };
  });
}

/** -log of the sum over all paths, by enumeration. */
function enumerated({ logits, labels, lengths }: Question): number[] {
  return labels.map((label, sample) => {
    const rows = (logits[sample] ?? []).slice(0, lengths[sample]).map((row) => {
      const sum = row.reduce((total, value) => total + Math.exp(value), 0);
      return row.map((value) => Math.exp(value) / sum);
    });
    return -Math.log(textProbabilities(rows).get(label.join()) ?? 0);
  });
}

afterAll(() => tf.disposeVariables());

describe.each(PLACES)("CTC on %s, %s", (backend, method) => {
  test("is the sum over all paths", async () => {
    const { losses } = await compute(backend, method, question);
    const expected = enumerated(question);
    expect(losses.map((loss, index) => loss - Number(expected[index])).every((gap) => Math.abs(gap) < 1e-5)).toBe(true);
    expect([...pathsThrough(STEPS, CLASSES)]).toHaveLength(CLASSES ** STEPS);
  });

  test("has the gradient that finite differences have", async () => {
    const { gradient } = await compute(backend, method, question);
    const width = 1e-4;
    question.logits.forEach((sample, n) =>
      sample.forEach((row, t) =>
        row.forEach((_, c) => {
          const moved = (by: number): number => {
            const logits = question.logits.map((rows) => rows.map((values) => [...values]));
            const values = logits[n]?.[t];
            if (values !== undefined) values[c] = Number(values[c]) + by;
            return Number(enumerated({ ...question, logits })[n]);
          };
          const slope = ((n + 1) * (moved(width) - moved(-width))) / (2 * width);
          expect(gradient[(n * STEPS + t) * CLASSES + c]).toBeCloseTo(slope, 4);
        }),
      ),
    );
  });

  test("gives a label that does not fit no loss and no gradient, and the others theirs", async () => {
    const tight = { ...question, lengths: [5, 2, 2, 2, 3] };
    const { losses, gradient } = await compute(backend, method, tight);
    const expected = enumerated(question);
    expect(Math.abs(Number(losses[1]))).toBe(0);
    expect(Math.abs(Number(losses[3]))).toBe(0);
    expect(losses[0]).toBeCloseTo(Number(expected[0]), 5);
    const of = (sample: number): number[] => gradient.slice(sample * STEPS * CLASSES, (sample + 1) * STEPS * CLASSES);
    expect(of(1).every((value) => value === 0)).toBe(true);
    expect(of(0).some((value) => value !== 0)).toBe(true);
  });

  test("of one step and one class is its cross-entropy", async () => {
    const { losses, gradient } = await compute(backend, method, {
      logits: [[[2, 0, -1]]],
      labels: [[0]],
      lengths: [1],
    });
    const sum = Math.exp(2) + 1 + Math.exp(-1);
    expect(losses[0]).toBeCloseTo(Math.log(sum) - 2, 5);
    expect(gradient[0]).toBeCloseTo(Math.exp(2) / sum - 1, 5);
    expect(gradient[2]).toBeCloseTo(Math.exp(-1) / sum, 5);
  });
});

test.skipIf(native === null)("native and portable agree within 1e-4 on long lines", async () => {
  const [steps, classes] = [60, 20];
  const labels = [9, 25, 1, 30].map((length, sample) =>
    Array.from({ length }, (_, index) => (index * 7 + sample * 3) % (classes - 1)),
  );
  const logits = labels.map((_, sample) =>
    randomRows(steps, classes, sample + 40, 12).map((row) => row.map((value) => Math.log(value))),
  );
  const lengths = [60, 60, 17, 55];
  const a = await compute("tensorflow", "native", { logits, labels, lengths });
  const b = await compute("tensorflow", "portable", { logits, labels, lengths });
  a.losses.forEach((loss, index) => expect(Math.abs(loss - Number(b.losses[index]))).toBeLessThan(1e-4 * (1 + loss)));
  const largest = (values: readonly number[]): number =>
    values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (let sample = 0; sample < labels.length; sample++) {
    const own = steps * classes;
    const gaps = a.gradient.map((value, index) => value - Number(b.gradient[index]));
    expect(largest(gaps.slice(sample * own, (sample + 1) * own)) / (sample + 1)).toBeLessThan(1e-4);
  }
});

test.skipIf(native === null)("is one node of a compiled step", async () => {
  await tf.setBackend("tensorflow");
  const weights = tf.variable(tf.zeros([4, 3]));
  const step = compileStep(tf, {
    variables: [weights],
    lossFunction: ([x], [y]) => {
      if (x === undefined || y === undefined) throw new Error("no batch");
      const logits = tf.matMul(x.reshape([-1, 4]), weights).reshape([2, 6, 3]);
      return { loss: ctcLoss(tf, logits, y).mean() };
    },
    optimizer: { name: "sgd", learningRate: 0.5 },
  });
  const xs = tf.randomNormal([2, 6, 4], 0, 1, "float32", 3);
  const short = tf.tensor2d(
    [
      [0, -1, -1],
      [1, 0, -1],
    ],
    [2, 3],
    "int32",
  );
  const long = tf.tensor2d(
    [
      [0, 1, 0],
      [1, -1, -1],
    ],
    [2, 3],
    "int32",
  );
  const losses = Array.from({ length: 20 }, () => step.step(xs, short).loss);
  expect(step.mode).toBe("graph");
  expect(losses.at(-1)).toBeLessThan(Number(losses[0]));
  // Another number of labels in the same shape needs no other graph.
  step.step(xs, long);
  expect(step.programs).toHaveLength(1);
  step.dispose();
  tf.dispose([weights, xs, short, long]);
});

describe("labels", () => {
  test("need a step each, and a blank between equal neighbours", () => {
    expect(stepsNeeded([1, 2, 3])).toBe(3);
    expect(stepsNeeded([1, 1, 1, 2])).toBe(6);
    expect(stepsNeeded([])).toBe(0);
  });

  test("that cannot be learnt are named, all at once", () => {
    const make = (): unknown =>
      ctcTargets(tf, [[0, 0], [5], [1]], [2, 4, 1], { classes: 3, nameOf: (index) => `line-${index}.png` });
    expect(make).toThrow(TrainError);
    expect(make).toThrow("line-0.png has a label that needs 3 steps; it has 2");
    expect(make).toThrow("line-1.png has class 5; there are 0 to 2");
  });

  test("that are too long are dropped and counted on request", () => {
    const targets = ctcTargets(tf, [[0, 0], [1]], [2, 4], { classes: 3, tooLong: "drop" });
    expect(targets.dropped).toEqual([0]);
    expect(Array.from(targets.steps.dataSync())).toEqual([0, 4]);
    expect(Array.from(targets.labels.dataSync())).toEqual([-1, 1]);
    tf.dispose([targets.labels, targets.steps]);
  });
});
