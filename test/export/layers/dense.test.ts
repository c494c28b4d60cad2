import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";

import { expectParity, randomizeWeights, type ParityOptions } from "../../helpers/layer-parity.ts";

test("a dense layer over a sequence multiplies its last axis", async () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, activation: "tanh", inputShape: [5, 4] })] });
  randomizeWeights(model);
  const { ops } = await expectParity(model, tf.randomNormal([2, 5, 4], 0, 1, "float32", 3));
  expect(ops).toEqual(["MatMul", "Add", "Tanh"]);
});

/** As Keras writes `activation=ReLU(...)`: TF.js makes the layer of it. */
function namingLayer(className: string, config: object): NonNullable<ParityOptions["edit"]> {
  const layer = JSON.stringify({ class_name: className, config });
  return ({ manifest, weights }) => ({
    manifest: JSON.parse(JSON.stringify(manifest).replaceAll('"activation":"relu6"', `"activation":${layer}`)),
    weights,
  });
}

test("a layer where an activation is named is the activation, or refused where it has keys of its own", async () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, activation: "relu6", inputShape: [5] })] });
  randomizeWeights(model);
  const input = tf.randomUniform([2, 5], -9, 9, "float32", 3);
  const { ops } = await expectParity(model, input, { edit: namingLayer("ReLU", { max_value: 6 }) });
  expect(ops).toEqual(["Gemm", "Clip"]);
  for (const edit of [
    namingLayer("ReLU", { max_value: 1 }),
    namingLayer("ReLU", { threshold: 1 }),
    namingLayer("ELU", { alpha: 0.5 }),
    namingLayer("Softmax", { axis: 1 }),
  ]) {
    await expect(expectParity(model, input, { edit })).rejects.toThrow(/layer (relu|elu|softmax) with/);
  }
});
