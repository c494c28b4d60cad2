import { readFileSync, writeFileSync } from "node:fs";

import { expect, test } from "vitest";

import { isObject } from "../../../src/export/source/json.ts";
import type { Pixels } from "../../../src/infer/preprocess/image.ts";
import { fitLine } from "../../../src/infer/preprocess/line.ts";
import { fitMnist } from "../../../src/infer/preprocess/mnist.ts";

/**
 * Models are trained on pictures as this code prepares them, so the same picture must be prepared as before. A change that is wanted is written by
 * `UPDATE_PREPARED=1 npx vitest run --project node test/infer/preprocess/same-as-before.test.ts`; score the models again then.
 */
const FILE = new URL("prepared.json", import.meta.url);

type Level = (x: number, y: number) => number;

function picture(width: number, height: number, ...levels: readonly Level[]): Pixels {
  const channels = levels.length === 3 ? 3 : 1;
  const data = new Float32Array(width * height * channels);
  levels.forEach((level, channel) => {
    for (let pixel = 0; pixel < width * height; pixel++) {
      const value = level(pixel % width, Math.floor(pixel / width));
      data[pixel * channels + channel] = Math.min(1, Math.max(0, value));
    }
  });
  return { width, height, channels, data };
}

/** Noise in [-0.5, 0.5], the same for a place. */
function noise(x: number, y: number): number {
  let mixed = Math.imul(x + 1, 374_761_393) + Math.imul(y + 1, 668_265_263);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 1_274_126_177);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32 - 0.5;
}

/** How much of a pixel a pen of a width covers that follows the digit 2, drawn in [0, 1] x [0, 1]; soft at its edge. */
function two(x: number, y: number, pen: number): number {
  let nearest = Infinity;
  for (let step = 0; step <= 60; step++) {
    const along = step / 60;
    const turn = Math.PI * (1.1 - 1.5 * Math.min(1, along / 0.6));
    const [u, v] =
      along < 0.6
        ? [0.5 + 0.35 * Math.cos(turn), 0.3 - 0.25 * Math.sin(turn)]
        : along < 0.8
          ? [0.608 - (0.5 * (along - 0.6)) / 0.2, 0.538 + (0.4 * (along - 0.6)) / 0.2]
          : [0.108 + (0.78 * (along - 0.8)) / 0.2, 0.938];
    nearest = Math.min(nearest, Math.hypot(x - u, y - v));
  }
  return Math.min(1, Math.max(0, (pen / 2 - nearest) / 0.04 + 0.5));
}

/** The digit in a box of the picture. */
const digit =
  (left: number, top: number, width: number, height: number, pen: number): Level =>
  (x, y) =>
    two((x + 0.5 - left) / width, (y + 0.5 - top) / height, pen);

const large = digit(60, 40, 70, 110, 0.13);
const thin = digit(30, 20, 60, 80, 0.06);
const small = digit(6, 4, 16, 20, 0.16);
const tiny = digit(1, 1, 6, 6, 0.2);
const far = digit(250, 190, 22, 30, 0.14);

/** Pictures of one digit: paper and pens, light that falls off, a card on a table, colours, small pictures, noise. */
const DIGITS: Readonly<Record<string, Pixels>> = {
  "black on white": picture(200, 200, (x, y) => 1 - large(x, y)),
  "pencil in light that falls off": picture(130, 120, (x, y) => (0.95 - x / 190) * (1 - 0.55 * thin(x, y))),
  "a shadow's edge across": picture(200, 200, (x, y) => (y > 90 + x / 8 ? 0.45 : 0.9) * (1 - 0.7 * large(x, y))),
  "noise in dim light": picture(200, 200, (x, y) => 0.35 + 0.06 * noise(x, y) - 0.25 * large(x, y)),
  "chalk on a board": picture(200, 200, (x, y) => 0.2 + 0.03 * noise(x, y) + 0.5 * large(x, y)),
  "white on black, small": picture(28, 28, (x, y) => small(x, y)),
  "grey on white, small": picture(30, 28, (x, y) => 0.9 - 0.4 * small(x, y)),
  "eight by eight": picture(8, 8, (x, y) => tiny(x, y)),
  "red on blue": picture(
    130,
    120,
    (x, y) => 0.2 + 0.6 * thin(x, y),
    () => 0.25,
    (x, y) => 0.7 - 0.5 * thin(x, y),
  ),
  "far away": picture(400, 300, (x, y) => 0.8 - 0.6 * far(x, y) + 0.02 * noise(x, y)),
  "a card on a table": picture(220, 210, (x, y) => {
    const isCard = x > 30 && x < 180 && y > 20 && y < 180;
    return isCard ? 0.92 - 0.8 * large(x, y) : 0.3 + 0.1 * noise(x >> 2, y >> 2);
  }),
  "ruled paper, and something at the edge": picture(200, 200, (x, y) => {
    const isEdge = x > 185 && y < 60;
    return isEdge ? 0.1 : (y % 24 === 0 ? 0.8 : 0.93) - 0.75 * large(x, y);
  }),
};

/** Lines of digits, as a scan, in uneven light, light on dark. */
const row: Level = (x, y) => digit(8 + 26 * Math.floor((x - 4) / 26), 12, 18, 26, 0.14)(x, y);
const LINES: Readonly<Record<string, Pixels>> = {
  "a scan": picture(170, 52, (x, y) => 0.95 - 0.85 * row(x, y)),
  "uneven light and noise": picture(170, 52, (x, y) => (0.9 - x / 400) * (1 - 0.6 * row(x, y)) + 0.05 * noise(x, y)),
  "light on dark": picture(170, 52, (x, y) => 0.1 + 0.7 * row(x, y)),
  "under a ruled line": picture(170, 60, (x, y) => (y === 50 ? 0.4 : 0.95 - 0.85 * row(x, y))),
};

const wide = picture(170, 52, (x, y) => 1 - row(x, y));
const made: readonly (readonly [name: string, data: Float32Array])[] = [
  ...Object.entries(DIGITS).map(([name, pixels]) => [`digit: ${name}`, fitMnist(pixels).data] as const),
  ...Object.entries(LINES).map(([name, pixels]) => [`line: ${name}`, fitLine(pixels, 24).data] as const),
  ["wide line", fitLine(wide, 20, 1.25).data],
];

const packed = (data: Float32Array): string =>
  Buffer.from(Uint8Array.from(data, (value) => Math.round(Math.min(1, Math.max(0, value)) * 255))).toString("base64");

if (process.env["UPDATE_PREPARED"] === "1") {
  const texts = Object.fromEntries(made.map(([name, data]) => [name, packed(data)] as const));
  writeFileSync(FILE, `${JSON.stringify(texts, null, 2)}\n`);
}

const kept: unknown = JSON.parse(readFileSync(FILE, "utf8"));
const before = new Map(Object.entries(isObject(kept) ? kept : {}));

test("every picture has its prepared form", () => {
  expect([...before.keys()]).toEqual(made.map(([name]) => name));
});

test.each(made)("%s", (name, data) => {
  const bytes = Buffer.from(String(before.get(name)), "base64");
  expect(data.length).toBe(bytes.length);
  // Half a step for the rounding, and a little for Math.log and others, whose last digits differ between versions of Node.
  const worst = data.reduce((most, value, index) => Math.max(most, Math.abs(value * 255 - (bytes[index] ?? 0))), 0);
  expect(worst).toBeLessThan(0.502);
  expect(data.reduce((sum, value) => sum + value, 0)).toBeGreaterThan(1);
});
