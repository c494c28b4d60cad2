import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { ACTIVATIONS } from "../../../src/export/activation.ts";

import { chain, expectLayer, expectLayers } from "./single-layer.ts";
import { expectParity } from "../../helpers/layer-parity.ts";

const NAMES = [
  "elu",
  "selu",
  "relu",
  "relu6",
  "linear",
  "sigmoid",
  "hardSigmoid",
  "softplus",
  "softsign",
  "tanh",
  "softmax",
  "logSoftmax",
  "gelu",
  "gelu_new",
  "mish",
  "swish",
] as const;

test("every activation is tried", () => {
  expect(NAMES).toHaveLength(ACTIVATIONS.length);
});

describe("Activation", () => {
  for (const activation of NAMES) {
    test(activation, async () => {
      const options = { range: [-6, 8] } as const;
      // @ts-expect-error: TF.js's types miss gelu and gelu_new
      const layer = (): tf.layers.Layer => tf.layers.activation({ activation });
      await expectLayer(layer(), [4, 5], options);
      await expectLayers([tf.layers.conv2d({ filters: 4, kernelSize: 3 }), layer()], [5, 6, 3], options);
    });
  }

  test("softmax over the channels of a convolution stays where they are stored", async () => {
    const layers = [tf.layers.conv2d({ filters: 4, kernelSize: 3 }), tf.layers.activation({ activation: "softmax" })];
    expect((await expectLayers(layers, [5, 6, 1])).ops).toEqual(["Reshape", "Conv", "Softmax", "Transpose"]);
    const steps = [tf.layers.conv1d({ filters: 4, kernelSize: 3 }), tf.layers.activation({ activation: "softmax" })];
    expect((await expectLayers(steps, [6, 2])).ops).toEqual(["Transpose", "Conv", "Softmax", "Transpose"]);
  });
});

describe("layers", () => {
  test("ReLU", async () => {
    expect((await expectLayer(tf.layers.reLU(), [4, 5])).ops).toEqual(["Relu"]);
    expect((await expectLayer(tf.layers.reLU({ maxValue: 1.5 }), [4, 5])).ops).toEqual(["Clip"]);
  });

  test("LeakyReLU", async () => {
    await expectLayer(tf.layers.leakyReLU(), [4, 5]);
    await expectLayer(tf.layers.leakyReLU({ alpha: 0.07 }), [4, 5]);
    await expectLayers(
      [tf.layers.conv2d({ filters: 4, kernelSize: 3 }), tf.layers.leakyReLU({ alpha: 0.6 })],
      [5, 6, 3],
    );
  });

  test("ELU", async () => {
    await expectLayer(tf.layers.elu(), [4, 5]);
  });

  test("ThresholdedReLU", async () => {
    await expectLayer(tf.layers.thresholdedReLU(), [4, 5]);
    await expectLayer(tf.layers.thresholdedReLU({ theta: 0.2 }), [4, 5]);
  });

  for (const sharedAxes of [undefined, [1], [1, 2], [3], [1, 2, 3]]) {
    test(`PReLU, shared axes ${String(sharedAxes)}`, async () => {
      const layer = (): tf.layers.Layer => tf.layers.prelu(sharedAxes === undefined ? {} : { sharedAxes });
      const { ops } = await expectLayer(layer(), [4, 5, 3]);
      expect(ops).toEqual(["PRelu"]);
      await expectLayers([tf.layers.conv2d({ filters: 4, kernelSize: 3 }), layer()], [5, 6, 3]);
    });
  }

  test("PReLU of rank 2", async () => {
    await expectLayer(tf.layers.prelu(), [5]);
  });

  test("Softmax", async () => {
    await expectLayer(tf.layers.softmax(), [5]);
    await expectLayer(tf.layers.softmax({ axis: -1 }), [4, 5]);
    await expectLayer(tf.layers.softmax({ axis: 2 }), [4, 5]);
  });

  test("Softmax along another axis, which TF.js refuses", async () => {
    const model = chain([tf.layers.softmax({ axis: -1 })], [5, 4]);
    const { ops } = await expectParity(chain([tf.layers.softmax({ axis: 1 })], [4, 5]), tf.randomUniform([3, 4, 5]), {
      expected: ([input]) => {
        if (input === undefined) throw new TypeError("no input");
        const output = model.predict(tf.transpose(input, [0, 2, 1]));
        return [tf.transpose(Array.isArray(output) ? (output[0] ?? input) : output, [0, 2, 1])];
      },
      single: true,
    });
    expect(ops).toEqual(["Softmax"]);
  });
});
