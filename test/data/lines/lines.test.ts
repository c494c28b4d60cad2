import { describe, expect, test } from "vitest";

import { augmentLine, type LineAugment } from "../../../src/data/lines/augment.ts";
import { bucketOf, bucketWidths } from "../../../src/data/lines/buckets.ts";
import { labelIn, labelOf, pictureIn, storeLines } from "../../../src/data/lines/line-set.ts";
import { Random } from "../../../src/data/random.ts";
import { LineBatches, type LineFeedPlan } from "../../../src/train/feed/line-batches.ts";
import { digitLines } from "../../helpers/digit-lines.ts";

const samples = digitLines(7, [1, 2, 4]);
const CHARACTERS = Array.from("0123456789");
const store = storeLines(samples, CHARACTERS);

test("a store gives back pictures and labels", () => {
  samples.forEach(({ width, height, pixels, text }, index) => {
    expect(pictureIn(store, index)).toEqual({ width, height, pixels });
    expect(Array.from(labelIn(store, index), (symbol) => CHARACTERS[symbol]).join("")).toBe(text);
  });
  expect(() => pictureIn(store, 7)).toThrow(RangeError);
  expect(() => labelOf("1a", CHARACTERS, "x.png")).toThrow('x.png: "a" is not in the charset');
});

describe("buckets", () => {
  const area = (widths: readonly number[], buckets: readonly number[]): number =>
    widths.reduce((sum, width) => sum + Number(buckets[bucketOf(width, buckets)]), 0);

  test("hold every line, and waste the least", () => {
    const widths = [20, 22, 30, 90, 100, 101, 200, 210, 400];
    const buckets = bucketWidths(widths, 3);
    expect(buckets).toHaveLength(3);
    expect(buckets.at(-1)).toBeGreaterThanOrEqual(400);
    const sides = Array.from({ length: 26 }, (_, index) => (index + 1) * 16);
    const best = Math.min(...sides.flatMap((a) => sides.filter((b) => b > a).map((b) => area(widths, [a, b, 400]))));
    expect(area(widths, buckets)).toBe(best);
  });

  test("are one where more are not worth it", () => {
    expect(bucketWidths([100, 101, 102, 110], 4)).toEqual([112]);
  });
});

describe("augmentation", () => {
  const every: Readonly<Required<Omit<LineAugment, "keep">>> = {
    turn: 3,
    shear: 0.2,
    stretch: 0.2,
    elastic: 0.03,
    pen: 1,
    blur: 1,
    coarse: 1,
    contrast: 1,
    light: 1,
    noise: 1,
    jpeg: 1,
    neighbours: 1,
    threshold: 1,
    invert: 1,
  };
  const [picture = { width: 0, height: 0, pixels: new Uint8Array() }] = samples;

  test.each(Object.entries(every))("%s changes a picture, by the keys, within black and white", (name, amount) => {
    const recipe: LineAugment = { [name]: amount };
    const once = augmentLine(picture, recipe, 1, new Random(1, 2));
    const again = augmentLine(picture, recipe, 1, new Random(1, 2));
    const plain = augmentLine(picture, {}, 1, new Random(1, 2));
    expect(once).toEqual(again);
    expect([once.width, Array.from(once.data)]).not.toEqual([plain.width, Array.from(plain.data)]);
    expect(once.data.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(once.data).toHaveLength(once.width * once.height);
  });

  test("of strength 0 leaves a picture as it is", () => {
    const { data } = augmentLine(picture, every, 0, new Random(1));
    expect(Array.from(data, (value) => Math.round(value * 255))).toEqual(Array.from(picture.pixels));
  });
});

describe("batches", () => {
  const plan: LineFeedPlan = {
    kind: "lines",
    source: { kind: "store", store, bucketOfLine: Uint8Array.from([0, 0, 1, 0, 0, 1, 0]) },
    characters: CHARACTERS,
    height: 16,
    widen: 1,
    columns: 4,
    padding: -1,
    buckets: [
      { width: 64, rows: 2 },
      { width: 112, rows: 3 },
    ],
    seed: 4,
    epochs: 2,
    augment: undefined,
    cooldownEpochs: 0,
    cooldownStrength: 1,
  };

  async function drawn(source: LineBatches, epoch: number): Promise<{ width: number; labels: number[][] }[]> {
    const batches: { width: number; labels: number[][] }[] = [];
    for (let batch = 0; batch < source.batches; batch++) {
      const { count, imageSize, labelSize } = source.shapeOf({ epoch, batch });
      const images = new Float32Array(count * imageSize);
      const labels = new Float32Array(count * labelSize);
      await source.make({ epoch, batch }, images, labels);
      const rows = Array.from({ length: count }, (_, row) =>
        Array.from(labels.subarray(row * labelSize, (row + 1) * labelSize)),
      );
      expect(images.every((value) => (value >= 0 && value <= 1) || value === -1)).toBe(true);
      expect(images.includes(-1)).toBe(true);
      batches.push({ width: imageSize / 16, labels: rows.map((row) => row.filter((symbol) => symbol >= 0)) });
    }
    return batches;
  }

  test("hold every line of an epoch, each batch of one width, filled up", async () => {
    const batches = await drawn(new LineBatches(plan), 0);
    expect(batches.map(({ width }) => width).toSorted((a, b) => a - b)).toEqual([64, 64, 64, 112]);
    const texts = new Set(batches.flatMap(({ labels }) => labels.map((label) => label.join(""))));
    expect(texts).toEqual(new Set(samples.map(({ text }) => text)));
  });

  test("come in another order in each epoch, the same in each process", async () => {
    const source = new LineBatches(plan);
    const [first, second] = [await drawn(source, 0), await drawn(source, 1)];
    expect(second).not.toEqual(first);
    expect(await drawn(new LineBatches(plan), 1)).toEqual(second);
    expect(await drawn(source, 0)).toEqual(first);
  });
});
