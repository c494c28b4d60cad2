import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { InferenceError } from "../../src/errors.ts";
import { exportRaw } from "../../src/export/export-model.ts";
import { prepareImage } from "../../src/infer/preprocess/prepare-image.ts";
import { readLineImages } from "../../src/infer/read-lines.ts";
import { readImages } from "../../src/infer/recognize.ts";
import type { RuntimeName, Session } from "../../src/infer/runtime.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { isRecognizer, type ImageInput, type Recognizer } from "../../src/metadata.ts";
import { float32 } from "../../src/tensor.ts";
import { initialise } from "../../src/train/networks.ts";
import { buildLine, closePadding, LINE_DEFAULTS, PADDING } from "../../src/train/networks/line.ts";
import { predict, rawModelOf } from "../helpers/live-model.ts";

const HEIGHT = 16;
const CHARACTERS = ["a", "b", "c"];
const input: ImageInput = {
  kind: "image",
  height: HEIGHT,
  width: null,
  channels: 1,
  range: [0, 1],
  fit: "line",
  line: { columns: 4, padding: PADDING },
};
const recognizer: Recognizer = {
  version: 1,
  input,
  output: { kind: "ctc", characters: CHARACTERS, activation: "logits" },
};

function network(): tf.LayersModel {
  const model = buildLine(tf, {
    ...LINE_DEFAULTS,
    height: HEIGHT,
    characters: CHARACTERS.length,
    body: "conv5:6/2x2 separable:8 pool2x2 residual:8 conv:10 pool2x1",
    features: 12,
    units: [7, 6],
  });
  initialise(tf, model, 3);
  for (const [index, weight] of model.weights.entries()) {
    const noise = tf.randomUniform(weight.read().shape, 0.1, 0.6, "float32", index + 1);
    if (/beta|bias|moving_mean|gamma|moving_variance/.test(weight.originalName)) weight.write(weight.read().add(noise));
  }
  // So that something other than blanks is read.
  for (const weight of model.weights) {
    if (weight.originalName === "logits/kernel") weight.write(weight.read().mul(6));
    if (weight.originalName === "logits/bias") weight.write(weight.read().sub(tf.tensor1d([0, 0, 0, 2])));
  }
  closePadding(tf, model);
  return model;
}

function lineOf(width: number, seed: number): Float32Array {
  return tf.randomUniform([HEIGHT * width], 0, 1, "float32", seed).dataSync<"float32">();
}

const model = network();
const sessions = new Map<RuntimeName, Session>();

beforeAll(async () => {
  const raw = await rawModelOf(model);
  const { bytes } = exportRaw(raw);
  for (const name of ["node", "web"] as const) sessions.set(name, await (await getRuntime(name)).load(bytes));
  sessions.set("tfjs", await (await getRuntime("tfjs")).load(raw));
});

afterAll(async () => {
  for (const session of sessions.values()) await session.dispose();
});

function sessionOf(name: RuntimeName): Session {
  const session = sessions.get(name);
  if (session === undefined) throw new Error(`no session of ${name}`);
  return session;
}

describe.each(["node", "web", "tfjs"] as const)("lines on %s", (name) => {
  test("of any width and number give the logits that TF.js gives", async () => {
    const session = sessionOf(name);
    const [first, output] = [session.inputs[0]?.name ?? "", session.outputs[0]?.name ?? ""];
    for (const [count, width] of [
      [1, 8],
      [3, 64],
      [2, 132],
    ] as const) {
      const data = tf.randomUniform([count, HEIGHT, width, 1], -0.2, 1, "float32", width);
      const [expected] = predict(model, [data]);
      const { [output]: found } = await session.run({
        [first]: float32(data.dataSync<"float32">().slice(), [count, HEIGHT, width, 1]),
      });
      expect(found?.dims).toEqual([count, width / 4, 4]);
      const values = expected?.dataSync<"float32">() ?? new Float32Array();
      const gap = values.reduce((most, value, at) => Math.max(most, Math.abs(value - Number(found?.data[at]))), 0);
      expect(gap).toBeLessThan(1e-4);
    }
  });

  test("read the same alone and in a batch, in their order", async () => {
    const session = sessionOf(name);
    const images = [40, 200, 16, 44, 100].map((width, index) => lineOf(width, index + 1));
    const together = await readImages(session, recognizer, images);
    const alone = await Promise.all(images.map(async (image) => (await readImages(session, recognizer, [image]))[0]));
    expect(together.map(({ text }) => text)).toEqual(alone.map((reading) => reading?.text));
    together.forEach(({ confidence }, index) => expect(confidence).toBeCloseTo(Number(alone[index]?.confidence), 4));
    expect(together.some(({ text }) => text.length > 1)).toBe(true);
    for (const { text, characters = [] } of together) {
      expect(characters.map((each) => each.text).join("")).toBe(text);
      expect(characters.every(({ from, to }) => from % 4 === 0 && to > from)).toBe(true);
    }
  });
});

test("a model of other classes than it names is refused", async () => {
  const output = { kind: "ctc", characters: ["a"], activation: "logits" } as const;
  await expect(readLineImages(sessionOf("node"), input, output, [lineOf(16, 1)])).rejects.toThrow(InferenceError);
});

test("metadata with padding that is no number is not understood", () => {
  expect(isRecognizer(recognizer)).toBe(true);
  expect(isRecognizer({ ...recognizer, input: { ...input, line: { columns: 0, padding: -1 } } })).toBe(false);
  expect(isRecognizer({ ...recognizer, input: { ...input, line: { columns: 4, padding: Number.NaN } } })).toBe(false);
});

test("a picture is prepared to whole steps", () => {
  const pixels = new Uint8Array(30 * 61).fill(255);
  for (let y = 8; y < 22; y++) for (let x = 10; x < 50; x += 6) pixels[y * 61 + x] = 0;
  const image = prepareImage({ width: 61, height: 30, channels: 1, data: pixels }, input);
  expect((image.length / HEIGHT) % 4).toBe(0);
  expect(Math.max(...image)).toBeGreaterThan(0.5);
});
