import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";

import { float32 } from "../../src/tensor.ts";
import { softmaxOver } from "../../src/verify/softmax.ts";

test.each([0, 1, 2, -1, -2])("softmax over axis %i is TF.js's", (axis) => {
  const data = Float32Array.from({ length: 24 }, (_, index) => Math.sin(index * 7) * 5);
  const got = softmaxOver(float32(data, [2, 3, 4]), axis);
  const tensor = tf.tensor(data, [2, 3, 4]);
  const want = tensor
    .sub(tf.logSumExp(tensor, axis, true))
    .exp()
    .dataSync();
  expect(got.dims).toEqual([2, 3, 4]);
  got.data.forEach((value, index) => expect(value).toBeCloseTo(want[index] ?? Number.NaN, 6));
});

test("large logits do not overflow, and NaN stays NaN", () => {
  expect([...softmaxOver(float32(Float32Array.of(1000, 1000), [1, 2]), -1).data]).toEqual([0.5, 0.5]);
  expect([...softmaxOver(float32(Float32Array.of(Number.NaN, 1), [1, 2]), -1).data]).toEqual([Number.NaN, Number.NaN]);
});
