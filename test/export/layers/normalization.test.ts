import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { expectParity, randomizeWeights } from "../../helpers/layer-parity.ts";

import { chain, expectLayer, expectLayers } from "./single-layer.ts";

describe("BatchNormalization", () => {
  for (const shape of [[5], [6, 5], [4, 6, 5]]) {
    for (const { center, scale } of [
      { center: true, scale: true },
      { center: false, scale: true },
      { center: true, scale: false },
    ]) {
      test(`[${shape.join()}], center ${center}, scale ${scale}`, async () => {
        const { ops } = await expectLayer(tf.layers.batchNormalization({ center, scale, epsilon: 0.02 }), shape);
        expect(ops).toEqual(shape.length === 1 ? ["BatchNormalization"] : ["Mul", "Add"]);
      });
    }
  }

  // TF.js's cpu kernel takes statistics along the last axis whatever their shape, so the axis is brought there for it.
  for (const { shape, axis, last, back } of [
    { shape: [6, 5], axis: 1, last: [2, 1], back: [2, 1] },
    { shape: [4, 6, 5], axis: 1, last: [2, 3, 1], back: [3, 1, 2] },
    { shape: [4, 6, 5], axis: 2, last: [1, 3, 2], back: [1, 3, 2] },
    { shape: [4, 6, 5], axis: -2, last: [1, 3, 2], back: [1, 3, 2] },
  ]) {
    test(`[${shape.join()}], axis ${axis}`, async () => {
      const layer = tf.layers.batchNormalization({ axis });
      const model = chain([layer], shape);
      randomizeWeights(model);
      const sameLayer = tf.layers.batchNormalization({ axis: -1 });
      const reference = chain([tf.layers.permute({ dims: last }), sameLayer, tf.layers.permute({ dims: back })], shape);
      reference.setWeights(model.getWeights());
      const input = tf.randomUniform([3, ...shape], -2, 2, "float32", 5);
      await expectParity(model, input, {
        expected: (inputs) => inputs.map((each) => tf.tidy(() => reference.predictOnBatch(each))).flat(),
      });
    });
  }

  test("vanishes in the convolution before it", async () => {
    for (const useBias of [true, false]) {
      const { ops } = await expectLayers(
        [
          tf.layers.conv2d({ filters: 5, kernelSize: 3, useBias }),
          tf.layers.batchNormalization(),
          tf.layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2, useBias }),
          tf.layers.batchNormalization({ scale: false }),
          tf.layers.conv2dTranspose({ filters: 4, kernelSize: 3, strides: 2, useBias }),
          tf.layers.batchNormalization({ center: false }),
          tf.layers.reLU({ maxValue: 6 }),
        ],
        [7, 8, 3],
      );
      expect(ops).toEqual(["Transpose", "Conv", "Conv", "ConvTranspose", "Clip", "Transpose"]);
    }
  });

  test("vanishes in the dense layer before it", async () => {
    for (const useBias of [true, false]) {
      const layers = [tf.layers.dense({ units: 5, useBias }), tf.layers.batchNormalization()];
      expect((await expectLayers(layers, [7])).ops).toEqual(["Gemm"]);
    }
  });
});

describe("LayerNormalization", () => {
  for (const { shape, axis } of [
    { shape: [5], axis: -1 },
    { shape: [6, 5], axis: -1 },
    { shape: [6, 5], axis: 1 },
    { shape: [4, 6, 5], axis: [1, 2, 3] },
    { shape: [4, 6, 5], axis: [2] },
    { shape: [4, 6, 5], axis: [1, 3] },
    { shape: [4, 6, 5], axis: [3, 2] },
  ]) {
    test(`[${shape.join()}], axis ${String(axis)}`, async () => {
      for (const { center, scale } of [
        { center: true, scale: true },
        { center: false, scale: true },
        { center: true, scale: false },
      ]) {
        const layer = tf.layers.layerNormalization({ axis, center, scale, epsilon: 0.02 });
        await expectLayer(layer, shape, { runtimes: center && scale ? ["node", "web"] : ["node"] });
      }
    });
  }

  test("over the channels of a convolution", async () => {
    const layers = [tf.layers.conv2d({ filters: 5, kernelSize: 3 }), tf.layers.layerNormalization()];
    await expectLayers(layers, [7, 8, 3]);
    await expectLayers(layers, [7, 8, 3], { exportOptions: { opset: 15 } });
  });

  test("is one node over the last axis", async () => {
    expect((await expectLayer(tf.layers.layerNormalization(), [6, 5])).ops).toEqual(["LayerNormalization"]);
  });
});
