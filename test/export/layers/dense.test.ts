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

test("a layer where an activation is named is the activation, with the keys that it has", async () => {
  const dense = tf.layers.dense({ units: 3, activation: "relu6", inputShape: [5] });
  const model = tf.sequential({ layers: [dense] });
  randomizeWeights(model);
  const input = tf.randomUniform([2, 5], -9, 9, "float32", 3);
  const { ops } = await expectParity(model, input, { edit: namingLayer("ReLU", { max_value: 6 }) });
  expect(ops).toEqual(["Gemm", "Clip"]);
  const [kernel, bias] = dense.getWeights();
  if (kernel === undefined || bias === undefined) throw new Error("a dense layer has a kernel and a bias");
  const sums = (inputs: readonly tf.Tensor[]): tf.Tensor => {
    const [given] = inputs;
    if (given === undefined) throw new Error("there is no input");
    return tf.add(tf.matMul(given.reshape([-1, 5]), kernel.reshape([5, 3])), bias);
  };
  const named: readonly (readonly [string, object, (x: tf.Tensor) => tf.Tensor])[] = [
    ["ReLU", { max_value: 1 }, (x) => tf.clipByValue(x, 0, 1)],
    ["ReLU", { threshold: 1 }, (x) => tf.mul(x, tf.cast(tf.greater(x, 1), "float32"))],
    ["ELU", { alpha: 0.5 }, (x) => tf.where(tf.greater(x, 0), x, tf.mul(tf.expm1(x), 0.5))],
    ["Softmax", { axis: 1 }, (x) => tf.softmax(tf.cast(x, "float32"))],
  ];
  for (const [className, config, compute] of named) {
    const expected = (inputs: readonly tf.Tensor[]): tf.Tensor[] => [compute(sums(inputs))];
    await expectParity(model, input, { edit: namingLayer(className, config), expected });
  }
});
