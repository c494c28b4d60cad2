import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { ExportError } from "../../../src/errors.ts";

import { expectLayer } from "./single-layer.ts";

const PADDINGS = ["valid", "same"] as const;
const FORMATS = ["channelsLast", "channelsFirst"] as const;

describe("1D", () => {
  for (const padding of PADDINGS) {
    for (const [name, layer] of [
      ["MaxPooling1D", tf.layers.maxPooling1d],
      ["AveragePooling1D", tf.layers.averagePooling1d],
    ] as const) {
      test(`${name}, ${padding}`, async () => {
        await expectLayer(layer({ poolSize: 3, strides: 2, padding }), [11, 4]);
        await expectLayer(layer({ padding }), [7, 4]);
        await expectLayer(layer({ poolSize: 3, strides: 2, padding }), [null, 4], { free: [12] });
      });
    }
  }
});

describe("2D", () => {
  for (const padding of PADDINGS) {
    for (const dataFormat of FORMATS) {
      for (const [name, layer] of [
        ["MaxPooling2D", tf.layers.maxPooling2d],
        ["AveragePooling2D", tf.layers.averagePooling2d],
      ] as const) {
        test(`${name}, ${padding}, ${dataFormat}`, async () => {
          await expectLayer(layer({ poolSize: [3, 2], strides: [2, 3], padding, dataFormat }), [7, 8, 9]);
          await expectLayer(layer({ poolSize: [2, 4], padding, dataFormat }), [9, 10, 11]);
          const shape = dataFormat === "channelsLast" ? [null, null, 3] : [3, null, null];
          await expectLayer(layer({ poolSize: 3, strides: 2, padding, dataFormat }), shape, { free: [8, 9] });
        });
      }
    }
  }
});

describe("3D", () => {
  for (const padding of PADDINGS) {
    for (const dataFormat of FORMATS) {
      for (const [name, layer] of [
        ["MaxPooling3D", tf.layers.maxPooling3d],
        ["AveragePooling3D", tf.layers.averagePooling3d],
      ] as const) {
        test(`${name}, ${padding}, ${dataFormat}`, async () => {
          await expectLayer(layer({ poolSize: [3, 2, 2], strides: [2, 2, 1], padding, dataFormat }), [5, 6, 7, 4]);
        });
      }
    }
  }
});

describe("global", () => {
  test("GlobalAveragePooling1D", async () => {
    const { ops } = await expectLayer(tf.layers.globalAveragePooling1d({}), [7, 4]);
    expect(ops).toEqual(["ReduceMean"]);
    await expectLayer(tf.layers.globalAveragePooling1d({}), [null, 4]);
  });

  test("GlobalMaxPooling1D", async () => {
    await expectLayer(tf.layers.globalMaxPooling1d(), [7, 4]);
    await expectLayer(tf.layers.globalMaxPooling1d(), [1, 4]);
  });

  for (const dataFormat of FORMATS) {
    test(`2D, ${dataFormat}`, async () => {
      await expectLayer(tf.layers.globalAveragePooling2d({ dataFormat }), [5, 6, 4]);
      await expectLayer(tf.layers.globalMaxPooling2d({ dataFormat }), [5, 6, 4]);
    });
  }
});

describe("windows with gaps between them", () => {
  for (const [name, layer] of [
    ["MaxPooling1D", tf.layers.maxPooling1d],
    ["AveragePooling1D", tf.layers.averagePooling1d],
  ] as const) {
    for (const { poolSize, strides } of [
      { poolSize: 1, strides: 2 },
      { poolSize: 2, strides: 3 },
    ]) {
      test(`${name} of ${poolSize} at strides of ${strides} over a free length`, async () => {
        for (const length of [7, 8, 9]) {
          await expectLayer(layer({ poolSize, strides, padding: "same" }), [null, 2], { free: [length] });
        }
      });
    }

    test(`${name} of 3 at strides of 4 over a free length is refused`, async () => {
      const wide = layer({ poolSize: 3, strides: 4, padding: "same" });
      await expectLayer(wide, [9, 2]);
      await expect(expectLayer(wide, [null, 2])).rejects.toThrow(ExportError);
    });
  }
});

test("windows with gaps along one of two free axes", async () => {
  for (const layer of [tf.layers.maxPooling2d, tf.layers.averagePooling2d]) {
    for (const free of [
      [7, 8],
      [8, 9],
    ]) {
      await expectLayer(layer({ poolSize: [2, 3], strides: [3, 2], padding: "same" }), [null, null, 2], { free });
      await expectLayer(layer({ poolSize: [1, 3], strides: [2, 2], padding: "same" }), [7, null, 2], { free });
    }
  }
});

test("padding causal is valid to TF.js", async () => {
  await expectLayer(tf.layers.maxPooling1d({ poolSize: 3, padding: "causal" }), [8, 2]);
  await expectLayer(tf.layers.depthwiseConv2d({ kernelSize: 3, padding: "causal" }), [5, 6, 2]);
});
