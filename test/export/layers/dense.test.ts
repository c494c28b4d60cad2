import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";

import { expectParity, randomizeWeights } from "../../helpers/layer-parity.ts";

test("a dense layer over a sequence multiplies its last axis", async () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, activation: "tanh", inputShape: [5, 4] })] });
  randomizeWeights(model);
  const { ops } = await expectParity(model, tf.randomNormal([2, 5, 4], 0, 1, "float32", 3));
  expect(ops).toEqual(["MatMul", "Add", "Tanh"]);
});
