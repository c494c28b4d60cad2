import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { ExportError } from "../../../src/errors.ts";

import { expectLayer } from "./single-layer.ts";

const FORMATS = ["channelsLast", "channelsFirst"] as const;
const PADDINGS = ["valid", "same"] as const;

/** N H W C or N C H W, without N. */
function shapeOf(
  format: (typeof FORMATS)[number],
  spatial: readonly (number | null)[],
  channels: number,
): (number | null)[] {
  return format === "channelsLast" ? [...spatial, channels] : [channels, ...spatial];
}

describe("Conv1D", () => {
  for (const padding of PADDINGS) {
    for (const { strides, dilationRate } of [
      { strides: 1, dilationRate: 1 },
      { strides: 3, dilationRate: 1 },
      { strides: 1, dilationRate: 2 },
    ]) {
      test(`${padding}, stride ${strides}, dilation ${dilationRate}`, async () => {
        const layer = tf.layers.conv1d({
          filters: 5,
          kernelSize: 4,
          strides,
          dilationRate,
          padding,
          activation: "tanh",
        });
        const { ops } = await expectLayer(layer, [13, 3]);
        expect(ops).toEqual(["Transpose", "Conv", "Tanh", "Transpose"]);
      });
    }

    test(`${padding} over a free length`, async () => {
      for (const strides of [1, 2]) {
        const layer = tf.layers.conv1d({ filters: 5, kernelSize: 4, strides, padding, useBias: false });
        await expectLayer(layer, [null, 3], { free: [13] });
        await expectLayer(layer, [null, 3], { free: [8] });
      }
    });
  }
});

describe("Conv2D", () => {
  for (const dataFormat of FORMATS) {
    for (const padding of PADDINGS) {
      for (const { strides, dilationRate } of [
        { strides: 1, dilationRate: 1 },
        { strides: [3, 2], dilationRate: 1 },
        { strides: 1, dilationRate: [2, 3] },
      ] satisfies { strides: number | [number, number]; dilationRate: number | [number, number] }[]) {
        test(`${dataFormat}, ${padding}, strides ${String(strides)}, dilations ${String(dilationRate)}`, async () => {
          const layer = tf.layers.conv2d({
            filters: 5,
            kernelSize: [3, 2],
            strides,
            dilationRate,
            padding,
            dataFormat,
            activation: "relu",
          });
          const { ops } = await expectLayer(layer, shapeOf(dataFormat, [11, 8], 3));
          expect(ops.filter((op) => op !== "Transpose")).toEqual(["Conv", "Relu"]);
          expect(ops.includes("Transpose")).toBe(dataFormat === "channelsLast");
        });
      }

      test(`${dataFormat}, ${padding} over free sizes`, async () => {
        const layer = tf.layers.conv2d({ filters: 2, kernelSize: 3, strides: 2, padding, dataFormat, useBias: false });
        const shape = shapeOf(dataFormat, [null, null], 3);
        for (const free of [
          [9, 6],
          [8, 7],
        ])
          await expectLayer(layer, shape, { free });
      });
    }

    test(`${dataFormat}, softmax goes over the last axis`, async () => {
      const layer = tf.layers.conv2d({ filters: 4, kernelSize: 2, dataFormat, activation: "softmax" });
      await expectLayer(layer, shapeOf(dataFormat, [5, 6], 3));
    });
  }

  test("refuses a kernel that does not fit", async () => {
    const layer = tf.layers.conv2d({ filters: 4, kernelSize: 4, padding: "valid" });
    await expect(expectLayer(layer, [3, 6, 1])).rejects.toThrow(ExportError);
  });
});

describe("Conv3D", () => {
  for (const dataFormat of FORMATS) {
    for (const padding of PADDINGS) {
      for (const { strides, dilationRate } of [
        { strides: [2, 1, 3], dilationRate: 1 },
        { strides: 1, dilationRate: [1, 2, 2] },
      ] satisfies { strides: number | [number, number, number]; dilationRate: number | [number, number, number] }[]) {
        test(`${dataFormat}, ${padding}, strides ${String(strides)}, dilations ${String(dilationRate)}`, async () => {
          const layer = tf.layers.conv3d({
            filters: 4,
            kernelSize: [2, 3, 2],
            strides,
            dilationRate,
            padding,
            dataFormat,
            activation: "elu",
          });
          await expectLayer(layer, shapeOf(dataFormat, [5, 6, 7], 2));
        });
      }
    }
  }
});
