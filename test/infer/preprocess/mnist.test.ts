import { expect, test } from "vitest";

import type { Pixels } from "../../../src/infer/preprocess/image.ts";
import { fitMnist } from "../../../src/infer/preprocess/mnist.ts";

const SIDE = 28;

/** An L, 80 x 160 pixels, of strokes this wide. */
function drawnL(stroke: number): Pixels {
  const [width, height] = [200, 240];
  const data = new Float32Array(width * height).fill(1);
  for (let y = 40; y < 200; y++) data.fill(0, y * width + 60, y * width + (y < 200 - stroke ? 60 + stroke : 140));
  return { width, height, channels: 1, data };
}

/** Ink in each row of the prepared picture. */
function inkOfRows(pixels: Pixels): number[] {
  const { data } = fitMnist(pixels);
  return Array.from({ length: SIDE }, (_, y) =>
    data.subarray(y * SIDE, (y + 1) * SIDE).reduce((sum, value) => sum + value, 0),
  );
}

test.each([
  [2, 2],
  [4, 2],
  [40, 5],
])("a stroke of %d pixels of 160 comes out about %d of 20 wide, from end to end", (stroke, expected) => {
  const rows = inkOfRows(drawnL(stroke));
  const first = rows.findIndex((ink) => ink > 0.5);
  const upright = rows.slice(first + 1, first + 13);
  for (const ink of upright) expect(Math.abs(ink - expected)).toBeLessThan(0.35);
  // The foot is below, about 10 wide.
  expect(Math.max(...rows.slice(first + 14))).toBeGreaterThan(8);
});

/** A picture as MNIST has them: a bar of 2 x 20, with its middle this far from that of the picture. */
function bar(down: number): Pixels {
  const data = new Float32Array(SIDE * SIDE);
  for (let y = 4 + down; y < 24 + down; y++) data.fill(1, y * SIDE + 13, y * SIDE + 15);
  return { width: SIDE, height: SIDE, channels: 1, data };
}

test("a picture made as MNIST's is taken as it is, with its middle up to one and a half pixels off", () => {
  const half = bar(1);
  // Two rows at half strength in place of one, so that the middle is half a pixel further down.
  half.data.fill(0.5, 5 * SIDE + 13, 5 * SIDE + 15);
  half.data.fill(0.5, 25 * SIDE + 13, 25 * SIDE + 15);
  expect(fitMnist(bar(1)).data).toEqual(bar(1).data);
  expect(fitMnist(half).data).toEqual(half.data);
  expect(fitMnist(bar(2)).data).not.toEqual(bar(2).data);
});

test("ink that weighs most at one end reaches the edge, not beyond", () => {
  // A T, whose centre of mass is so near its bar that the stroke would begin outside of the picture.
  const [width, height] = [240, 240];
  const drawn = (isDown: boolean): Pixels => {
    const data = new Float32Array(width * height).fill(1);
    for (let y = 20; y < 220; y++) {
      const isBlock = isDown ? y >= 160 : y < 80;
      data.fill(0, y * width + (isBlock ? 20 : 118), y * width + (isBlock ? 220 : 122));
    }
    return { width, height, channels: 1, data };
  };
  const ink = (pixels: Pixels): number[] => inkOfRows(pixels).map((sum) => (sum > 0.2 ? 1 : 0));
  const [down, up] = [ink(drawn(true)), ink(drawn(false))];
  expect([down[0], down[19], down[20]]).toEqual([1, 1, 0]);
  expect([up[7], up[8], up[27]]).toEqual([0, 1, 1]);
});
