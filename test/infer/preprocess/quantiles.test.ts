import { expect, test } from "vitest";

import { Quantiles } from "../../../src/infer/preprocess/quantiles.ts";

test("of many values evenly spaced ones are taken, of few all", () => {
  const seven = Float32Array.of(0.1, 0.9, 0.3, 0.9, 0.2, 0.9, 0.9);
  const some = new Quantiles(seven, 3);
  expect([some.length, ...[0, 0.5, 1].map((share) => some.at(share))]).toEqual([3, ...Float32Array.of(0.1, 0.2, 0.3)]);
  const all = new Quantiles(seven, 9);
  expect([all.length, all.nth(2), all.nth(3), all.at(1)]).toEqual([7, ...Float32Array.of(0.3, 0.9, 0.9)]);
  expect(() => all.nth(7)).toThrow("no value 7 of 7");
});
