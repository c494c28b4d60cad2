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
function cutOut(index: number, side: number): Pixels {
  const data = Float32Array.from(digits.pixels(index), (value) => value / 255);
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
