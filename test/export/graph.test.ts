import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { expectLayers } from "./layers/single-layer.ts";

/** The nodes of a model of layers one after the other, which give TF.js's numbers. */
async function opsOf(
  layers: readonly tf.layers.Layer[],
  shape: readonly (number | null)[],
  options: { readonly free?: readonly number[]; readonly atol?: number } = {},
): Promise<readonly string[]> {
  const { ops } = await expectLayers(layers, shape, { runtimes: ["node"], ...options });
  return ops;
}

describe("moving data costs the fewest nodes", () => {
  test("every step of a recurrent layer into a dense one: one Transpose, one Reshape", async () => {
    const layers = [
      tf.layers.lstm({ units: 5, returnSequences: true, recurrentActivation: "sigmoid" }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 3 }),
    ];
    expect(await opsOf(layers, [6, 4])).toEqual(["Transpose", "LSTM", "Transpose", "Reshape", "Gemm"]);
  });

  test("one channel of images of any size: a Transpose, no shape read at run time", async () => {
    const layers = [
      tf.layers.conv2d({ filters: 4, kernelSize: 3, padding: "same" }),
      tf.layers.conv2d({ filters: 1, kernelSize: 3, padding: "same" }),
    ];
    expect(await opsOf(layers, [null, null, 1])).toEqual(["Transpose", "Conv", "Conv", "Transpose"]);
  });

  test("an image flattened into a dense layer: one Reshape, even with axes of size 1", async () => {
    const layers = [
      tf.layers.conv2d({ filters: 4, kernelSize: [3, 6] }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 3 }),
    ];
    expect(await opsOf(layers, [7, 6, 1])).toEqual(["Reshape", "Conv", "Reshape", "Gemm"]);
  });
});
