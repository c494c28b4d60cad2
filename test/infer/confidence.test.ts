import { describe, expect, test } from "vitest";

import { confidenceFigures, confidenceOf, UNSURE_BELOW } from "../../src/infer/confidence.ts";
import { isConfidenceModel } from "../../src/metadata.ts";
import { readImages, readRecognizer } from "../../src/infer/recognize.ts";
import { RECOGNIZER_KEY, type Recognizer } from "../../src/metadata.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { readOnnxFile } from "../../src/node/read-onnx.ts";

const model = { floor: 1e-6, bias: 0, margin: 1, mean: 0, spread: -2 };
/** The largest probability is the same in both; what is no class has uneven others. */
const even = [0.91, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01];
const uneven = [0.91, 0.0897, 0.0001, 0.0001, 0.00002, 0.00002, 0.00002, 0.00002, 0.00001, 0.00001];

describe("the figures of log-probabilities", () => {
  test("are the margin, and mean and spread of the others", () => {
    const { margin, mean, spread } = confidenceFigures(even, 1e-6);
    expect(margin).toBeCloseTo(Math.log(91), 6);
    expect(mean).toBeCloseTo(Math.log(0.01), 6);
    expect(spread).toBeCloseTo(0, 6);
    const two = confidenceFigures([0.5, Math.exp(-2), Math.exp(-4)], 1e-6);
    expect([two.mean, two.spread]).toEqual([expect.closeTo(-3, 6), expect.closeTo(1, 6)]);
  });

  test("have a floor for probabilities of 0", () => {
    expect(confidenceFigures([1, 0, 0], 1e-6)).toEqual(confidenceFigures([1, 1e-6, 1e-9], 1e-6));
  });
});

test("the same largest probability may be sure or unsure", () => {
  expect(confidenceOf(even, model)).toBeGreaterThan(0.9);
  expect(confidenceOf(uneven, model)).toBeLessThan(UNSURE_BELOW);
});

test("is the logistic function of the weighted figures", () => {
  expect(confidenceOf(even, { ...model, margin: 0, spread: 0 })).toBe(0.5);
  expect(confidenceOf(even, { ...model, margin: 0, spread: 0, bias: Math.log(3) })).toBeCloseTo(0.75, 9);
  expect(confidenceOf(even, { ...model, margin: 0, spread: 0, mean: 1 })).toBeCloseTo(0.01 / 1.01, 6);
});

test.each([
  null,
  {},
  { ...model, floor: 0 },
  { ...model, floor: 1 },
  { ...model, bias: "1" },
  { ...model, mean: null },
])("%j in a file's metadata is refused", (confidence) => {
  expect(isConfidenceModel(confidence)).toBe(false);
  const output = { kind: "classes", labels: ["a", "b"], activation: "softmax", confidence };
  const input = { kind: "image", height: 8, width: 8, channels: 1, range: [0, 1], fit: "stretch" };
  const metadata = new Map([[RECOGNIZER_KEY, JSON.stringify({ version: 1, input, output })]]);
  expect(() => readRecognizer(metadata)).toThrow("none that this version reads");
});

test("a reading is unsure by the calibration alone", async () => {
  const { bytes, header } = await readOnnxFile("models/crnn-mnist-best/model.onnx");
  const recognizer = readRecognizer(header.metadata);
  const { output } = recognizer;
  if (output.kind !== "classes") throw new TypeError("the shipped recogniser is a classifier");
  const session = await (await getRuntime("node")).load(bytes);
  const reading = async (confidence: typeof output.confidence): Promise<unknown> => {
    const { confidence: _, ...plain } = output;
    const calibrated: Recognizer = {
      ...recognizer,
      output: { ...plain, ...(confidence === undefined ? {} : { confidence }) },
    };
    const [first] = await readImages(session, calibrated, [new Float32Array(784)]);
    return first;
  };
  expect(await reading({ ...model, margin: 0, spread: 0, bias: -1 })).toMatchObject({ unsure: true });
  expect(await reading({ ...model, margin: 0, spread: 0, bias: 1 })).not.toHaveProperty("unsure");
  expect(await reading(undefined)).not.toHaveProperty("unsure");
  await session.dispose();
});
