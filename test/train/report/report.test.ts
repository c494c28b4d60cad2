import { describe, expect, test } from "vitest";

import { encodeGreyPng } from "../../../src/node/png.ts";
import { curvesSvg } from "../../../src/train/report/curves-svg.ts";
import { reportHtml, type Report } from "../../../src/train/report/report.ts";
import { scoresOf } from "../../../src/train/report/scores.ts";

const classes = ["a", "b", "<c>"];
const rows = [
  [0.75, 0.15, 0.1], // a, right
  [0.55, 0.45, 0], // b, read as a
  [0.05, 0.95, 0], // b, right
  [0.97, 0.01, 0.02], // <c>, read as a
];
const probabilities = Float32Array.from(rows.flat());
const scores = scoresOf({ classes, truth: Uint8Array.of(0, 1, 1, 2), probabilities });

describe("scores", () => {
  test("count each truth against each answer", () => {
    expect(scores.confusion).toEqual([
      [1, 0, 0],
      [1, 1, 0],
      [1, 0, 0],
    ]);
    expect(scores.accuracy).toBe(0.5);
  });

  test("give precision, recall and F1 of each class", () => {
    const [a, b, c] = scores.perClass;
    expect(a).toEqual({ name: "a", images: 1, precision: 1 / 3, recall: 1, f1: 0.5 });
    expect(b).toEqual({ name: "b", images: 2, precision: 1, recall: 0.5, f1: 2 / 3 });
    expect(c).toEqual({ name: "<c>", images: 1, precision: Number.NaN, recall: 0, f1: 0 });
  });

  test("put the most confident errors first", () => {
    expect(scores.mistakes.map(({ image, truth, answer }) => [image, truth, answer])).toEqual([
      [3, "<c>", "a"],
      [1, "b", "a"],
    ]);
    expect(scores.mistakes[0]?.truthProbability).toBeCloseTo(0.02);
  });

  test("measure how far confidence is from truth", () => {
    // Bins (0.5, 0.6]: 0 of 1 right; (0.7, 0.8]: 1 of 1; (0.9, 1]: 1 of 2 at 0.96.
    expect(scores.bins.map(({ images }) => images)).toEqual([0, 0, 0, 0, 0, 1, 0, 1, 0, 2]);
    expect(scores.calibrationError).toBeCloseTo(0.25 * 0.55 + 0.25 * 0.25 + 0.5 * 0.46, 6);
  });
});

describe("the report", () => {
  const record = {
    epoch: 1,
    loss: 0.5,
    accuracy: 0.8,
    testLoss: 0.4,
    testAccuracy: 0.9,
    learningRate: 1e-3,
    msPerStep: 50,
  };
  const report: Report = {
    title: "digits & <more>",
    recipe: [["Learning rate", "0.001"]],
    history: [record, { ...record, epoch: 2 }],
    scored: "the test set",
    classes,
    scores,
    picture: () => encodeGreyPng(new Uint8Array(784), 28, 28),
  };
  const html = reportHtml(report);

  test("asks for nothing from elsewhere and runs no script", () => {
    expect(html).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(html).not.toMatch(/<script|<link|@import|url\(|https?:/i);
  });

  test("escapes names", () => {
    expect(html).toContain("<title>digits &amp; &lt;more&gt;</title>");
    expect(html).not.toContain("<c>");
  });

  test("holds curves, mistakes as pictures, confusions, classes, calibration and recipe", () => {
    for (const heading of ["Curves", "Worst mistakes", "Confusion matrix", "Classes", "Calibration", "Recipe"]) {
      expect(html).toContain(`<h2>${heading}</h2>`);
    }
    expect(html.match(/<img src="data:image\/png;base64,/g)).toHaveLength(2);
    expect(html.match(/<svg /g)).toHaveLength(3);
  });

  test("can be made of a run without mistakes and of one epoch", () => {
    const perfect = scoresOf({ classes, truth: Uint8Array.of(0), probabilities: Float32Array.of(1, 0, 0) });
    const page = reportHtml({ ...report, scores: perfect, history: [record] });
    expect(page).not.toContain("NaN");
    expect(page).toContain("None.");
  });
});

describe("curves.svg", () => {
  const record = { accuracy: 0.8, testLoss: 0.4, testAccuracy: 0.9, learningRate: 1e-3, msPerStep: 50 };
  const epochs = [1, 2, 3].map((epoch) => ({ ...record, epoch, loss: 1 / epoch }));

  test("names both axes of both charts, and draws its two lines in two colours, one of them dashed", () => {
    const svg = curvesSvg(epochs, "a <b> on mnist");
    expect(svg).toContain("<title>a &lt;b&gt; on mnist</title>");
    for (const label of ["loss", "accuracy", "epoch", "training", "test"]) expect(svg).toContain(`>${label}</text>`);
    const strokes = [...svg.matchAll(/polyline\.(?:training|test) \{ stroke: (#\w+)(; stroke-dasharray)?/gu)];
    expect(new Set(strokes.map(([, colour]) => colour)).size).toBe(2);
    expect(strokes.filter(([, , dashed]) => dashed !== undefined)).toHaveLength(1);
    expect(svg.match(/<polyline class="\w+" points="[^"]* [^"]* [^"]*"/gu)).toHaveLength(4);
  });

  test("of one epoch are points in the middle, between round numbers", () => {
    const svg = curvesSvg(epochs.slice(0, 1), "m");
    expect(svg.match(/>epoch 1<\/text>/gu)).toHaveLength(2);
    const places = [...svg.matchAll(/<circle class="\w+" cx="([\d.]+)"/gu)].map(([, x]) => x);
    expect(places).toHaveLength(4);
    expect(new Set(places)).toEqual(new Set(["211.0"]));
    expect(svg).not.toContain("NaN");
  });
});

test("a picture is a valid PNG of the pixels given", async () => {
  const { default: sharp } = await import("sharp");
  const pixels = Uint8Array.from({ length: 35 }, (_, index) => index * 7);
  const { data, info } = await sharp(encodeGreyPng(pixels, 5, 7))
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.height, info.width]).toEqual([5, 7]);
  expect([...data]).toEqual([...pixels]);
  expect(() => encodeGreyPng(pixels, 5, 8)).toThrow("expected 5 x 8 pixels; got 35");
});
