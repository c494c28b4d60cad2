import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as tfjs from "@tensorflow/tfjs";
import { afterAll, describe, expect, test } from "vitest";

import { limitImages, type ImageSet } from "../../src/data/dataset.ts";
import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { TrainError } from "../../src/errors.ts";
import { takeBatch } from "../../src/train/batches.ts";
import {
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
  type RunIdentity,
  type RunPlan,
} from "../../src/train/checkpoint.ts";
import { fit, type FitOptions, type FitResult } from "../../src/train/fit.ts";
import { PLAIN, type Recipe } from "../../src/train/recipe.ts";
import { type ClassAnswers, classify, type ClassifyOptions } from "../../src/train/tasks/classify.ts";

import { nativeTf } from "./native-tf.ts";

const native = await nativeTf();
const tf = native ?? tfjs;
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-fit-"));
const file = join(folder, "checkpoint.bin");

afterAll(() => rmSync(folder, { recursive: true }));

const train = limitImages(renderedDigits({ split: "train", seed: 3 }), 100);
const testSet = limitImages(renderedDigits({ split: "test", seed: 3 }), 20);
const recipe: Recipe = { ...PLAIN, batchSize: 32, seed: 5, learningRate: 0.003 };
const run: RunIdentity = {
  network: "tiny",
  dataset: "digits",
  images: train.images,
  batchSize: 32,
  seed: 5,
  learningRate: 0.003,
};
const plan: RunPlan = { epochs: 3, schedule: "constant", cooldownEpochs: 0 };

function tiny(): tfjs.LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.conv2d({ filters: 8, kernelSize: 3, strides: 2, activation: "relu", inputShape: [28, 28, 1] }),
      tf.layers.flatten(),
      tf.layers.dropout({ rate: 0.1 }),
      tf.layers.dense({ units: 10, activation: "softmax" }),
    ],
  });
}

type Options = Partial<FitOptions<ClassAnswers>> & Partial<ClassifyOptions>;

async function trainTiny(model: tfjs.LayersModel, options: Options = {}): Promise<FitResult<ClassAnswers>> {
  const { train: images = train, test: scored = testSet, validation } = options;
  return fit(tf, {
    model,
    task: classify({ classes: 10, train: images, test: scored, ...(validation === undefined ? {} : { validation }) }),
    recipe,
    run,
    plan,
    epochs: 3,
    save: (checkpoint: Checkpoint) => writeCheckpoint(file, checkpoint),
    ...options,
  });
}

function weightsOf(model: tfjs.LayersModel): number[][] {
  return model.getWeights().map((weight) => Array.from(weight.dataSync()));
}

/** As plain TF.js scores a set. */
function lossOf(model: tfjs.LayersModel, set: ImageSet): number {
  model.compile({ loss: "categoricalCrossentropy", optimizer: "sgd" });
  return tf.tidy(() => {
    const indices = Array.from({ length: set.images }, (_, index) => index);
    const { images, labels } = takeBatch(tf, set, indices, 10);
    const [loss] = [model.evaluate(images, labels, { batchSize: set.images })].flat();
    return loss?.dataSync()[0] ?? Number.NaN;
  });
}

describe.skipIf(native === null)("fit", () => {
  test.each([
    ["plain", recipe],
    [
      "with everything",
      {
        ...recipe,
        schedule: [{ kind: "warmup", epochs: 1 }, { kind: "cosine" }],
        weightDecay: 0.1,
        clipNorm: 1,
        labelSmoothing: 0.1,
        averageDecay: 0.9,
        augment: { turn: 10, shift: 2, elastic: 0.5, coarse: 0.5 },
        cooldownEpochs: 1,
      } satisfies Recipe,
    ],
  ])("a run that was interrupted and resumed ends with the weights of an unbroken one, %s", async (_, used) => {
    const unbroken = tiny();
    const whole = await trainTiny(unbroken, { recipe: used });
    expect(whole).toMatchObject({ finished: true, mode: "graph" });
    for (const stopAfter of [1, 5]) {
      const controller = new AbortController();
      const stopped = await trainTiny(tiny(), {
        recipe: used,
        signal: controller.signal,
        onStep: ({ done }) => {
          if (done === stopAfter) controller.abort();
        },
      });
      expect(stopped.finished).toBe(false);
      const resumed = tiny();
      const rest = await trainTiny(resumed, { recipe: used, from: await readCheckpoint(file, run) });
      expect(weightsOf(resumed)).toEqual(weightsOf(unbroken));
      expect(rest.history.map(({ loss }) => loss)).toEqual(whole.history.map(({ loss }) => loss));
    }
  });

  test("takes each step at the rate that the schedule has in its middle", async () => {
    const rates: number[] = [];
    await trainTiny(tiny(), {
      recipe: { ...recipe, schedule: [{ kind: "warmup", epochs: 1 }, { kind: "linear" }] },
      epochs: 2,
      onStep: ({ learningRate }) => rates.push(learningRate / recipe.learningRate),
    });
    const up = [0.125, 0.375, 0.625, 0.875];
    expect(rates).toEqual([...up, ...up.toReversed()].map((share): unknown => expect.closeTo(share, 9)));
  });

  test("gives every setting of the recipe to the steps", async () => {
    const settings: Partial<Recipe>[] = [
      {},
      { weightDecay: 0.5 },
      { clipNorm: 0.01 },
      { labelSmoothing: 0.3 },
      { averageDecay: 0.5 },
      { augment: { shift: 2 } },
      { seed: 6 },
    ];
    const ends = new Set<string>();
    for (const setting of settings) {
      const model = tiny();
      await trainTiny(model, {
        recipe: { ...recipe, ...setting },
        train: limitImages(train, 32),
        epochs: 1,
        eager: true,
      });
      ends.add(JSON.stringify(weightsOf(model)));
    }
    expect(ends.size).toBe(settings.length);
  });

  test("that is interrupted while it is set up takes no step, and can go on", async () => {
    const stopped = await trainTiny(tiny(), { signal: AbortSignal.abort() });
    expect(stopped).toMatchObject({ finished: false, history: [] });
    expect((await readCheckpoint(file, run)).state.step).toBe(0);
  });

  test("learns a small set by heart", async () => {
    const few = limitImages(train, 40);
    const result = await trainTiny(tiny(), {
      train: few,
      test: few,
      recipe: { ...recipe, learningRate: 0.01 },
      epochs: 40,
    });
    expect(result.history.at(-1)?.testAccuracy).toBe(1);
  });

  test("stops at a loss that is no number, and keeps the last checkpoint", async () => {
    const wild = { ...recipe, learningRate: 1e30 };
    await expect(trainTiny(tiny(), { recipe: wild })).rejects.toThrow(
      /(the loss became (NaN|Infinity)|holds numbers that are not finite) at step \d+ \(epoch 1, batch \d\)/,
    );
    const { state } = await readCheckpoint(file, run);
    expect(state.step).toBe(0);
    for (const { values } of state.variables) expect(values.every((value) => Number.isFinite(value))).toBe(true);
  });

  test("scores a validation part after each epoch, and the test set only at the end", async () => {
    const validation = limitImages(testSet, 12);
    const model = tiny();
    const { history, test: scored } = await trainTiny(model, { validation });
    expect(history).toHaveLength(3);
    for (const record of history) {
      expect(record).toHaveProperty("validationAccuracy");
      expect(record).not.toHaveProperty("testAccuracy");
    }
    expect(history.at(-1)?.validationLoss).toBeCloseTo(lossOf(model, validation), 5);
    expect(scored?.loss).toBeCloseTo(lossOf(model, testSet), 5);
  });

  test("gives the mean loss over the images of an epoch, however short its last batch", async () => {
    const losses: number[] = [];
    const { history } = await trainTiny(tiny(), { epochs: 1, onStep: ({ batchLoss }) => losses.push(batchLoss) });
    const [a = 0, b = 0, c = 0, d = 0] = losses;
    expect(history[0]?.loss).toBeCloseTo((32 * (a + b + c) + 4 * d) / 100, 9);
  });

  test("ends with the epoch that validated best, and stops when nothing gets better", async () => {
    const kept: { best?: Checkpoint } = {};
    const model = tiny();
    const result = await trainTiny(model, {
      validation: testSet,
      // Two good epochs, then steps so long that everything is lost.
      recipe: { ...recipe, schedule: [{ kind: "step", every: 2, factor: 1000 }], patience: 3, keepBest: true },
      epochs: 30,
      best: {
        save: (checkpoint) => Promise.resolve(void (kept.best = checkpoint)),
        load: () =>
          kept.best === undefined ? Promise.reject(new Error("none was saved")) : Promise.resolve(kept.best),
      },
    });
    expect(result.keptEpoch).toBe(kept.best?.epoch);
    expect(result.history).toHaveLength(result.keptEpoch + 3);
    const accuracies = result.history.map(({ validationAccuracy = 0 }) => validationAccuracy);
    expect(accuracies[result.keptEpoch - 1]).toBe(Math.max(...accuracies));
    expect(result.test?.accuracy).toBe(accuracies[result.keptEpoch - 1]);
    expect(weightsOf(model)[0]).toEqual(Array.from(kept.best?.state.variables[0]?.values ?? []));
  });

  test("scores and keeps the moving average when there is one", async () => {
    const [plain, averaged] = [tiny(), tiny()];
    await trainTiny(plain);
    const { history } = await trainTiny(averaged, { recipe: { ...recipe, averageDecay: 0.99 } });
    expect(weightsOf(averaged)).not.toEqual(weightsOf(plain));
    expect(history.at(-1)?.testLoss).toBeCloseTo(lossOf(averaged, testSet), 5);
  });

  test("names an image whose label is no class", async () => {
    const wrong: ImageSet = { ...train, pixels: (index) => train.pixels(index), labels: train.labels.with(7, 12) };
    await expect(trainTiny(tiny(), { train: wrong })).rejects.toThrow("image 7 of digits (train) has the label 12");
  });
});

describe("a checkpoint", () => {
  const checkpoint: Checkpoint = {
    run,
    plan,
    epoch: 1,
    batch: 2,
    samples: 64,
    lossSum: 0.1 + 0.2,
    correct: 3,
    trainingMs: 4,
    history: [],
    state: {
      step: 6,
      seed: 5,
      learningRate: 0.003,
      optimizer: "adam",
      variables: [{ name: "w", shape: [2], values: Float32Array.of(1.5, -2) }],
    },
  };

  test("comes back as it was", async () => {
    await writeCheckpoint(file, checkpoint);
    expect(await readCheckpoint(file, run)).toEqual(checkpoint);
  });

  test("of another run, cut short or flipped is refused", async () => {
    await writeCheckpoint(file, checkpoint);
    await expect(readCheckpoint(file, { ...run, seed: 6 })).rejects.toThrow("is of a run with seed 5, not 6");
    const bytes = readFileSync(file);
    for (const damaged of [bytes.subarray(0, 20), bytes.subarray(0, -1), Buffer.from(bytes).fill(7, 60, 61)]) {
      writeFileSync(file, damaged);
      await expect(readCheckpoint(file, run)).rejects.toThrow(TrainError);
    }
    await expect(readCheckpoint(join(folder, "none"), run)).rejects.toThrow("there is no checkpoint to go on from");
  });
});
