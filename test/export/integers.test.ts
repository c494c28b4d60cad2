import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { expectParity, randomizeWeights } from "../helpers/layer-parity.ts";

const { layers } = tf;

function applied(layer: tf.layers.Layer, inputs: tf.SymbolicTensor | tf.SymbolicTensor[]): tf.SymbolicTensor {
  const output = layer.apply(inputs);
  if (output instanceof tf.SymbolicTensor) return output;
  throw new TypeError("no single output");
}

/** The layer on integers, as the model's output and with another layer after it. */
async function expectOnIntegers(layer: tf.layers.Layer, shape: number[]): Promise<void> {
  const input = tf.input({ shape, dtype: "int32" });
  const output = applied(layer, input);
  const after = applied(layers.dense({ units: 2 }), output);
  const model = tf.model({ inputs: input, outputs: [output, after] });
  randomizeWeights(model);
  await expectParity(model, tf.randomUniform([2, ...shape], -4, 5, "int32", 1));
}

describe("integers given to", () => {
  for (const [name, layer, shape] of [
    ["Dense", layers.dense({ units: 3, activation: "tanh" }), [5]],
    ["PReLU", layers.prelu(), [5]],
    ["LeakyReLU", layers.leakyReLU(), [5]],
    ["Activation relu", layers.activation({ activation: "relu" }), [5]],
    ["Activation hardSigmoid", layers.activation({ activation: "hardSigmoid" }), [5]],
    ["LSTM", layers.lstm({ units: 3 }), [4, 3]],
    ["GRU, step by step", layers.gru({ units: 3, activation: "mish" }), [4, 3]],
    ["TimeDistributed", layers.timeDistributed({ layer: layers.dense({ units: 3 }) }), [4, 3]],
    ["Reshape", layers.reshape({ targetShape: [3, 2] }), [6]],
    ["Permute", layers.permute({ dims: [2, 1] }), [4, 3]],
    ["RepeatVector", layers.repeatVector({ n: 3 }), [4]],
    ["Dropout", layers.dropout({ rate: 0.5 }), [4]],
    ["Masking", layers.masking({ maskValue: 2 }), [4, 1]],
    ["MaxPooling1D", layers.maxPooling1d({ poolSize: 2 }), [6, 3]],
    ["MaxPooling3D", layers.maxPooling3d({ poolSize: 2 }), [4, 4, 4, 1]],
    ["GlobalMaxPooling2D", layers.globalMaxPooling2d({}), [4, 5, 2]],
    ["GlobalAveragePooling1D", layers.globalAveragePooling1d({}), [4, 3]],
    ["ZeroPadding2D", layers.zeroPadding2d({ padding: 1 }), [4, 5, 2]],
    ["Cropping2D", layers.cropping2D({ cropping: 1 }), [4, 5, 2]],
    ["UpSampling2D", layers.upSampling2d({ size: [2, 3] }), [4, 5, 2]],
    ["Rescaling", layers.rescaling({ scale: 0.5, offset: 1 }), [5]],
  ] as const) {
    test(name, async () => {
      await expectOnIntegers(layer, [...shape]);
    });
  }

  for (const [name, make] of [
    ["Add", () => layers.add()],
    ["Multiply", () => layers.multiply()],
    ["Average", () => layers.average()],
    ["Maximum", () => layers.maximum()],
    ["Minimum", () => layers.minimum()],
    ["Concatenate", () => layers.concatenate()],
    ["Dot", () => layers.dot({ axes: 1 })],
    ["Dot, normalized", () => layers.dot({ axes: 1, normalize: true })],
  ] as const) {
    for (const types of [
      ["int32", "int32"],
      ["int32", "float32"],
      ["float32", "int32"],
    ] as const) {
      test(`${name}, ${types.join(" and ")}`, async () => {
        const inputs = types.map((dtype) => tf.input({ shape: [5], dtype }));
        const model = tf.model({ inputs, outputs: applied(make(), inputs) });
        await expectParity(
          model,
          types.map((dtype, index) => tf.randomUniform([2, 5], -4.9, 4.9, dtype, index + 1)),
        );
      });
    }
  }
});

test("a nested model makes of its inputs what it declares", async () => {
  const ids = tf.input({ shape: [4], dtype: "int32" });
  const inner = tf.model({ inputs: ids, outputs: applied(layers.activation({ activation: "linear" }), ids) });
  const input = tf.input({ shape: [4] });
  const nested = applied(inner, input);
  const model = tf.model({ inputs: input, outputs: [nested, applied(layers.dense({ units: 3 }), nested)] });
  randomizeWeights(model);
  const { exported } = await expectParity(model, tf.randomUniform([2, 4], -4.9, 4.9, "float32", 1));
  expect(exported.outputs.map(({ dtype }) => dtype)).toEqual(["int32", "float32"]);
});
