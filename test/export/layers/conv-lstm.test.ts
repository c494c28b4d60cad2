import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { ExportError } from "../../../src/errors.ts";
import { expectParity, randomizeWeights } from "../../helpers/layer-parity.ts";

import { expectLayer } from "./single-layer.ts";

const FORMATS = ["channelsLast", "channelsFirst"] as const;

function shapeOf(format: (typeof FORMATS)[number]): readonly number[] {
  return format === "channelsLast" ? [4, 7, 6, 3] : [4, 3, 7, 6];
}

describe("ConvLSTM2D", () => {
  for (const dataFormat of FORMATS) {
    for (const padding of ["valid", "same"] as const) {
      for (const { strides, dilationRate } of [
        { strides: 1, dilationRate: [2, 1] },
        { strides: [2, 3], dilationRate: 1 },
      ] satisfies { strides: number | [number, number]; dilationRate: number | [number, number] }[]) {
        test(`${dataFormat}, ${padding}, strides ${String(strides)}, dilations ${String(dilationRate)}`, async () => {
          const layer = tf.layers.convLstm2d({
            filters: 2,
            kernelSize: [3, 2],
            dataFormat,
            padding,
            strides,
            dilationRate,
            returnSequences: true,
          });
          const { ops } = await expectLayer(layer, shapeOf(dataFormat));
          expect(ops.filter((op) => op === "Scan")).toHaveLength(1);
        });
      }
    }

    test(`${dataFormat}, the last step only, without a bias, backwards, softmax within`, async () => {
      const options = { filters: 2, kernelSize: 3, dataFormat, useBias: false, goBackwards: true } as const;
      const layer = tf.layers.convLstm2d({ ...options, activation: "softmax", recurrentActivation: "sigmoid" });
      await expectLayer(layer, shapeOf(dataFormat));
    });

    for (const mergeMode of ["concat", "ave"] as const) {
      test(`${dataFormat}, Bidirectional, ${mergeMode}`, async () => {
        const layer = tf.layers.convLstm2d({ filters: 2, kernelSize: 3, dataFormat, returnSequences: true });
        await expectLayer(tf.layers.bidirectional({ layer, mergeMode }), shapeOf(dataFormat));
      });
    }
  }

  test("free numbers of steps, rows and columns", async () => {
    const layer = tf.layers.convLstm2d({ filters: 2, kernelSize: 3, returnSequences: true });
    await expectLayer(layer, [null, null, null, 2]);
    const strided = tf.layers.convLstm2d({ filters: 1, kernelSize: 3, strides: 2, padding: "same" });
    await expectLayer(strided, [null, null, null, 2]);
  });

  test("within TimeDistributed", async () => {
    const layer = tf.layers.convLstm2d({ filters: 2, kernelSize: 3, returnSequences: true });
    await expectLayer(tf.layers.timeDistributed({ layer }), [2, 3, 5, 6, 2]);
  });

  test("states as outputs", async () => {
    const input = tf.input({ shape: [3, 5, 6, 2] });
    const outputs = tf.layers.convLstm2d({ filters: 2, kernelSize: 2, returnState: true }).apply(input);
    if (!Array.isArray(outputs)) throw new TypeError("no states");
    const symbolic = outputs.filter((each) => each instanceof tf.SymbolicTensor);
    const model = tf.model({ inputs: input, outputs: symbolic });
    randomizeWeights(model);
    await expectParity(model, tf.randomUniform([2, 3, 5, 6, 2], -1, 1, "float32", 3));
  });

  test("step by step in the portable form", async () => {
    const layer = tf.layers.convLstm2d({ filters: 2, kernelSize: 3, returnSequences: true });
    const { ops } = await expectLayer(layer, [3, 5, 6, 2], { exportOptions: { recurrentForm: "portable" } });
    expect(ops.filter((op) => ["Scan", "ConstantOfShape"].includes(op))).toEqual([]);
  });

  test("a kernel that does not fit", async () => {
    const layer = tf.layers.convLstm2d({ filters: 2, kernelSize: 4, padding: "valid" });
    await expect(expectLayer(layer, [3, 3, 6, 2])).rejects.toThrow(ExportError);
  });
});
