import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import { expect, test } from "vitest";

import { loadNative } from "../../src/node/native-tensorflow.ts";
import { imageTensor } from "../../src/data/image-tensor.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { openDataset } from "../../src/node/datasets/open-dataset.ts";
import { readModel } from "../../src/node/read-model.ts";
import { agreement } from "../../src/verify/agreement.ts";

const root = resolve(import.meta.dirname, "../..");
const mnist = resolve(root, "../shared/data/mnist");
const model = resolve(root, "models/crnn-mnist");

test("models/crnn-mnist gives the same answers on TF.js, onnxruntime-node and onnxruntime-web", async () => {
  const real = existsSync(mnist);
  if (!real) process.stderr.write("MNIST is not beside this checkout: 10,000 rendered digits in its place\n");
  const { set } = await openDataset(
    real ? { dataset: "mnist", split: "test", data: mnist } : { dataset: "digits", split: "test" },
  );
  expect(set.images).toBe(10_000);
  const onnx = await readFile(resolve(model, "model.onnx"));
  const tfjs = await (await getRuntime("tfjs", { loadNative })).load(await readModel(model));
  const sessions = [tfjs, await (await getRuntime("node")).load(onnx), await (await getRuntime("web")).load(onnx)];
  const labelled = {
    images: set.images,
    labels: set.labels,
    batch: (start: number, count: number) => imageTensor(set, start, count),
  };
  const rows = await agreement(sessions, labelled, 250);
  await Promise.all(sessions.map((session) => session.dispose()));
  expect(rows.map(({ runtime }) => runtime)).toEqual(["tfjs", "node", "web"]);
  for (const { otherAnswers, maxAbsDiff, accuracy } of rows) {
    expect(otherAnswers).toBe(0);
    expect(maxAbsDiff).toBeLessThan(1e-5);
    expect(accuracy).toBeGreaterThan(real ? 0.99 : 0.85);
  }
}, 300_000);
