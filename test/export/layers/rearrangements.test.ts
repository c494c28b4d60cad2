import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { expectLayer, expectLayers } from "./single-layer.ts";

describe("Flatten", () => {
  for (const dataFormat of [undefined, "channelsLast", "channelsFirst"] as const) {
    test(`data format ${dataFormat}`, async () => {
      const format = dataFormat === undefined ? {} : { dataFormat };
      await expectLayer(tf.layers.flatten(format), [4, 5, 3]);
      await expectLayer(tf.layers.flatten(format), [4, 3]);
      await expectLayers([tf.layers.conv2d({ filters: 3, kernelSize: 2 }), tf.layers.flatten(format)], [5, 6, 2]);
    });
  }

  test("goes into the weights of the dense layer behind it", async () => {
    const { ops } = await expectLayers(
      [tf.layers.conv2d({ filters: 3, kernelSize: 2 }), tf.layers.flatten(), tf.layers.dense({ units: 4 })],
      [5, 6, 1],
    );
    expect(ops).toEqual(["Reshape", "Conv", "Reshape", "Gemm"]);
  });
});

describe("Reshape", () => {
  for (const { shape, targetShape } of [
    { shape: [12], targetShape: [3, 4] },
    { shape: [12], targetShape: [3, -1] },
    { shape: [4, 6], targetShape: [2, 3, 4] },
    { shape: [4, 6], targetShape: [-1] },
    { shape: [4, 6, 5], targetShape: [8, 15] },
    { shape: [4, 6, 5], targetShape: [20, 1, 6] },
    { shape: [1, 6], targetShape: [6, 1, 1] },
  ]) {
    test(`[${shape.join()}] to [${targetShape.join()}]`, async () => {
      await expectLayer(tf.layers.reshape({ targetShape }), shape);
      await expectLayers(
        [tf.layers.permute({ dims: shape.map((_, axis) => shape.length - axis) }), tf.layers.reshape({ targetShape })],
        shape,
      );
    });
  }

  test("free sizes", async () => {
    await expectLayer(tf.layers.reshape({ targetShape: [-1, 6] }), [null, 3, 2]);
    await expectLayer(tf.layers.reshape({ targetShape: [-1, 2] }), [null, 3, 4]);
    await expectLayer(tf.layers.reshape({ targetShape: [-1] }), [null, null, 4]);
    await expectLayer(tf.layers.reshape({ targetShape: [3, -1] }), [null, 4], { free: [9] });
  });
});

describe("Permute", () => {
  for (const { shape, dims } of [
    { shape: [4, 6], dims: [2, 1] },
    { shape: [4, 6, 5], dims: [3, 1, 2] },
    { shape: [2, 4, 3, 5], dims: [2, 4, 3, 1] },
    { shape: [4, null], dims: [2, 1] },
  ]) {
    test(`[${shape.join()}] by [${dims.join()}]`, async () => {
      const { ops } = await expectLayer(tf.layers.permute({ dims }), shape);
      expect(ops).toEqual(["Transpose"]);
    });
  }

  test("twice is nothing", async () => {
    const swap = (): tf.layers.Layer => tf.layers.permute({ dims: [2, 1] });
    expect((await expectLayers([swap(), tf.layers.reLU(), swap()], [4, 6])).ops).toEqual(["Relu"]);
  });
});

describe("RepeatVector", () => {
  for (const n of [1, 4]) {
    test(`${n} times`, async () => {
      await expectLayer(tf.layers.repeatVector({ n }), [5]);
      await expectLayers([tf.layers.repeatVector({ n }), tf.layers.dense({ units: 3 }), tf.layers.flatten()], [5]);
      await expectLayers(
        [tf.layers.repeatVector({ n }), tf.layers.lstm({ units: 3, recurrentActivation: "sigmoid" })],
        [5],
      );
    });
  }

  test("of one feature", async () => {
    await expectLayer(tf.layers.repeatVector({ n: 3 }), [1]);
  });
});

describe("layers that do nothing but in training", () => {
  for (const [name, layer] of [
    ["Dropout", tf.layers.dropout({ rate: 0.4 })],
    ["SpatialDropout1D", tf.layers.spatialDropout1d({ rate: 0.4 })],
    ["GaussianNoise", tf.layers.gaussianNoise({ stddev: 2 })],
    ["GaussianDropout", tf.layers.gaussianDropout({ rate: 0.4 })],
    ["AlphaDropout", tf.layers.alphaDropout({ rate: 0.4 })],
  ] as const) {
    test(name, async () => {
      const { ops } = await expectLayers([layer, tf.layers.activation({ activation: "tanh" })], [4, 5]);
      expect(ops).toEqual(["Tanh"]);
    });
  }
});
