import { afterAll, describe, expect, test } from "vitest";

import { DIGIT_SIDE } from "../../../src/data/dataset.ts";
import { renderedDigits } from "../../../src/data/digits/rendered-digits.ts";
import { DataError } from "../../../src/errors.ts";
import type { Pixels } from "../../../src/infer/preprocess/image.ts";
import { withMargin } from "../../../src/infer/preprocess/margin.ts";
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

describe("withMargin", () => {
  const picture = (value: (x: number, y: number) => number): Pixels => ({
    width: 60,
    height: 48,
    channels: 1,
    data: Float32Array.from({ length: 60 * 48 }, (_, pixel) => value(pixel % 60, Math.floor(pixel / 60))),
  });

  test.each([
    ["a drawing that does not reach the edge", picture((x, y) => (x > 20 && x < 26 && y > 9 && y < 30 ? 0 : 0.9))],
    [
      "a shadow over half of it",
      picture((x, y) => (x < 30 ? 0.4 : 0.9) * (x > 40 && x < 44 && y > 9 && y < 30 ? 0.1 : 1)),
    ],
    ["light that falls off", picture((x) => 0.2 + 0.012 * x)],
    ["one colour", picture(() => 0.5)],
  ])("leaves %s alone", (_, pixels) => {
    expect(withMargin(pixels)).toBe(pixels);
  });

  test("puts the ground's own colour around a stroke that ends at the edge", () => {
    const colours = Float32Array.from({ length: 60 * 48 * 3 }, (_, index) => {
      const x = Math.floor(index / 3) % 60;
      return x > 25 && x < 32 ? 0 : ([0.9, 0.8, 0.6][index % 3] ?? 0);
    });
    const { width, height, data } = withMargin({ width: 60, height: 48, channels: 3, data: colours });
    expect([width, height]).toEqual([84, 72]);
    expect([...data.subarray(0, 3)]).toEqual([...Float32Array.of(0.9, 0.8, 0.6)]);
    expect(data.filter((value) => value === 0)).toHaveLength(6 * 48 * 3);
  });
});
