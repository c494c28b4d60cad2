import { describe, expect, test } from "vitest";

import { DataError } from "../../../src/errors.ts";
import type { Pixels, Plane } from "../../../src/infer/preprocess/image.ts";
import { fitLine } from "../../../src/infer/preprocess/line.ts";
import { digitLines } from "../../helpers/digit-lines.ts";

const HEIGHT = 32;
const [line = { width: 0, height: 0, pixels: new Uint8Array() }] = digitLines(1, [5]);

function pixelsOf(width: number, height: number, at: (x: number, y: number) => number): Pixels {
  const data = Float32Array.from({ length: width * height }, (_, index) =>
    at(index % width, Math.floor(index / width)),
  );
  return { width, height, channels: 1, data };
}

/** The line on a larger sheet, changed. */
function sheet(
  left: number,
  top: number,
  right: number,
  bottom: number,
  change = (level: number): number => level,
): Pixels {
  return pixelsOf(line.width + left + right, line.height + top + bottom, (x, y) => {
    const inside = x >= left && y >= top && x < left + line.width && y < top + line.height;
    return change(inside ? Number(line.pixels[(y - top) * line.width + x - left]) / 255 : 1);
  });
}

/** Mean difference of two planes, the wider cut. */
function gap(a: Plane, b: Plane): number {
  const width = Math.min(a.width, b.width);
  let sum = 0;
  for (let y = 0; y < a.height; y++) {
    for (let x = 0; x < width; x++) sum += Math.abs(Number(a.data[y * a.width + x]) - Number(b.data[y * b.width + x]));
  }
  return sum / (width * a.height);
}

const [long = { width: 0, height: 0, pixels: new Uint8Array() }] = digitLines(1, [16]);

/** How much lower the ink is in the last third than in the first. */
function rise({ width, height, data }: Plane): number {
  const middle = (from: number, to: number): number => {
    let [sum, weighted] = [0, 0];
    for (let y = 0; y < height; y++) {
      for (let x = from; x < to; x++) {
        sum += Number(data[y * width + x]);
        weighted += y * Number(data[y * width + x]);
      }
    }
    return weighted / sum;
  };
  const third = Math.floor(width / 3);
  return middle(width - third, width) - middle(0, third);
}

const plain = fitLine(sheet(0, 0, 0, 0), HEIGHT);

describe("a line", () => {
  test("is ink on paper of the wanted height, with its proportions", () => {
    expect(plain.height).toBe(HEIGHT);
    expect(plain.width).toBeGreaterThan(HEIGHT * 3);
    expect(Math.max(...plain.data)).toBe(1);
    expect(Math.min(...plain.data)).toBe(0);
    const ink = plain.data.reduce((sum, value) => sum + value, 0) / plain.data.length;
    expect(ink).toBeGreaterThan(0.05);
    expect(ink).toBeLessThan(0.5);
  });

  test.each([
    ["with margins", sheet(40, 12, 25, 9)],
    ["light on dark", sheet(6, 4, 6, 4, (level) => 1 - level)],
    ["faint", sheet(6, 4, 6, 4, (level) => 0.5 + 0.2 * level)],
  ])("is the same %s", (_, pixels) => {
    const fitted = fitLine(pixels, HEIGHT);
    expect(Math.abs(fitted.width - plain.width)).toBeLessThan(12);
    expect(gap(fitted, plain)).toBeLessThan(0.05);
  });

  test("is found under light that falls off to one side", () => {
    const lit = sheet(6, 4, 6, 4);
    const uneven = {
      ...lit,
      data: lit.data.map((level, index) => level * (1 - (0.5 * (index % lit.width)) / lit.width)),
    };
    expect(gap(fitLine(uneven, HEIGHT), plain)).toBeLessThan(0.12);
  });

  test.each([-3, -1.5, 1.5, 3])("is straightened when it is turned by %d degrees", (degrees) => {
    const slope = Math.tan((degrees * Math.PI) / 180);
    const turned = pixelsOf(long.width, long.height + 60, (x, y) => {
      const from = Math.round(y - 30 + slope * (x - long.width / 2));
      return from < 0 || from >= long.height ? 1 : Number(long.pixels[from * long.width + x]) / 255;
    });
    // The line rises by this much, in pixels of the fitted line, unless it is straightened.
    expect(Math.abs(slope * long.width * 0.7)).toBeGreaterThan(8);
    expect(Math.abs(rise(fitLine(turned, HEIGHT)))).toBeLessThan(2.5);
  });

  test("leaves parts of neighbouring lines at the border out", () => {
    const crowded = sheet(6, 12, 6, 12);
    const data = crowded.data.map((level, index) => {
      const y = Math.floor(index / crowded.width);
      return (y < 3 || y >= crowded.height - 3) && index % 3 === 0 ? 0 : level;
    });
    expect(gap(fitLine({ ...crowded, data }, HEIGHT), plain)).toBeLessThan(0.08);
  });

  test("20,000 pixels wide is taken whole", () => {
    const strip = pixelsOf(20_000, 40, (x, y) => (x % 30 < 12 && y > 10 && y < 30 ? 0 : 1));
    const { width, height } = fitLine(strip, HEIGHT);
    expect(height).toBe(HEIGHT);
    expect(width).toBeGreaterThan(20_000);
  });

  test("a dash stays low and flat", () => {
    const dash = pixelsOf(60, 40, (x, y) => (x > 20 && x < 40 && y > 18 && y < 22 ? 0 : 1));
    const { data, width } = fitLine(dash, HEIGHT);
    const rows = Array.from({ length: HEIGHT }, (_, y) =>
      data.subarray(y * width, (y + 1) * width).some((value) => value > 0.5),
    );
    expect(rows.filter(Boolean).length).toBeLessThan(HEIGHT / 2);
  });
});

test.each([
  ["blank", pixelsOf(50, 20, () => 1), "it is blank"],
  ["black", pixelsOf(50, 20, () => 0), "it is blank"],
  ["1 pixel high", pixelsOf(50, 1, (x) => x % 2), "it is 50 x 1 pixels; a line is at least 4 high"],
])("a picture that is %s holds no line", (_, pixels, reason) => {
  expect(() => fitLine(pixels, HEIGHT)).toThrow(DataError);
  expect(() => fitLine(pixels, HEIGHT)).toThrow(reason);
});
