import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as tfjs from "@tensorflow/tfjs";
import { afterAll, describe, expect, test } from "vitest";

import { limitImages, type ImageSet } from "../../src/data/dataset.ts";
import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { TrainError } from "../../src/errors.ts";
import { readCheckpoint, writeCheckpoint, type Checkpoint, type RunIdentity } from "../../src/train/checkpoint.ts";
import { fit, type FitOptions, type FitResult } from "../../src/train/fit.ts";

import { nativeTf } from "./native-tf.ts";

const native = await nativeTf();
const tf = native ?? tfjs;
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-fit-"));
const file = join(folder, "checkpoint.bin");

afterAll(() => rmSync(folder, { recursive: true }));

const train = limitImages(renderedDigits({ split: "train", seed: 3 }), 100);
const testSet = limitImages(renderedDigits({ split: "test", seed: 3 }), 20);
const run: RunIdentity = {
  network: "tiny",
  dataset: "digits",
  images: train.images,
  batchSize: 32,
  seed: 5,
  learningRate: 0.003,
};

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

async function trainTiny(model: tfjs.LayersModel, options: Partial<FitOptions> = {}): Promise<FitResult> {
  return fit(tf, {
    model,
    classes: 10,
    train,
    test: testSet,
    run,
    epochs: 3,
    save: (checkpoint: Checkpoint) => writeCheckpoint(file, checkpoint),
    ...options,
  });
}

function weightsOf(model: tfjs.LayersModel): number[][] {
  return model.getWeights().map((weight) => Array.from(weight.dataSync()));
}

describe.skipIf(native === null)("fit", () => {
  test("a run that was interrupted and resumed ends with the weights of an unbroken one", async () => {
    const unbroken = tiny();
    const whole = await trainTiny(unbroken);
    expect(whole).toMatchObject({ finished: true, mode: "graph" });
    for (const stopAfter of [1, 5]) {
      const controller = new AbortController();
      const stopped = await trainTiny(tiny(), {
        signal: controller.signal,
        onStep: ({ done }) => {
          if (done === stopAfter) controller.abort();
        },
      });
      expect(stopped.finished).toBe(false);
      const resumed = tiny();
      const rest = await trainTiny(resumed, { from: await readCheckpoint(file, run) });
      expect(weightsOf(resumed)).toEqual(weightsOf(unbroken));
      expect(rest.history.map(({ loss }) => loss)).toEqual(whole.history.map(({ loss }) => loss));
    }
  });

  test("learns a small set by heart", async () => {
    const few = limitImages(train, 40);
    const result = await trainTiny(tiny(), {
      train: few,
      test: few,
      run: { ...run, images: 40, learningRate: 0.01 },
      epochs: 40,
    });
    expect(result.history.at(-1)?.testAccuracy).toBe(1);
  });

  test("stops at a loss that is no number, and keeps the last checkpoint", async () => {
    writeFileSync(file, "kept");
    const wild = { ...run, learningRate: 1e30 };
    await expect(trainTiny(tiny(), { run: wild })).rejects.toThrow(
      /the loss became (NaN|Infinity) in epoch 1, batch \d/,
    );
    expect(readFileSync(file, "utf8")).toBe("kept");
  });

  test("names an image whose label is no class", async () => {
    const wrong: ImageSet = { ...train, pixels: (index) => train.pixels(index), labels: train.labels.with(7, 12) };
    await expect(trainTiny(tiny(), { train: wrong })).rejects.toThrow("image 7 of digits (train) has the label 12");
  });
});

describe("a checkpoint", () => {
  const checkpoint: Checkpoint = {
    run,
    epoch: 1,
    batch: 2,
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
