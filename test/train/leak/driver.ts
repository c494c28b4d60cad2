import { limitImages } from "../../../src/data/dataset.ts";
import { renderedDigits } from "../../../src/data/digits/rendered-digits.ts";
import type { RunIdentity, RunPlan } from "../../../src/train/checkpoint.ts";
import { fit } from "../../../src/train/fit.ts";
import { loadTensorFlow } from "../../../src/train/native/index.ts";
import { PLAIN } from "../../../src/train/recipe.ts";
import { classify } from "../../../src/train/tasks/classify.ts";

const [mode] = process.argv.slice(2);
const BATCH = 128;
const BATCHES = 5;
const EPOCHS = 120;
/** Steps between two looks at the memory. */
const EVERY = 25;

/** Trains a small network for 600 steps, scored every 5, and prints a line of JSON: what memory it held as it went. */
async function main(): Promise<void> {
  const tf = await loadTensorFlow({ install: "never" });
  const { layers } = tf;
  const model = tf.sequential({
    layers: [
      layers.conv2d({ filters: 4, kernelSize: 5, strides: 3, inputShape: [28, 28, 1] }),
      layers.batchNormalization({}),
      layers.reshape({ targetShape: [8, 32] }),
      layers.lstm({ units: 4, recurrentInitializer: "glorotUniform" }),
      layers.dropout({ rate: 0.3 }),
      layers.dense({ units: 10, activation: "softmax" }),
    ],
  });
  const train = limitImages(renderedDigits({ split: "train", seed: 3 }), BATCH * BATCHES);
  const run: RunIdentity = {
    network: "tiny",
    dataset: "digits",
    images: train.images,
    batchSize: BATCH,
    seed: 5,
    learningRate: 1e-3,
  };
  const plan: RunPlan = { epochs: EPOCHS, schedule: "constant", cooldownEpochs: 0 };
  const looks: { readonly step: number; readonly tensors: number; readonly resident: number }[] = [];
  const { mode: found } = await fit(tf, {
    model,
    task: classify({ classes: 10, train, test: limitImages(train, 20) }),
    recipe: { ...PLAIN, batchSize: BATCH, averageDecay: 0.9, clipNorm: 1, weightDecay: 0.01 },
    run,
    plan,
    epochs: EPOCHS,
    eager: mode === "eager",
    save: () => Promise.resolve(),
    onStep: ({ done }) => {
      if (done % EVERY !== 0) return;
      globalThis.gc?.();
      looks.push({ step: done, tensors: tf.memory().numTensors, resident: process.memoryUsage().rss });
    },
  });
  process.stdout.write(JSON.stringify({ mode: found, looks, after: tf.memory().numTensors }));
}

await main();
