import { expect, test } from "vitest";

import { knownDifference } from "../../src/verify/known-differences.ts";

test("a difference in NaN is known for a layer, and for the side that has it", () => {
  expect(knownDifference("LSTM", "tfjs")).toContain("--recurrent portable");
  expect(knownDifference("Bidirectional", "tfjs")).toContain("LSTM and GRU");
  expect(knownDifference("GlobalMaxPooling2D", "tfjs")).toContain("max pooling");
  expect(knownDifference("MaxPooling2D", "file")).toContain("onnxruntime-web");
  expect(knownDifference("LSTM", "file")).toBeNull();
  expect(knownDifference("MaxPooling2D", "tfjs")).toBeNull();
  expect(knownDifference("SimpleRNN", "tfjs")).toBeNull();
  expect(knownDifference("Dense", "tfjs")).toBeNull();
});
