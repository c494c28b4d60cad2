import { expect, test } from "vitest";

import { Random } from "../../../src/data/random.ts";
import { Quantiles } from "../../../src/infer/preprocess/quantiles.ts";

test("of many values evenly spaced ones are taken, of few all", () => {
  const seven = Float32Array.of(0.1, 0.9, 0.3, 0.9, 0.2, 0.9, 0.9);
  const some = new Quantiles(seven, 3);
  expect([some.length, ...[0, 0.5, 1].map((share) => some.at(share))]).toEqual([3, ...Float32Array.of(0.1, 0.2, 0.3)]);
  const all = new Quantiles(seven, 9);
  expect([all.length, all.nth(2), all.nth(3), all.at(1)]).toEqual([7, ...Float32Array.of(0.3, 0.9, 0.9)]);
  expect(() => all.nth(7)).toThrow("no value 7 of 7");
});

test("any rank of any values is what sorting gives: many equal ones, and some outside 0 to 1", () => {
  const random = new Random(3);
  for (let round = 0; round < 60; round++) {
    const levels = [3, 256, 2 ** 20][round % 3] ?? 3;
    const values = Float32Array.from({ length: 1 + Math.floor(400 * random.unit()) }, () => {
      const level = Math.floor(levels * random.unit()) / levels;
      return round % 2 === 0 ? level : 3 * level - 1;
    });
    const quantiles = new Quantiles(values, 1000);
    const sorted = values.toSorted();
    expect(Float32Array.from(sorted, (_, rank) => quantiles.nth(rank))).toEqual(sorted);
    expect([quantiles.least, quantiles.largest]).toEqual([sorted[0], sorted.at(-1)]);
  }
});
