import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { exportSource } from "../../src/export/export-model.ts";
import { readLayersModel } from "../../src/export/source/layers-model.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import { verifyModel } from "../../src/verify/verify-model.ts";
import { keepExport } from "../helpers/keep-export.ts";
import { kerasChain, type KerasLayerSpec } from "../helpers/keras-chain.ts";
import { rawModelOf } from "../helpers/layer-parity.ts";

type Shape = readonly (number | null)[];

/** Whether the export gives the numbers of the layers as written with TF.js's operations in src/verify/reference/keras/layers.ts. */
async function expectSame(
  keras: 2 | 3,
  shape: Shape,
  layers: readonly KerasLayerSpec[],
  dtype?: string,
): Promise<void> {
  await expectVerified(kerasChain(keras, shape, layers, dtype));
}

async function expectVerified(raw: RawModel, opset = 17): Promise<void> {
  const source = readLayersModel(raw);
  const exported = exportSource(source, { opset });
  keepExport(exported);
  const { passed, reference, maxAbsDiff } = await verifyModel(raw, source, exported.bytes, {
    targets: [{ runtime: "node" }, { runtime: "web" }],
    tolerance: { atol: 1e-5, rtol: 1e-4 },
    batches: [1, 3],
    seed: 4,
  });
  expect({ passed, reference, maxAbsDiff }).toEqual({
    passed: true,
    reference: "tfjs wasm, layer by layer",
    maxAbsDiff,
  });
}

const CASES: readonly (readonly [Shape, KerasLayerSpec])[] = [
  [[6, 3], { className: "ZeroPadding1D", config: { padding: [1, 2] } }],
  [[null, 3], { className: "Cropping1D", config: { cropping: [1, 2] } }],
  [
    [4, 5, 6, 2],
    {
      className: "ZeroPadding3D",
      config: {
        padding: [
          [1, 0],
          [2, 1],
          [0, 3],
        ],
      },
    },
  ],
  [
    [4, 5, 6, 2],
    {
      className: "Cropping3D",
      config: {
        cropping: [
          [1, 0],
          [2, 1],
          [0, 3],
        ],
      },
    },
  ],
  [[6, 3], { className: "UpSampling1D", config: { size: 3 } }],
  [[2, 3, 4, 2], { className: "UpSampling3D", config: { size: [2, 1, 3] } }],
  [[2, 3, 4, 2], { className: "GlobalMaxPooling3D" }],
  [[2, 3, 4, 2], { className: "GlobalAveragePooling3D", config: { data_format: "channels_first" } }],
  [[2, 3, 2], { className: "SpatialDropout2D", config: { rate: 0.5 } }],
  [[4], { className: "Identity" }],
  ...["Brightness", "Contrast", "Flip", "Rotation", "Translation", "Zoom"].map(
    (change) => [[3, 4, 2], { className: `Random${change}`, config: { seed: null } }] as const,
  ),
  [[5], { className: "Normalization", config: { axis: [-1] }, weights: { mean: [5], variance: [5] } }],
  [[5], { className: "Normalization", config: { axis: null, mean: 2, variance: 9 } }],
  [[4, 3, 6], { className: "GroupNormalization", config: { groups: 3 }, weights: { gamma: [6], beta: [6] } }],
  [[6, 4], { className: "GroupNormalization", config: { groups: 2, axis: 1, scale: false }, weights: { beta: [6] } }],
  [[null, 4], { className: "GroupNormalization", config: { groups: -1, center: false }, weights: { gamma: [4] } }],
  [
    [7, 3],
    {
      className: "SeparableConv1D",
      config: { filters: 4, kernel_size: [3], depth_multiplier: 2, padding: "same", strides: [2], activation: "relu" },
      weights: { depthwise_kernel: [3, 3, 2], pointwise_kernel: [1, 6, 4], bias: [4] },
    },
  ],
  [
    [7, 3],
    {
      className: "DepthwiseConv1D",
      config: { kernel_size: [3], depth_multiplier: 2, padding: "valid", strides: [1], dilation_rate: [2] },
      weights: { depthwise_kernel: [3, 3, 2], bias: [6] },
    },
  ],
  ...(["same", "valid"] as const).map(
    (padding) =>
      [
        [5, 3],
        {
          className: "Conv1DTranspose",
          config: { filters: 4, kernel_size: [3], strides: [2], padding, activation: "tanh" },
          weights: { kernel: [3, 4, 3], bias: [4] },
        },
      ] as const,
  ),
];

describe("layers that Keras has and TF.js does not", () => {
  test.each(CASES)("%j %j", async (shape, layer) => {
    await expectSame(2, shape, [layer]);
    await expectSame(3, shape, [layer]);
  });

  test("Subtract", async () => {
    const inputs = [tf.input({ shape: [4, 3] }), tf.input({ shape: [4, 1] })];
    const output = tf.layers.add().apply(inputs);
    if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("one output was expected");
    const { manifest, weights } = await rawModelOf(tf.model({ inputs, outputs: output }));
    const changed: unknown = JSON.parse(
      JSON.stringify(manifest).replace('"class_name":"Add"', '"class_name":"Subtract"'),
    );
    await expectVerified({ manifest: changed, weights });
  });

  test("a GRU that resets after its recurrent kernel", async () => {
    const gru: KerasLayerSpec = {
      className: "GRU",
      config: {
        units: 4,
        activation: "tanh",
        recurrent_activation: "sigmoid",
        reset_after: true,
        return_sequences: true,
      },
      weights: { "gru_cell/kernel": [3, 12], "gru_cell/recurrent_kernel": [4, 12], "gru_cell/bias": [2, 12] },
    };
    await expectSame(2, [5, 3], [gru]);
    await expectSame(3, [null, 3], [gru]);
    const ids: KerasLayerSpec = {
      className: "Embedding",
      config: { input_dim: 4, output_dim: 3, mask_zero: true },
      weights: { embeddings: [4, 3] },
    };
    await expectSame(2, [6], [ids, gru], "int32");
  });

  describe.each([
    ["CuDNNLSTM", 4],
    ["CuDNNGRU", 3],
  ])("%s, with its weights as cuDNN has them", (className, gates) => {
    const units = 4;
    const weights = {
      kernel: [3, gates * units],
      recurrent_kernel: [units, gates * units],
      bias: [2 * gates * units],
    };

    test.each([{}, { return_sequences: true }, { return_sequences: true, go_backwards: true }])(
      "%j",
      async (config) => {
        await expectSame(2, [5, 3], [{ className, config: { units, ...config }, weights }]);
      },
    );

    test.each([false, true])("both ways, unmerged, return_state %s", async (state) => {
      const config = { name: "rnn", units, return_sequences: true, return_state: state };
      const both = ["forward_rnn", "backward_rnn"].flatMap((scope) =>
        Object.entries(weights).map(([name, dims]): [string, number[]] => [`${scope}/${name}`, dims]),
      );
      const spec = {
        className: "Bidirectional",
        config: { layer: { class_name: className, config }, merge_mode: null },
        weights: Object.fromEntries(both),
      };
      const states = className === "CuDNNLSTM" ? 4 : 2;
      await expectVerified(kerasChain(2, [5, 3], [spec], "float32", state ? 2 + states : 2));
    });

    test.each(["concat", "sum", "mul", "ave"])("both ways, merged by %s", async (mode) => {
      for (const sequences of [false, true]) {
        const layer = { class_name: className, config: { name: "rnn", units, return_sequences: sequences } };
        const both = ["forward_rnn", "backward_rnn"].flatMap((scope) =>
          Object.entries(weights).map(([name, dims]): [string, number[]] => [`${scope}/${name}`, dims]),
        );
        const config = { layer, merge_mode: mode };
        const spec = { className: "Bidirectional", config, weights: Object.fromEntries(both) };
        await expectSame(2, [null, 3], [spec]);
      }
    });
  });

  test.each([
    [{ className: "Flatten" }],
    [
      { className: "Dropout", config: { rate: 0.1 } },
      {
        className: "Conv2D",
        config: { filters: 3, kernel_size: [1, 1] },
        weights: { kernel: [1, 1, 2, 3], bias: [3] },
      },
      { className: "Reshape", config: { target_shape: [3] } },
    ],
  ] satisfies KerasLayerSpec[][])(
    "axes that a global pooling keeps for layers that take images (%#)",
    async (...rest) => {
      const layers = [{ className: "GlobalAveragePooling2D", config: { keepdims: true } }, ...rest];
      await expectSame(2, [4, 3, 2], layers);
    },
  );

  test.each([13, 17])("the hard silu of MobileNet v3 in opset %i", async (opset) => {
    const layer = { className: "Activation", config: { activation: "hard_silu" } };
    await expectVerified(kerasChain(3, [5, 6], [layer]), opset);
  });

  test("functions that are others in Keras 3", async () => {
    await expectSame(
      3,
      [4, 6, 2],
      [
        { className: "ReLU", config: { max_value: 0.8, negative_slope: 0.2, threshold: 0.1 } },
        { className: "UpSampling2D", config: { size: [2, 3], interpolation: "bilinear" } },
        {
          className: "Dense",
          config: { units: 3, activation: "hard_sigmoid" },
          weights: { kernel: [2, 3], bias: [3] },
        },
        { className: "GlobalAveragePooling2D", config: { keepdims: true } },
        { className: "Softmax" },
      ],
    );
  });
});
