import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { limitImages } from "../../../src/data/dataset.ts";
import { renderedDigits } from "../../../src/data/digits/rendered-digits.ts";
import { readCheckpoint, writeCheckpoint, type RunIdentity, type RunPlan } from "../../../src/train/checkpoint.ts";
import { fit } from "../../../src/train/fit.ts";
import { loadTensorFlow } from "../../../src/train/native/index.ts";
import { PLAIN } from "../../../src/train/recipe.ts";
import { classify } from "../../../src/train/tasks/classify.ts";

const [folder = "."] = process.argv.slice(2);
const file = join(folder, "checkpoint.bin");
const train = limitImages(renderedDigits({ split: "train", seed: 3 }), 104);
const test = limitImages(renderedDigits({ split: "test", seed: 3 }), 20);
const recipe = { ...PLAIN, batchSize: 16, seed: 5, learningRate: 0.003, averageDecay: 0.9, augment: { turn: 10 } };
const run: RunIdentity = {
  network: "tiny",
  dataset: "digits",
  images: 104,
  batchSize: 16,
  seed: 5,
  learningRate: 0.003,
};
const plan: RunPlan = { epochs: 4, schedule: "constant", cooldownEpochs: 0 };

/** Trains a small network, saving after every step, and writes a digest of its weights when done. */
async function main(): Promise<void> {
  const tf = await loadTensorFlow({ install: "never" });
  const { layers } = tf;
  const model = tf.sequential({
    layers: [
      layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, inputShape: [28, 28, 1] }),
      layers.batchNormalization({}),
      layers.flatten(),
      layers.dropout({ rate: 0.3 }),
      layers.dense({ units: 10, activation: "softmax" }),
    ],
  });
  const from = existsSync(file) ? await readCheckpoint(file, run) : undefined;
  process.stdout.write(`from ${from?.state.step ?? 0}\n`);
  const options = {
    model,
    task: classify({ classes: 10, train, test }),
    recipe,
    run,
    plan,
    epochs: 4,
    checkpointEveryMs: 0,
  };
  const { history } = await fit(tf, {
    ...options,
    ...(from === undefined ? {} : { from }),
    save: (checkpoint) => writeCheckpoint(file, checkpoint),
    onStep: ({ done }) => process.stdout.write(`step ${done}\n`),
  });
  const digest = createHash("sha256");
  for (const weight of model.getWeights()) digest.update(new Uint8Array(weight.dataSync<"float32">().buffer));
  const losses = history.map(({ loss }) => loss);
  writeFileSync(join(folder, "result.json"), JSON.stringify({ weights: digest.digest("hex"), losses }));
}

await main();
