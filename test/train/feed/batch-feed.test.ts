import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";

import { buildSync } from "esbuild";
import { afterAll, expect, test } from "vitest";

import { renderedDigits } from "../../../src/data/digits/rendered-digits.ts";
import { storeSamples } from "../../../src/data/sample-store.ts";
import { TrainError } from "../../../src/errors.ts";
import { openFeed } from "../../../src/train/feed/batch-feed.ts";
import type { BatchPlace, ImageFeedPlan } from "../../../src/train/feed/batch-maker.ts";
import type { WorkerStart } from "../../../src/train/feed/messages.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-feed-"));
const built = join(folder, "feed-worker.mjs");
buildSync({
  entryPoints: [resolve(import.meta.dirname, "../../../src/train/feed/feed-worker.ts")],
  outfile: built,
  bundle: true,
  platform: "node",
  format: "esm",
});
afterAll(() => rmSync(folder, { recursive: true }));

const startWorker = (workerData: WorkerStart): Worker => new Worker(built, { workerData });

const plan: ImageFeedPlan = {
  kind: "images",
  store: storeSamples([renderedDigits({ split: "train", count: 50 })]),
  classes: 10,
  batchSize: 16,
  seed: 3,
  epochs: 3,
  augment: { turn: 10, shift: 2, elastic: 0.7, pen: 0.5, coarse: 0.5, ink: 0.5, noise: 0.5 },
  cooldownEpochs: 1,
  cooldownStrength: 0.3,
};

interface Drawn {
  readonly images: number[];
  readonly labels: number[];
}

async function drawn(workers: number, from: BatchPlace, count: number): Promise<Drawn[]> {
  const feed = openFeed({ plan, from, workers, startWorker });
  const batches: Drawn[] = [];
  for (let batch = 0; batch < count; batch++) {
    const { images, labels } = await feed.next();
    batches.push({ images: Array.from(images), labels: Array.from(labels) });
  }
  await feed.close();
  return batches;
}

test("batches are the same whatever the number of threads, and wherever a run goes on", async () => {
  const whole = await drawn(0, { epoch: 0, batch: 0 }, 12);
  expect(whole.map(({ labels }) => labels.length / 10)).toEqual([16, 16, 16, 2, 16, 16, 16, 2, 16, 16, 16, 2]);
  for (const workers of [1, 2, 3]) expect(await drawn(workers, { epoch: 0, batch: 0 }, 12)).toEqual(whole);
  expect(await drawn(2, { epoch: 1, batch: 3 }, 5)).toEqual(whole.slice(7));
});

test("an epoch holds every image once, in another order than the one before", async () => {
  const [first, second] = [await drawn(0, { epoch: 0, batch: 0 }, 4), await drawn(0, { epoch: 1, batch: 0 }, 4)];
  const counts = (batches: readonly Drawn[]): number[] =>
    Array.from({ length: 10 }, (_, digit) =>
      batches.flatMap(({ labels }) => labels).reduce((sum, value, at) => sum + (at % 10 === digit ? value : 0), 0),
    );
  expect(counts(first)).toEqual(Array.from({ length: 10 }, () => 5));
  expect(counts(second)).toEqual(counts(first));
  expect(second.map(({ labels }) => labels)).not.toEqual(first.map(({ labels }) => labels));
});

test("an image is changed otherwise in each epoch, and as little as was asked in the cooldown", async () => {
  const alone = { ...plan, store: storeSamples([renderedDigits({ split: "train", count: 1 })]) };
  const images = async (changed: Partial<ImageFeedPlan>): Promise<readonly (readonly number[])[]> => {
    const feed = openFeed({ plan: { ...alone, ...changed }, from: { epoch: 0, batch: 0 }, workers: 0 });
    return [Array.from((await feed.next()).images), Array.from((await feed.next()).images)];
  };
  const [first, second] = await images({});
  expect(second).not.toEqual(first);
  const [plain] = await images({ augment: undefined });
  expect(first).not.toEqual(plain);
  expect((await images({ epochs: 2, cooldownEpochs: 1, cooldownStrength: 0 }))[1]).toEqual(plain);
  expect((await images({ epochs: 2, cooldownEpochs: 1, cooldownStrength: 1 }))[1]).toEqual(second);
});

test("a batch is the caller's own: the next one does not change it", async () => {
  const feed = openFeed({ plan, from: { epoch: 0, batch: 0 }, workers: 1, startWorker });
  const { images } = await feed.next();
  const copy = Array.from(images);
  for (let batch = 0; batch < 8; batch++) await feed.next();
  expect(Array.from(images)).toEqual(copy);
  await feed.close();
});

test("a thread that fails is an error of the training, not a hang", async () => {
  const feed = openFeed({
    plan,
    from: { epoch: 0, batch: 0 },
    workers: 1,
    startWorker: () => new Worker("throw new Error('no room')", { eval: true }),
  });
  await expect(feed.next()).rejects.toThrow(TrainError);
  await expect(feed.next()).rejects.toThrow("no room");
  await feed.close();
});
