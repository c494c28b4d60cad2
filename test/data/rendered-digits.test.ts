import { createHash } from "node:crypto";

import { describe, expect, test } from "vitest";

import type { ImageSet } from "../../src/data/dataset.ts";
import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";

const digest = (pixels: Uint8Array): string => createHash("sha256").update(pixels).digest("hex");
const copies = (set: ImageSet, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => Uint8Array.from(set.pixels(index)));

describe("rendered digits", () => {
  test("are the same on every platform: the first hundred of seed 1, by digest", () => {
    const set = renderedDigits({ split: "train", seed: 1, count: 100 });
    const all = createHash("sha256").update(set.labels);
    for (let index = 0; index < set.images; index++) all.update(set.pixels(index));
    expect(all.digest("hex")).toMatchInlineSnapshot(
      `"8ee3b0205ebfc29050f4c09f5c3d683f66fbe59c54dfb19575cc1578d5e366e3"`,
    );
  });

  test("do not depend on the count, nor on the order in which they are asked for", () => {
    const few = renderedDigits({ split: "train", seed: 3, count: 20 });
    const many = renderedDigits({ split: "train", seed: 3, count: 5000 });
    expect(many.labels.subarray(0, 20)).toEqual(few.labels);
    const backwards = Array.from({ length: 20 }, (_, index) => digest(many.pixels(19 - index))).toReversed();
    expect(backwards).toEqual(copies(few, 20).map(digest));
  });

  test("hold each digit once in every ten", () => {
    const { labels } = renderedDigits({ split: "test", seed: 5, count: 200 });
    for (let start = 0; start < 200; start += 10) {
      expect([...labels.subarray(start, start + 10)].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
  });

  test("differ by seed, split and index", () => {
    const sets = [
      renderedDigits({ split: "train", seed: 1, count: 300 }),
      renderedDigits({ split: "train", seed: 2, count: 300 }),
      renderedDigits({ split: "test", seed: 1, count: 300 }),
    ];
    const seen = new Set(sets.flatMap((set) => copies(set, 300).map(digest)));
    expect(seen.size).toBe(900);
  });

  test("are drawn as MNIST's: in a box of 20 x 20, the mass in the middle, paper 0 and ink up to 255", () => {
    const set = renderedDigits({ split: "train", seed: 7, count: 500 });
    for (let index = 0; index < set.images; index++) {
      const { mass, x, y, most } = moments(set.pixels(index));
      expect(mass).toBeGreaterThan(255 * 10);
      expect(most).toBeGreaterThan(200);
      expect(Math.abs(x - 13.5)).toBeLessThan(1.1);
      expect(Math.abs(y - 13.5)).toBeLessThan(1.1);
    }
  });

  test("vary within a class: width of the pen, slant and skeleton", () => {
    const set = renderedDigits({ split: "train", seed: 11, count: 1000 });
    const masses = copies(set, 1000)
      .filter((_, index) => set.labels[index] === 7)
      .map((pixels) => moments(pixels).mass / 255);
    expect(masses).toHaveLength(100);
    expect(Math.max(...masses) / Math.min(...masses)).toBeGreaterThan(2);
  });
});

/** Sum, centre and largest value of an image's pixels. */
function moments(pixels: Uint8Array): { mass: number; x: number; y: number; most: number } {
  let [mass, x, y, most] = [0, 0, 0, 0];
  for (const [at, value] of pixels.entries()) {
    mass += value;
    x += value * (at % 28);
    y += value * Math.floor(at / 28);
    most = Math.max(most, value);
  }
  return { mass, x: x / mass, y: y / mass, most };
}
