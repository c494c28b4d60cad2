import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { ExportError } from "../../../src/errors.ts";

import { expectLayer } from "./single-layer.ts";

const FORMATS = ["channelsLast", "channelsFirst"] as const;
const PADDINGS = ["valid", "same"] as const;

function shapeOf(format: (typeof FORMATS)[number], spatial: readonly (number | null)[]): (number | null)[] {
  return format === "channelsLast" ? [...spatial, 2] : [2, ...spatial];
}

for (const dataFormat of FORMATS) {
  for (const padding of PADDINGS) {
    describe(`Conv2DTranspose, ${dataFormat}, ${padding}`, () => {
      for (const { kernelSize, strides } of [
        { kernelSize: [3, 2], strides: 1 },
        { kernelSize: [4, 3], strides: [3, 2] },
        { kernelSize: 1, strides: 2 },
        { kernelSize: 2, strides: 3 },
      ] satisfies { kernelSize: number | [number, number]; strides: number | [number, number] }[]) {
        test(`kernel ${String(kernelSize)}, strides ${String(strides)}`, async () => {
          for (const spatial of [
            [5, 4],
            [null, null],
          ]) {
            const layer = tf.layers.conv2dTranspose({
              filters: 3,
              kernelSize,
              strides,
              padding,
              dataFormat,
              activation: "softmax",
              useBias: spatial[0] !== null,
            });
            const { ops } = await expectLayer(layer, shapeOf(dataFormat, spatial), { free: [5, 4] });
            expect(ops.filter((op) => op !== "Transpose")).toEqual(["ConvTranspose", "Softmax"]);
          }
        });
      }
    });

    test(`Conv3DTranspose, ${dataFormat}, ${padding}`, async () => {
      const layer = tf.layers.conv3dTranspose({
        filters: 3,
        kernelSize: [2, 1, 3],
        strides: [2, 1, 2],
        padding,
        dataFormat,
        activation: "elu",
      });
      await expectLayer(layer, shapeOf(dataFormat, [3, 4, 5]));
    });
  }
}

test("Conv3DTranspose with gaps between its windows, on which TF.js's backends disagree", async () => {
  const layer = tf.layers.conv3dTranspose({ filters: 3, kernelSize: [2, 1, 3], strides: 2, padding: "same" });
  await expect(expectLayer(layer, [3, 4, 5, 2])).rejects.toThrow(ExportError);
});
