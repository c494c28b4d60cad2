import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { expectLayer } from "./single-layer.ts";

const FORMATS = ["channelsLast", "channelsFirst"] as const;
const PADDINGS = ["valid", "same"] as const;

function shapeOf(format: (typeof FORMATS)[number], spatial: readonly (number | null)[]): (number | null)[] {
  return format === "channelsLast" ? [...spatial, 2] : [2, ...spatial];
}

describe("DepthwiseConv2D", () => {
  for (const dataFormat of FORMATS) {
    for (const padding of PADDINGS) {
      for (const { strides, dilationRate, free } of [
        { strides: 1, dilationRate: 2, free: false },
        { strides: [2, 3], dilationRate: 1, free: false },
        { strides: 2, dilationRate: 1, free: true },
      ] satisfies { strides: number | [number, number]; dilationRate: number; free: boolean }[]) {
        test(`${dataFormat}, ${padding}, strides ${String(strides)}, dilation ${dilationRate}, free ${free}`, async () => {
          const layer = tf.layers.depthwiseConv2d({
            kernelSize: [3, 2],
            depthMultiplier: 3,
            strides,
            dilationRate,
            padding,
            dataFormat,
            activation: "softmax",
            useBias: !free,
          });
          const { ops } = await expectLayer(layer, shapeOf(dataFormat, free ? [null, null] : [9, 8]));
          expect(ops.filter((op) => op !== "Transpose")).toEqual(["Conv", "Softmax"]);
        });
      }
    }
  }
});

describe("SeparableConv2D", () => {
  for (const dataFormat of FORMATS) {
    for (const padding of PADDINGS) {
      for (const { strides, dilationRate, free } of [
        { strides: 1, dilationRate: 2, free: false },
        { strides: 2, dilationRate: 1, free: false },
        { strides: 2, dilationRate: 1, free: true },
      ]) {
        test(`${dataFormat}, ${padding}, strides ${strides}, dilation ${dilationRate}, free ${free}`, async () => {
          const layer = tf.layers.separableConv2d({
            filters: 4,
            kernelSize: [3, 2],
            depthMultiplier: 2,
            strides,
            dilationRate,
            padding,
            dataFormat,
            activation: "tanh",
            // TF.js adds a bias to images of channels_first in the wrong place, and mostly fails.
            useBias: dataFormat === "channelsLast",
          });
          const { ops } = await expectLayer(layer, shapeOf(dataFormat, free ? [null, null] : [9, 8]));
          expect(ops.filter((op) => op !== "Transpose")).toEqual(["Conv", "Conv", "Tanh"]);
        });
      }
    }
  }

  test("channelsFirst, with a bias along the rows, as TF.js adds it", async () => {
    await expectLayer(tf.layers.separableConv2d({ filters: 5, kernelSize: 1, dataFormat: "channelsFirst" }), [2, 5, 5]);
  });
});
