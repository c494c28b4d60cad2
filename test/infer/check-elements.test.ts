import { expect, test } from "vitest";

import { checkElements, checkLastSizes, needElements } from "../../src/infer/check-elements.ts";
import { float32 } from "../../src/tensor.ts";

const none = float32(new Float32Array(), [0, 3]);
const wide = float32(new Float32Array(), [3, 0]);
const some = float32(Float32Array.of(1, 2), [2, 1]);

test("names the operators on which ONNX Runtime ends the process when a tensor has no elements", () => {
  expect(needElements(new Set(["Add", "LSTM", "GRU", "InstanceNormalization"]))).toEqual([
    "GRU",
    "InstanceNormalization",
    "LSTM",
  ]);
  expect(needElements(new Set(["Add", "MatMul"]))).toEqual([]);
});

test("refuses an input without elements, and no other", () => {
  expect(() => checkElements(["GRU", "LSTM"], { x: some, y: none })).toThrow(
    'input "y" has no elements: float32 [0, 3]; ONNX Runtime cannot run GRU and LSTM on none',
  );
  expect(() => checkElements(["LSTM"], { x: some })).not.toThrow();
  expect(() => checkElements(["TopK"], { y: none })).toThrow("ONNX Runtime cannot run TopK on none");
  expect(() => checkElements(["TopK"], { list: float32(new Float32Array(), [0]) })).not.toThrow();
});

test("refuses a last size of 0 where the model multiplies along it on WebGPU", () => {
  const operators = new Set(["Add", "MatMul", "Softmax"]);
  expect(() => checkLastSizes(operators, { x: some, y: wide })).toThrow(
    'input "y" has a last size of 0: float32 [3, 0]; ONNX Runtime\'s WebGPU cannot run MatMul and Softmax on that',
  );
  expect(() => checkLastSizes(operators, { x: some, y: none })).not.toThrow();
  expect(() => checkLastSizes(new Set(["Add"]), { y: wide })).not.toThrow();
});
