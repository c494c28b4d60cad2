import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { Random } from "../../src/data/random.ts";
import { exportAnySource, readAnyModel } from "../../src/export/any-source.ts";
import { exportModel } from "../../src/export/export-any.ts";
import type { ExportOptions } from "../../src/export/export-model.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import type { Image } from "../../src/infer/preprocess/image.ts";
import { prepareImage } from "../../src/infer/preprocess/prepare-image.ts";
import { bytePicture, readBytePictures, readPreprocessing } from "../../src/infer/preprocessing-inside.ts";
import { readImages } from "../../src/infer/recognize.ts";
import type { Session } from "../../src/infer/runtime.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import type { ImageInput, PreprocessingInside, Recognizer } from "../../src/metadata.ts";
import { readModel } from "../../src/node/read-model.ts";
import { readOnnxHeader } from "../../src/onnx/header.ts";
import { at, first } from "../../src/require.ts";
import { verifyModel } from "../../src/verify/verify-model.ts";
import { randomizeWeights, rawModelOf } from "../helpers/live-model.ts";
import { photograph } from "../helpers/scenes.ts";

import { attr, GraphMaker, signature } from "./graph/graph-maker.ts";

const mnist = resolve(import.meta.dirname, "../../../shared/data/mnist/t10k-images-idx3-ubyte");
const sessions: Session[] = [];

beforeAll(async () => void (await tf.setBackend("cpu")));
afterAll(async () => void (await Promise.all(sessions.map((session) => session.dispose()))));

interface Opened {
  readonly session: Session;
  readonly inside: PreprocessingInside;
  readonly bytes: Uint8Array;
}

async function opened(bytes: Uint8Array): Promise<Opened> {
  const session = await (await getRuntime("node")).load(bytes, {});
  sessions.push(session);
  const inside = readPreprocessing(readOnnxHeader(bytes).metadata);
  if (inside === null) throw new TypeError("the file does not prepare pictures");
  return { session, inside, bytes };
}

/** What the file makes of pictures of one size: prepared pictures, in a row. */
async function prepared({ session, inside }: Opened, images: readonly Image[]): Promise<Float32Array> {
  const { height, width } = first(images);
  const data = Uint8Array.from(images.flatMap((image) => [...bytePicture(image).data]));
  const given = await session.run({
    [inside.input]: { dtype: "uint8", dims: [images.length, height, width, 3], data },
  });
  const found = given[inside.prepared];
  if (found?.dtype !== "float32") throw new TypeError("nothing prepared");
  return found.data;
}

function worst(found: Float32Array, images: readonly Image[], input: ImageInput): number {
  const wanted = images.flatMap((image) => [...prepareImage(image, input)]);
  expect(found).toHaveLength(wanted.length);
  return found.reduce((most, value, index) => {
    const difference = Math.abs(value - at(wanted, index));
    return difference <= most ? most : difference;
  }, 0);
}

function noise(height: number, width: number, seed: number, channels: 1 | 3 = 3): Image {
  const random = new Random(seed);
  return {
    height,
    width,
    channels,
    data: Uint8Array.from({ length: height * width * channels }, () => random.integer(256)),
  };
}

/** A small network with random weights on pictures of H != W, with a recogniser's metadata. */
async function classifier(recognizer: Recognizer): Promise<RawModel> {
  const { height, width, channels } = recognizer.input;
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [height, width, channels],
        filters: 4,
        kernelSize: 3,
        activation: "relu",
        name: "conv",
      }),
      tf.layers.globalAveragePooling2d({ name: "pool" }),
      tf.layers.dense({
        units: 5,
        name: "scores",
        ...(recognizer.output.activation === "logits" ? {} : { activation: "softmax" }),
      }),
    ],
  });
  randomizeWeights(model);
  const raw = await rawModelOf(model);
  model.dispose();
  return withRecognizer(raw, recognizer);
}

function withRecognizer(raw: RawModel, recognizer: unknown): RawModel {
  if (typeof raw.manifest !== "object" || raw.manifest === null) throw new TypeError("no manifest");
  return { ...raw, manifest: { ...raw.manifest, userDefinedMetadata: { recognizer } } };
}

const labels = ["red", "green", "blue", "none", "ünknown"];
const stretch = { kind: "image", fit: "stretch", height: 9, width: 14 } as const;

describe.each<[string, Recognizer]>([
  [
    "grey",
    {
      version: 1,
      input: { ...stretch, channels: 1, range: [0, 1] },
      output: { kind: "classes", labels, activation: "softmax" },
    },
  ],
  [
    "colours of -1 to 1, logits, a calibrated confidence",
    {
      version: 1,
      input: { ...stretch, channels: 3, range: [-1, 1] },
      output: {
        kind: "classes",
        labels,
        activation: "logits",
        confidence: { floor: 1e-6, bias: -1, margin: 0.7, mean: 0.1, spread: 0.4 },
      },
    },
  ],
  [
    "blue, green, red with means and deviations",
    {
      version: 1,
      input: { ...stretch, channels: 3, range: [0, 255], order: "bgr", mean: [104, 117, 124], std: [1, 2, 0.5] },
      output: { kind: "classes", labels, activation: "softmax" },
    },
  ],
])("%s", (_, recognizer) => {
  const { input, output } = recognizer;
  if (output.kind !== "classes") throw new TypeError("no classes");

  // What the opsets between and after them write differs from these in nothing that pictures need.
  test.each([13, 18])("pictures of every size go in, labels come out, at opset %i", async (opset) => {
    const source = await readAnyModel(await classifier(recognizer));
    const runtime = await getRuntime("node");
    const file = await opened((await exportAnySource(source, { withPreprocessing: true, opset })).bytes);
    const plain = await runtime.load((await exportAnySource(source, { opset })).bytes, {});
    sessions.push(plain);
    const level = Math.abs(input.range[1] - input.range[0]) / 255 / Math.min(...(input.std ?? [1]));
    // As large, smaller, larger, one side of each, a single pixel.
    for (const [height, width] of [
      [9, 14],
      [4, 5],
      [40, 61],
      [5, 200],
      [300, 7],
      [1, 1],
    ] as const) {
      const images = [noise(height, width, 3), noise(height, width, 4)];
      expect(worst(await prepared(file, images), images, input)).toBeLessThan(level / 20);
      const found = await readBytePictures(file.session, file.inside, output, images.map(bytePicture), 3);
      const wanted = await readImages(
        plain,
        recognizer,
        images.map((image) => prepareImage(image, input)),
      );
      for (const [index, reading] of wanted.entries()) {
        expect(found[index]?.text).toBe(reading.text);
        expect(found[index]?.unsure).toBe(reading.unsure);
        expect(found[index]?.confidence).toBeCloseTo(reading.confidence, 4);
        expect(found[index]?.top.map(({ label }) => label)).toEqual(reading.top.map(({ label }) => label));
      }
    }
  });

  test("verify compares the network with TF.js, and the preparation with ours", async () => {
    const raw = await classifier(recognizer);
    const source = await readAnyModel(raw);
    const bytes = (await exportAnySource(source, { withPreprocessing: true })).bytes;
    const other: Recognizer = { ...recognizer, input: { ...input, range: [input.range[0], input.range[1] * 1.02] } };
    const changed = (await exportAnySource(await readAnyModel(withRecognizer(raw, other)), { withPreprocessing: true }))
      .bytes;
    const options = {
      targets: [{ runtime: "node" }],
      tolerance: { atol: 1e-5, rtol: 1e-4 },
      batches: [2],
      seed: 1,
    } as const;
    const verified = await verifyModel(raw, source, bytes, { ...options, exportOptions: { withPreprocessing: true } });
    expect(verified.passed).toBe(true);
    expect(verified.runs.flatMap(({ outputs }) => outputs.map(({ name }) => name))).toEqual([
      "scores",
      ...Array.from({ length: 3 }, () => ["prepared", "confidence"]).flat(),
    ]);
    // The file says what it was made for; a file whose nodes do something else must not pass.
    const swapped = Buffer.from(changed)
      .toString("latin1")
      .replace(
        JSON.stringify(other.input.range),
        JSON.stringify(input.range).padEnd(JSON.stringify(other.input.range).length),
      );
    const wrong = await verifyModel(raw, source, Buffer.from(swapped, "latin1"), options);
    expect(wrong.passed).toBe(false);
    expect(
      wrong.runs.flatMap(({ outputs }) => outputs.filter(({ passed }) => !passed)).map(({ name }) => name),
    ).toContain("prepared");
  });
});

describe("drawn characters", () => {
  let file: Opened;
  let plain: Session;
  const input: ImageInput = { kind: "image", fit: "mnist", height: 28, width: 28, channels: 1, range: [0, 1] };
  const recognizer: Recognizer = {
    version: 1,
    input,
    output: { kind: "classes", labels: Array.from("0123456789"), activation: "softmax" },
  };

  beforeAll(async () => {
    const source = await readAnyModel(await readModel(resolve(import.meta.dirname, "../../models/crnn-mnist")));
    file = await opened((await exportAnySource(source, { withPreprocessing: true })).bytes);
    plain = await (await getRuntime("node")).load((await exportAnySource(source)).bytes, {});
    sessions.push(plain);
  });

  async function textsOf(images: readonly Image[]): Promise<{ readonly ours: string[]; readonly inside: string[] }> {
    if (recognizer.output.kind !== "classes") throw new TypeError("no classes");
    const inside = await readBytePictures(file.session, file.inside, recognizer.output, images.map(bytePicture), 1);
    const ours = await readImages(
      plain,
      recognizer,
      images.map((image) => prepareImage(image, input)),
    );
    return { ours: ours.map(({ text }) => text), inside: inside.map((reading) => reading?.text ?? "blank") };
  }

  test("pictures that are made as MNIST's, and their negatives, stay as they are", async () => {
    const set = renderedDigits({ split: "test", seed: 5, count: 40 });
    const real = existsSync(mnist) ? readFileSync(mnist).subarray(16) : null;
    const images = Array.from({ length: 40 }, (_, index): Image => {
      const pixels = real === null ? set.pixels(index) : real.subarray(index * 784, (index + 1) * 784);
      const data = Uint8Array.from(pixels, (value) => (index % 2 === 0 ? value : 255 - value));
      return { height: 28, width: 28, channels: 1, data };
    });
    const found = await prepared(file, images);
    const kept = images.flatMap((image, index) => {
      const own = Float32Array.from(image.data, (value) => (index % 2 === 0 ? value : 255 - value) / 255);
      const ours = prepareImage(image, input);
      return ours.every((value, pixel) => Math.abs(value - at(own, pixel)) < 1e-6) ? [index] : [];
    });
    expect(kept.length).toBeGreaterThan(30);
    for (const index of kept) {
      const own = found.subarray(index * 784, (index + 1) * 784);
      expect(worst(own, [at(images, index)], input)).toBeLessThan(0.1 / 255);
    }
    const { ours, inside } = await textsOf(images);
    expect(inside).toEqual(ours);
  });

  test("digits on clean paper, light or dark, thin or thick, near a corner, are read as infer reads them", async () => {
    const scenes = [
      { width: 300, height: 200, pen: 0.03 },
      { width: 200, height: 260, size: 0.4, place: [0.3, 0.7] as const, pen: 0.16 },
      { width: 120, height: 90, paper: [0.1, 0.1, 0.2] as const, ink: [0.9, 0.9, 0.5] as const, pen: 0.1 },
    ];
    let [same, all] = [0, 0];
    for (const [seed, scene] of scenes.entries()) {
      const { ours, inside } = await textsOf(Array.from({ length: 10 }, (_, digit) => photograph(digit, seed, scene)));
      same += ours.filter((text, index) => text === inside[index]).length;
      all += ours.length;
    }
    expect(all).toBe(30);
    expect(same).toBeGreaterThanOrEqual(29);
  });

  test("a blank picture has no answer", async () => {
    const blank: Image = { height: 50, width: 70, channels: 1, data: new Uint8Array(3500).fill(240) };
    expect((await textsOf([photograph(4, 1, { width: 70, height: 50 })])).inside).not.toEqual(["blank"]);
    if (recognizer.output.kind !== "classes") throw new TypeError("no classes");
    expect(await readBytePictures(file.session, file.inside, recognizer.output, [bytePicture(blank)], 1)).toEqual([
      null,
    ]);
  });
});

test("a Graph model is given its pictures in the same way, and keeps its outputs", async () => {
  const recognizer: Recognizer = {
    version: 1,
    input: { kind: "image", fit: "stretch", height: 6, width: 4, channels: 3, range: [-1, 1] },
    output: { kind: "classes", labels: ["a", "b", "c"], activation: "logits" },
  };
  const artifacts = new GraphMaker()
    .placeholder("x", "DT_FLOAT", [null, 6, 4, 3])
    .const("axes", "int32", [1, 2], [2])
    .node("label", "Mean", ["x", "axes"], {
      T: attr.type("DT_FLOAT"),
      Tidx: attr.type("DT_INT32"),
      keep_dims: attr.bool(false),
    })
    .artifacts({ signature: signature({ label: "label:0" }, { x: "x:0" }), userDefinedMetadata: { recognizer } });
  const file = await opened((await exportModel(artifacts, { withPreprocessing: true, batch: 2 })).bytes);
  const images = [noise(31, 17, 1), noise(31, 17, 2)];
  expect(worst(await prepared(file, images), images, recognizer.input)).toBeLessThan(0.1 / 255);
  expect(file.session.outputs.map(({ name }) => name)).toEqual(["label_", "index", "confidence", "label", "prepared"]);
  expect(file.session.inputs).toMatchObject([
    { name: "image", dtype: "uint8", dims: [2, "picture_height", "picture_width", 3] },
  ]);
});

test.each<[unknown, ExportOptions, string]>([
  [undefined, {}, "does not say how to prepare a picture"],
  [{ version: 7 }, {}, "in a form that is not known"],
  [
    {
      version: 1,
      input: { kind: "image", fit: "line", height: 32, width: null, channels: 1, range: [0, 1] },
      output: { kind: "ctc", characters: ["a"], activation: "softmax" },
    },
    {},
    "reads lines of text",
  ],
  [
    {
      version: 1,
      input: { ...stretch, height: 10, channels: 1, range: [0, 1] },
      output: { kind: "classes", labels, activation: "softmax" },
    },
    {},
    "the metadata prepares float32 pictures [batch, 10, 14, 1]; the input",
  ],
  [
    {
      version: 1,
      input: { ...stretch, channels: 1, range: [0, 1] },
      output: { kind: "classes", labels: ["one"], activation: "softmax" },
    },
    {},
    "the metadata names 1 labels; the output scores is float32 [batch, 5]",
  ],
])("what cannot be put in is refused: %j", async (recognizer, options, message) => {
  const raw = await classifier({
    version: 1,
    input: { ...stretch, channels: 1, range: [0, 1] },
    output: { kind: "classes", labels, activation: "softmax" },
  });
  const source = await readAnyModel(withRecognizer(raw, recognizer));
  await expect(exportAnySource(source, { withPreprocessing: true, ...options })).rejects.toMatchObject({
    name: "ExportError",
    message: expect.stringContaining(message) as unknown,
  });
});

test("other outputs than the model's own have no answer to read", async () => {
  const source = await readAnyModel(await readModel(join(resolve(import.meta.dirname, "../../models/crnn-mnist"))));
  for (const options of [{ logits: true }, { outputs: ["softmax"] }]) {
    await expect(exportAnySource(source, { withPreprocessing: true, ...options })).rejects.toThrow(
      "preprocessing goes with the model's own outputs",
    );
  }
});
