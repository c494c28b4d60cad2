import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as tfjs from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { afterAll, describe, expect, test } from "vitest";

import { charsetOf } from "../../../src/node/datasets/lines.ts";
import { fitLine } from "../../../src/infer/preprocess/line.ts";
import { readCheckpoint, writeCheckpoint, type RunIdentity } from "../../../src/train/checkpoint.ts";
import { fit, type FitOptions, type FitResult } from "../../../src/train/fit.ts";
import { preparedLines, storeSource } from "../../../src/train/line-run.ts";
import { buildLine, LINE_DEFAULTS, PADDING } from "../../../src/train/networks/line.ts";
import { PLAIN } from "../../../src/train/recipe.ts";
import { editDistance } from "../../../src/data/lines/edit-distance.ts";
import { type LineAnswer, readLines } from "../../../src/train/tasks/read-lines.ts";
import { completeKernels } from "../../../src/train/wasm/kernels.ts";
import { digitLines } from "../../helpers/digit-lines.ts";
import { nativeTf } from "../native-tf.ts";

const native = await nativeTf();
const tf = native ?? tfjs;
tf.env().set("PROD", true);
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-lines-"));
const file = join(folder, "checkpoint.bin");
afterAll(() => rmSync(folder, { recursive: true }));

const HEIGHT = 16;
const COLUMNS = 4;
const samples = digitLines(8, [1, 2]);
const planes = samples.map(({ pixels, width, height }) =>
  fitLine({ width, height, channels: 1, data: Float32Array.from(pixels, (value) => value / 255) }, HEIGHT),
);
const { characters } = charsetOf(samples);
const run: RunIdentity = { network: "line", dataset: "lines", images: 8, batchSize: 4, seed: 1, learningRate: 0.01 };

interface Options extends Partial<FitOptions<readonly LineAnswer[]>> {
  readonly augmented?: boolean;
}

async function train({ augmented = false, ...options }: Options = {}): Promise<{
  readonly result: FitResult<readonly LineAnswer[]>;
  readonly weights: number[][];
}> {
  const model = buildLine(tf, {
    ...LINE_DEFAULTS,
    height: HEIGHT,
    characters: characters.length,
    body: "conv5:12/2x2 pool2x2 conv:24 pool2x1",
    features: 24,
    units: [24],
    dropout: 0,
  });
  const lines = preparedLines(samples, planes);
  const task = readLines({
    characters,
    height: HEIGHT,
    columns: COLUMNS,
    padding: PADDING,
    ...storeSource(samples, planes, characters, 4),
    test: lines,
    ...(augmented ? { augment: { turn: 2, noise: 0.5, elastic: 0.02, jpeg: 0.5, light: 0.5, stretch: 0.05 } } : {}),
  });
  const result = await fit(tf, {
    model,
    task,
    recipe: { ...PLAIN, batchSize: 4, seed: 1, learningRate: 0.01, clipNorm: 5 },
    run,
    plan: { epochs: 40, schedule: "constant", cooldownEpochs: 0 },
    epochs: 40,
    save: (checkpoint) => writeCheckpoint(file, checkpoint),
    ...options,
  });
  const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
  tf.disposeVariables();
  return { result, weights };
}

describe.skipIf(native === null)("on native TensorFlow", () => {
  test("a tiny set of lines is learnt by heart, one graph a step", async () => {
    await tf.setBackend("tensorflow");
    const { result } = await train();
    expect(result.mode).toBe("graph");
    expect(result.test?.accuracy).toBe(1);
    expect(result.test?.characterErrors).toBe(0);
    expect(result.answers?.map(({ text, read }) => [text, read])).toEqual(
      result.answers?.map(({ text }) => [text, text]),
    );
    expect(result.answers).toHaveLength(samples.length);
    // Accuracy in training is counted in the graph, by the best path too.
    expect(result.history.at(-1)?.accuracy).toBe(1);
    expect(result.history[0]?.accuracy).toBeLessThan(0.5);
  });

  test("a run that was interrupted and resumed ends with the weights of an unbroken one", async () => {
    await tf.setBackend("tensorflow");
    const shared = { epochs: 2, augmented: true };
    const whole = await train(shared);
    const controller = new AbortController();
    const stopped = await train({
      ...shared,
      signal: controller.signal,
      onStep: ({ done }) => {
        if (done === 3) controller.abort();
      },
    });
    expect(stopped.result.finished).toBe(false);
    const resumed = await train({ ...shared, from: await readCheckpoint(file, run) });
    expect(resumed.weights).toEqual(whole.weights);
  });
});

test("on WebAssembly a tiny set of lines is learnt by heart", async () => {
  await tf.setBackend("wasm");
  completeKernels(tf, "wasm");
  const { result } = await train();
  expect(result.mode).toBe("eager");
  expect(result.test?.accuracy).toBe(1);
});

test.each([
  ["", "", 0],
  ["abc", "abc", 0],
  ["abc", "", 3],
  ["kitten", "sitting", 3],
  ["a€b", "ab", 1],
  ["😀x", "😀y", 1],
])("%j is %j but for %i characters", (a, b, expected) => {
  expect(editDistance(a, b)).toBe(expected);
  expect(editDistance(b, a)).toBe(expected);
});
