import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { Random } from "../../src/data/random.ts";
import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { readOnnxHeader } from "../../src/onnx/header.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import type { Image } from "../../src/infer/preprocess/image.ts";
import { prepareImage } from "../../src/infer/preprocess/prepare-image.ts";
import { readImages, readRecognizer } from "../../src/infer/recognize.ts";
import type { Session } from "../../src/infer/runtime.ts";

const file = readFileSync(resolve(import.meta.dirname, "../../models/crnn-mnist/model.onnx"));
const recognizer = readRecognizer(readOnnxHeader(file).metadata);
const COUNT = 4;
const set = renderedDigits({ split: "test", seed: 4, count: COUNT });
/** Each digit's pixels [28, 28]: a set draws them anew, in the same place, whenever they are asked for. */
const digits = Array.from({ length: COUNT }, (_, index) => set.pixels(index).slice());

let session: Session;

beforeAll(async () => {
  session = await (await getRuntime("node")).load(file);
});

afterAll(() => session.dispose());

/** Ink, 0 to 1, of a digit drawn `side` pixels large, between its pixels. */
function inkAt(index: number, side: number, x: number, y: number): number {
  const pixels = digits[index] ?? [];
  const value = (column: number, row: number): number =>
    column < 0 || row < 0 || column > 27 || row > 27 ? 0 : (pixels[row * 28 + column] ?? 0) / 255;
  const [u, v] = [((x + 0.5) * 28) / side - 0.5, ((y + 0.5) * 28) / side - 0.5];
  const [column, row] = [Math.floor(u), Math.floor(v)];
  const [a, b] = [u - column, v - row];
  const above = value(column, row) * (1 - a) + value(column + 1, row) * a;
  const below = value(column, row + 1) * (1 - a) + value(column + 1, row + 1) * a;
  return above * (1 - b) + below * b;
}

interface Scene {
  readonly width: number;
  readonly height: number;
  readonly side: number;
  readonly left: number;
  readonly top: number;
  /** Grey, 0 to 1, where there is so much ink. */
  readonly grey: (ink: number, x: number, y: number) => number;
}

/** A digit in a scene, in grey. */
function paint(index: number, { width, height, side, left, top, grey }: Scene): Image {
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = grey(inkAt(index, side, x - left, y - top), x, y);
      data[y * width + x] = Math.min(1, Math.max(0, value));
    }
  }
  return { width, height, channels: 1, data };
}

/** How many digits are read right. */
async function readRight(picture: (index: number) => Image): Promise<number> {
  const images = Array.from({ length: COUNT }, (_, index) => prepareImage(picture(index), recognizer.input));
  const readings = await readImages(session, recognizer, images);
  return readings.filter(({ text }, index) => text === String(set.labels[index])).length;
}

const asTheyAre = (index: number): Image => ({ width: 28, height: 28, channels: 1, data: set.pixels(index) });

const noise = new Random(7);
const grain = (): number => 0.06 * (noise.unit() - 0.5);

const scenes: Readonly<Record<string, Scene>> = {
  "large and dark on light": { width: 200, height: 240, side: 160, left: 20, top: 50, grey: (ink) => 0.95 - 0.9 * ink },
  "on a blackboard": {
    width: 260,
    height: 200,
    side: 120,
    left: 120,
    top: 10,
    grey: (ink) => 0.2 + 0.6 * ink + grain(),
  },
  "on ruled paper": {
    width: 300,
    height: 220,
    side: 130,
    left: 90,
    top: 40,
    grey: (ink, _, y) => (0.9 - 0.7 * ink) * (y % 32 < 2 ? 0.75 : 1) + grain(),
  },
  "small on a large sheet": { width: 400, height: 380, side: 40, left: 300, top: 30, grey: (ink) => 0.95 - 0.8 * ink },
  "with a piece of its neighbour at the edge": {
    width: 150,
    height: 160,
    side: 130,
    left: 4,
    top: 14,
    grey: (ink, x, y) => (x > 143 && y > 50 && y < 120 ? 0.2 : 0.9 - 0.7 * ink),
  },
};

test.each(Object.entries(scenes))("a digit %s is read as it would be in MNIST's own form", async (_, scene) => {
  const plain = await readRight(asTheyAre);
  expect(plain).toBeGreaterThanOrEqual(COUNT - 2);
  expect(await readRight((index) => paint(index, scene))).toBeGreaterThanOrEqual(plain - 1);
});

test("transparent pictures, whether their ink is dark or light", async () => {
  for (const level of [0, 255]) {
    const picture = (index: number): Image => {
      const data = new Uint8Array(120 * 120 * 4).fill(level);
      for (let pixel = 0; pixel < 120 * 120; pixel++) {
        data[pixel * 4 + 3] = Math.round(255 * inkAt(index, 120, pixel % 120, Math.floor(pixel / 120)));
      }
      return { width: 120, height: 120, channels: 4, data };
    };
    expect(await readRight(picture)).toBeGreaterThanOrEqual((await readRight(asTheyAre)) - 1);
  }
});

test("blank pictures, pixels that are no numbers and sizes that do not fit are refused", () => {
  const blank = new Float32Array(64 * 64).fill(0.8);
  const prepare = (data: Float32Array, width = 64): Float32Array =>
    prepareImage({ width, height: 64, channels: 1, data }, recognizer.input);
  expect(() => prepare(blank)).toThrow("the image is blank");
  expect(() => prepare(blank.map(() => 0.8 + grain()))).toThrow("the image is blank");
  const holed = blank.with(70, Number.NaN);
  expect(() => prepare(holed)).toThrow("a value that is not a number (NaN) at x 6, y 1");
  expect(() => prepare(blank, 63)).toThrow("63 x 64 pixels of 1 channels are 4032 values; got 4096");
  expect(() => prepare(new Float32Array(), 0)).toThrow("0 x 64 pixels");
});
