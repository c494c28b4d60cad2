import { expect, test } from "vitest";

import type { BenchRun } from "../../src/bench/bench-model.ts";
import { benchChart, showRate } from "../../src/bench/chart.ts";

/** Pixels that a character takes where letters are wide, as in DejaVu Sans at 12 and, bold, at 16 pixels. */
const WIDE = 7.4;
const WIDE_BOLD = 10;

function run(place: Pick<BenchRun, "runtime" | "provider" | "threads" | "browser">, perSecond: number): BenchRun {
  const best = { batch: 256, perSecond };
  return {
    ...place,
    name: "",
    coldStartMs: 123_456,
    loadMs: 1,
    firstRunMs: 1,
    batch: 1,
    medianMs: 1000 / perSecond,
    p95Ms: 2000 / perSecond,
    runs: 10,
    throughput: [best],
    best,
    failure: null,
    elsewhere: [],
    peakBytes: 95_000_000_000,
    peakBytesAllBatches: 95_000_000_000,
    maxAbsDiff: 0,
  };
}

const runs = [
  run({ runtime: "web", provider: "webgpu", threads: 128, browser: true }, 0.0123),
  run({ runtime: "node", provider: "webgpu", threads: 128, browser: false }, 12_345_678),
];

test("names, figures and a long title have room whatever they are", () => {
  const svg = benchChart(runs, `${"long-".repeat(40)}.onnx`, "machine");
  const rows = [
    ...svg.matchAll(/<text x="(\S+)" y="\S+">(.+?)<\/text><rect .*?x="(\S+)".*?<text x="(\S+)" .*?>(.+?)<\/text>/g),
  ];
  expect(rows).toHaveLength(8);
  for (const [, x, label = "", bar, at, figure = ""] of rows) {
    expect(Number(x) + label.length * WIDE).toBeLessThan(Number(bar));
    expect(Number(at) + figure.length * WIDE).toBeLessThan(Number(x) < 400 ? 454 : 880);
  }
  const title = /class="head".*?>(.+?)</.exec(svg)?.[1] ?? "";
  expect(title).toMatch(/^long-.*…$/);
  expect(20 + title.length * WIDE_BOLD).toBeLessThan(880);
});

test("less than a sample a second is not none", () => {
  expect([0.0123, 0.4, 9.96, 12, 12_345_678].map(showRate)).toEqual(["0.012", "0.40", "10", "12", "12,345,678"]);
  expect(benchChart(runs, "model", "machine")).toContain(">0.012 (256)<");
});
