import { expect, test } from "vitest";

import { findDrawing } from "../../../src/infer/preprocess/drawing.ts";
import type { Pixels } from "../../../src/infer/preprocess/image.ts";

type Stroke = readonly [left: number, top: number, width: number, height: number];

const SIDE = 64;

/** Dark strokes on light paper. */
function paperWith(strokes: readonly Stroke[]): Pixels {
  const data = new Float32Array(SIDE * SIDE).fill(0.9);
  for (const [left, top, width, height] of strokes)
    for (let y = top; y < top + height; y++) data.fill(0.1, y * SIDE + left, y * SIDE + left + width);
  return { width: SIDE, height: SIDE, channels: 1, data };
}

function isDrawn(pixels: Pixels, x: number, y: number): boolean {
  const drawing = findDrawing(pixels);
  if (drawing === null) throw new TypeError("nothing was found");
  return drawing.mask[y * SIDE + x] === 1;
}

const main: Stroke = [24, 12, 6, 40];

test.each<[string, Stroke, boolean]>([
  ["a smaller part inside is drawn", [40, 28, 6, 6], true],
  ["a part of that size at the edge was cut off from something else", [58, 28, 6, 6], false],
  ["a speck is not drawn", [40, 28, 3, 3], false],
])("beside a stroke %s", (_, part, expected) => {
  const pixels = paperWith([main, part]);
  expect(isDrawn(pixels, 26, 30)).toBe(true);
  expect(isDrawn(pixels, part[0] + 1, part[1] + 1)).toBe(expected);
});

test("thick strokes are found where the light falls off across the paper", () => {
  const side = 120;
  const data = new Float32Array(side * side);
  const isInk = (x: number, y: number): boolean => y >= 25 && y < 95 && ((x >= 35 && x < 43) || (x >= 77 && x < 85));
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) data[y * side + x] = (0.9 - (0.75 * x) / side) * (isInk(x, y) ? 0.4 : 1);
  const drawing = findDrawing({ width: side, height: side, channels: 1, data });
  const inked = [38, 80].map((x) => drawing?.mask[60 * side + x]);
  const blank = [20, 60, 100].map((x) => drawing?.mask[60 * side + x]);
  expect([inked, blank]).toEqual([
    [1, 1],
    [0, 0, 0],
  ]);
});
