import * as tfjs from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { limitImages, type ImageSet } from "../../src/data/dataset.ts";
import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { takeBatch } from "../../src/train/batches.ts";
import type { Checkpoint } from "../../src/train/checkpoint.ts";
import { fit, type FitOptions, type FitResult } from "../../src/train/fit.ts";
import { initialise } from "../../src/train/networks.ts";
import { PLAIN } from "../../src/train/recipe.ts";
import { type ClassAnswers, classify, type ClassifyOptions } from "../../src/train/tasks/classify.ts";
import { copyWeights, Teachers } from "../../src/train/teachers.ts";

import { nativeTf } from "./native-tf.ts";

const native = await nativeTf();
if (native === null) process.stderr.write("skipped: native TensorFlow is not at hand, so nothing is taught\n");
const tf = native ?? tfjs;

const digits = limitImages(renderedDigits({ split: "train", seed: 3 }), 100);
/** Each digit called by the next one's name. */
const misnamed: ImageSet = {
  ...digits,
  pixels: (index) => digits.pixels(index),
  labels: digits.labels.map((label) => (label + 1) % 10),
};

function network(seed: number, units = 24): tfjs.LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [28, 28, 1] }),
      tf.layers.dense({ units, activation: "relu" }),
      tf.layers.dropout({ rate: 0.2 }),
      tf.layers.dense({ units: 10, activation: "softmax" }),
    ],
  });
  initialise(tf, model, seed);
  return model;
}

type Options = Partial<FitOptions<ClassAnswers>> & Partial<ClassifyOptions>;

async function train(model: tfjs.LayersModel, options: Options = {}): Promise<FitResult<ClassAnswers>> {
  const { train: images = digits, teaching } = options;
  return fit(tf, {
    model,
    task: classify({ classes: 10, train: images, test: digits, ...(teaching === undefined ? {} : { teaching }) }),
    recipe: { ...PLAIN, batchSize: 32, seed: 5, learningRate: 0.01 },
    run: { network: "small", dataset: "digits", images: 100, batchSize: 32, seed: 5, learningRate: 0.01 },
    plan: { epochs: 20, schedule: "constant", cooldownEpochs: 0 },
    epochs: 20,
    save: () => Promise.resolve(),
    ...options,
  });
}

function weightsOf(model: tfjs.LayersModel): number[][] {
  return model.getWeights().map((weight) => Array.from(weight.dataSync()));
}

describe.skipIf(native === null)("teachers", () => {
  test("mix the mean of what they say into the labels, dropout left out", async () => {
    const models = [network(1), network(2), network(3)];
    const batch = takeBatch(tf, digits, [4, 9, 2, 30, 31], 10);
    for (const eager of [false, true]) {
      const teachers = new Teachers(tf, { models, share: 0.3 }, { eager });
      const mixed = await teachers.mix(batch.images, batch.labels).array();
      const answers = models.map((model) => [model.predict(batch.images)].flat()[0]?.arraySync());
      const labels = await batch.labels.array();
      const expected = labels.map((row, image) =>
        row.map((label, digit) => {
          const said = answers.map((answer) => (Array.isArray(answer) ? [answer[image]].flat()[digit] : Number.NaN));
          return 0.7 * label + said.reduce<number>((sum, value) => sum + 0.1 * Number(value), 0);
        }),
      );
      mixed.forEach((row, image) =>
        row.forEach((value, digit) => expect(value).toBeCloseTo(expected[image]?.[digit] ?? Number.NaN, 6)),
      );
      teachers.dispose();
    }
  });

  test("are followed by share, against the labels", async () => {
    const teacher = network(1);
    expect((await train(teacher)).test?.accuracy).toBe(1);
    const taught = await train(network(2), { train: misnamed, teaching: { models: [teacher], share: 0.9 } });
    expect(taught.test?.accuracy).toBeGreaterThan(0.95);
    const mostlyLabels = await train(network(2), { train: misnamed, teaching: { models: [teacher], share: 0.1 } });
    expect(mostlyLabels.test?.accuracy).toBeLessThan(0.05);
  });

  test("stay as they were, and a run of theirs that was interrupted ends as an unbroken one", async () => {
    const teacher = network(1);
    const before = weightsOf(teacher);
    const taught = { teaching: { models: [teacher], share: 0.5 }, epochs: 3 };
    const unbroken = network(2);
    await train(unbroken, taught);
    const kept: { last?: Checkpoint } = {};
    const controller = new AbortController();
    await train(network(2), {
      ...taught,
      signal: controller.signal,
      save: (checkpoint) => Promise.resolve(void (kept.last = checkpoint)),
      onStep: ({ done }) => {
        if (done === 5) controller.abort();
      },
    });
    const resumed = network(3);
    if (kept.last === undefined) throw new Error("nothing was saved");
    await train(resumed, { ...taught, from: kept.last });
    expect(weightsOf(resumed)).toEqual(weightsOf(unbroken));
    expect(weightsOf(teacher)).toEqual(before);
    const alone = network(2);
    await train(alone, { epochs: 3 });
    expect(weightsOf(alone)).not.toEqual(weightsOf(unbroken));
  });
});

describe.skipIf(native === null)("a network that begins with another's weights", () => {
  test("has its first loss", async () => {
    const trained = network(1);
    await train(trained);
    const model = network(2);
    copyWeights(trained, model, "the first");
    const losses: number[] = [];
    const onStep: FitOptions<ClassAnswers>["onStep"] = ({ batchLoss }) => losses.push(batchLoss);
    await train(model, { begun: true, epochs: 1, onStep });
    expect(losses[0]).toBeLessThan(0.1);
    await train(network(2), { epochs: 1, onStep });
    expect(losses[4]).toBeGreaterThan(2);
  });

  test("must have the same shapes", () => {
    expect(() => copyWeights(network(1, 23), network(1), "the first")).toThrow(
      /^the first is no sequential_\d+: it has dense_Dense\d+\/kernel \[784, 23\] where the network has dense_Dense\d+\/kernel \[784, 24\]$/,
    );
  });
});
