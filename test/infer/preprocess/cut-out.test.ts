import { afterAll, describe, expect, test } from "vitest";

import { DIGIT_SIDE } from "../../../src/data/dataset.ts";
import { renderedDigits } from "../../../src/data/digits/rendered-digits.ts";
import { DataError } from "../../../src/errors.ts";
import type { Pixels } from "../../../src/infer/preprocess/image.ts";
import { fitMnist } from "../../../src/infer/preprocess/mnist.ts";
import { enlarge, resize } from "../../../src/infer/preprocess/resize.ts";
import { readImages } from "../../../src/infer/recognize.ts";
import { openShipped } from "../../helpers/shipped-reader.ts";

const { session, recognizer } = await openShipped();
afterAll(() => session.dispose());

const DIGITS = 60;
const digits = renderedDigits({ split: "test", seed: 7, count: DIGITS });

/** A digit in the smallest square around it, light on dark. */
function cutOut(index: number, side: number, from = digits): Pixels {
  const data = Float32Array.from(from.pixels(index), (value) => value / 255);
  const drawn = [...data.keys()].filter((pixel) => (data[pixel] ?? 0) > 0.3);
  const across = drawn.map((pixel) => pixel % DIGIT_SIDE);
  const down = drawn.map((pixel) => Math.floor(pixel / DIGIT_SIDE));
  const [left, top] = [Math.min(...across), Math.min(...down)];
  const length = Math.max(Math.max(...across) - left, Math.max(...down) - top) + 1;
  const box = { left: Math.min(left, DIGIT_SIDE - length), top: Math.min(top, DIGIT_SIDE - length) };
  const whole = { width: DIGIT_SIDE, height: DIGIT_SIDE, channels: 1, data };
  const cut = resize(whole, length, length, { ...box, width: length, height: length });
  return { ...(side > length ? enlarge(cut, side, side) : resize(cut, side, side)), channels: 1 };
}

/** What the network gets; nothing where the picture is refused, which then counts as misread. */
function prepared(pixels: Pixels): Float32Array {
  try {
    return fitMnist(pixels).data;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return new Float32Array(DIGIT_SIDE * DIGIT_SIDE);
  }
}

const negative = (pixels: Pixels): Pixels => ({ ...pixels, data: pixels.data.map((value) => 1 - value) });

describe.each([
  [10, 54],
  [16, 54],
  [32, 54],
  [90, 54],
])("digits cut out to %d pixels, without a margin", (side, floor) => {
  test.each([
    ["light on dark", (pixels: Pixels): Pixels => pixels],
    ["dark on light", negative],
  ])("are read, %s", async (_, coloured) => {
    const images = Array.from({ length: DIGITS }, (_unused, index) => prepared(coloured(cutOut(index, side))));
    const readings = await readImages(session, recognizer, images);
    const right = readings.filter(({ text }, index) => text === String(digits.labels[index]));
    expect(right.length).toBeGreaterThanOrEqual(floor);
  });
});

/** A margin of paper of one pixel, as collections of 8 x 8 digits leave it to their readers. */
function framed({ width, height, data }: Pixels): Pixels {
  const wide = width + 2;
  const all = new Float32Array(wide * (height + 2));
  for (let y = 0; y < height; y++) all.set(data.subarray(y * width, (y + 1) * width), (y + 1) * wide + 1);
  return { width: wide, height: height + 2, channels: 1, data: all };
}

test("soft greys of tiny pictures on a flat ground are read as ink", async () => {
  const many = 400;
  const drawn = renderedDigits({ split: "test", seed: 8, count: many });
  for (const coloured of [(pixels: Pixels): Pixels => pixels, negative]) {
    const images = Array.from({ length: many }, (_, index) => prepared(coloured(framed(cutOut(index, 8, drawn)))));
    const readings = await readImages(session, recognizer, images);
    const right = readings.filter(({ text }, index) => text === String(drawn.labels[index]));
    expect(right.length).toBeGreaterThanOrEqual(388);
  }
});

test("a card within a flat frame is no ink", () => {
  const side = 20;
  const data = Float32Array.from({ length: side * side }, (_, pixel) => {
    const [x, y] = [pixel % side, Math.floor(pixel / side)];
    if (x < 2 || y < 2 || x >= side - 2 || y >= side - 2) return 0;
    return x >= 9 && x < 11 && y >= 5 && y < 15 ? 0 : 1;
  });
  const one = fitMnist({ width: side, height: side, channels: 1, data }).data;
  // A vertical stroke in the middle, not a filled square.
  expect(one.filter((value) => value > 0.5).length).toBeLessThan(120);
});
