import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { expectParity, randomizeWeights, type ParityResult } from "../../helpers/layer-parity.ts";

import { expectLayer } from "./single-layer.ts";

type Shape = readonly number[];

async function expectMerge(layer: tf.layers.Layer, shapes: readonly Shape[]): Promise<ParityResult> {
  const inputs = shapes.map((shape) => tf.input({ shape: [...shape] }));
  const output = layer.apply(inputs);
  if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("no single output");
  const model = tf.model({ inputs, outputs: output });
  return expectParity(
    model,
    shapes.map((shape, index) => tf.randomUniform([3, ...shape], -2, 2, "float32", index + 1)),
  );
}

for (const [name, make] of [
  ["Add", tf.layers.add],
  ["Multiply", tf.layers.multiply],
  ["Average", tf.layers.average],
  ["Maximum", tf.layers.maximum],
  ["Minimum", tf.layers.minimum],
] as const) {
  describe(name, () => {
    test("three inputs", async () => {
      await expectMerge(make(), [
        [4, 5],
        [4, 5],
        [4, 5],
      ]);
    });

    test("broadcasting over sizes of 1", async () => {
      await expectMerge(make(), [
        [4, 1, 3],
        [1, 5, 3],
      ]);
    });

    test("broadcasting over missing axes", async () => {
      await expectMerge(make(), [[4, 5, 3], [3]]);
    });
  });
}

describe("Concatenate", () => {
  for (const axis of [-1, -2, 1, 2, 3, 4]) {
    test(`axis ${axis}`, async () => {
      const shapes = [
        [4, 5, 3],
        [4, 5, 3],
      ];
      const { ops } = await expectMerge(tf.layers.concatenate({ axis }), shapes);
      expect(ops).toEqual(["Concat"]);
    });
  }

  test("of convolutions needs no Transpose between them", async () => {
    const input = tf.input({ shape: [6, 7, 2] });
    const branch = (filters: number): tf.SymbolicTensor => {
      const output = tf.layers.conv2d({ filters, kernelSize: 3, padding: "same" }).apply(input);
      if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("no single output");
      return output;
    };
    const joined = tf.layers.concatenate().apply([branch(3), branch(4)]);
    if (!(joined instanceof tf.SymbolicTensor)) throw new TypeError("no single output");
    const model = tf.model({ inputs: input, outputs: joined });
    randomizeWeights(model);
    const { ops } = await expectParity(model, tf.randomUniform([2, 6, 7, 2], -1, 1, "float32", 1));
    expect(ops.filter((op) => op === "Transpose")).toHaveLength(2);
  });
});

describe("Dot", () => {
  /** TF.js multiplies along the axis after the samples all the same. */
  test("along the samples, of tensors with three axes", async () => {
    const shapes = [
      [4, 4],
      [4, 3],
    ];
    for (const normalize of [false, true]) await expectMerge(tf.layers.dot({ axes: 0, normalize }), shapes);
  });

  for (const normalize of [false, true]) {
    test(`vectors, normalize ${normalize}`, async () => {
      await expectMerge(tf.layers.dot({ axes: 1, normalize }), [[5], [5]]);
    });

    test(`matrices, normalize ${normalize}`, async () => {
      await expectMerge(tf.layers.dot({ axes: [2, 1], normalize }), [
        [4, 5],
        [5, 3],
      ]);
      await expectMerge(tf.layers.dot({ axes: [1, 2], normalize }), [
        [5, 4],
        [3, 5],
      ]);
    });
  }
});

describe("Embedding", () => {
  test("ids to vectors", async () => {
    const model = tf.sequential({ layers: [tf.layers.embedding({ inputDim: 7, outputDim: 3, inputShape: [5] })] });
    randomizeWeights(model);
    await expectParity(model, tf.tensor2d([1, 2, 3, 0, 6, 5, 5, 0, 1, 4], [2, 5]));
  });

  test("masks zeros for an LSTM", async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.embedding({ inputDim: 7, outputDim: 3, maskZero: true, inputShape: [5] }),
        tf.layers.lstm({ units: 4 }),
      ],
    });
    randomizeWeights(model);
    await expectParity(model, tf.tensor2d([1, 2, 3, 0, 0, 5, 0, 0, 1, 4], [2, 5]));
  });
});

describe("borders", () => {
  for (const dataFormat of ["channelsFirst", "channelsLast"] as const) {
    test(`ZeroPadding2D and Cropping2D, ${dataFormat}`, async () => {
      const padding: [[number, number], [number, number]] = [
        [1, 2],
        [0, 3],
      ];
      await expectLayer(tf.layers.zeroPadding2d({ padding, dataFormat }), [4, 5, 6]);
      await expectLayer(
        tf.layers.cropping2D({
          cropping: [
            [1, 0],
            [1, 2],
          ],
          dataFormat,
        }),
        [5, 6, 7],
      );
    });
  }

  for (const interpolation of ["nearest", "bilinear"] as const) {
    test.each([
      { size: [2, 3], shape: [4, 5, 3] },
      { size: [3, 5], shape: [7, 1, 2] },
      { size: [7, 1], shape: [5, 11, 1] },
    ] as const)(`UpSampling2D, ${interpolation}, $size of $shape`, async ({ size, shape }) => {
      await expectLayer(tf.layers.upSampling2d({ size: [...size], interpolation }), [...shape]);
      const [height, width, channels] = shape;
      const first = tf.layers.upSampling2d({ size: [...size], interpolation, dataFormat: "channelsFirst" });
      await expectLayer(first, [channels, height, width]);
    });

    test(`UpSampling2D, ${interpolation}, of free sizes`, async () => {
      await expectLayer(tf.layers.upSampling2d({ size: [3, 2], interpolation }), [null, null, 2]);
    });
  }

  test("Rescaling", async () => {
    await expectLayer(tf.layers.rescaling({ scale: 0.5, offset: -1 }), [4, 3]);
  });
});
