import { afterAll, expect, test } from "vitest";

import { prepareImage, readImages, type Image } from "tfjs-to-onnx/infer";

import { openShipped } from "../../helpers/shipped-reader.ts";
import { cutOut, onGlass, photograph, SCENES } from "../../helpers/scenes.ts";

const { session, recognizer } = await openShipped();
/** Pictures of a scene, each digit as often. */
const COUNT = 20;
/** How many of them at least are read right. */
const FLOOR = COUNT - 1;
/** Faint ink, and bars of shade that cross strokes, leave a digit unread more often. */
const LOWER: Readonly<Record<string, number>> = {
  "paper with light through a window with bars": 17,
  "paper with slanting light through a window with bars": 17,
  "paper, in pencil, with a hard shadow": 18,
};

afterAll(() => session.dispose());

/** How many digits are read right; a picture that is refused fails the test. */
async function readRight(picture: (digit: number, seed: number) => Image): Promise<number> {
  const digits = Array.from({ length: COUNT }, (_, index) => index % 10);
  const images = digits.map((digit, index) =>
    prepareImage(picture(digit, 100 + Math.floor(index / 10)), recognizer.input),
  );
  const readings = await readImages(session, recognizer, images);
  return readings.filter(({ text }, index) => text === String(digits[index])).length;
}

test.each(Object.entries(SCENES))("a digit on %s is read", async (name, scene) => {
  expect(await readRight((digit, seed) => photograph(digit, seed, scene))).toBeGreaterThanOrEqual(LOWER[name] ?? FLOOR);
});

test.each([
  ["black", [0, 0, 0]],
  ["white", [1, 1, 1]],
  ["red", [0.8, 0.1, 0.1]],
] as const)("a digit in %s on a transparent ground is read", async (_, colour) => {
  expect(await readRight((digit, seed) => onGlass(digit, seed, colour))).toBeGreaterThanOrEqual(FLOOR);
});

test.each([
  [0.2, 0, "dark"],
  [0.2, 2, "light"],
  [0.25, 0, "light"],
  [0.25, 1, "dark"],
  [0.25, 3, "dark"],
] as const)(
  "a digit of a pen %d as wide as it is high, cut out to a margin of %d pixels, %s, is read",
  async (pen, margin, marks) => {
    expect(await readRight((digit, seed) => cutOut(digit, seed, { pen, margin, marks }))).toBeGreaterThanOrEqual(17);
  },
);
