import { join } from "node:path";
import { mkdirSync, writeFileSync } from "node:fs";

import { describe, expect, inject, test } from "vitest";

import { exportRaw } from "../../src/export/export-model.ts";
import { builtIn } from "../../src/export/layers/index.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import { sizeOf } from "../../src/tensor.ts";

import { checkFiles, python } from "./check-files.ts";

interface Sample {
  /** Without the batch. */
  readonly shape: readonly (number | null)[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly weights?: Readonly<Record<string, readonly number[]>>;
  /** How often the input is given; once, without it. */
  readonly inputs?: number;
  readonly dtype?: "float32" | "int32";
}

const SEQUENCE = [5, 3];
const IMAGE = [6, 5, 2];
const VOLUME = [4, 5, 6, 2];
const WINDOW = { strides: 1, padding: "same", activation: "relu" };
const cell = (gates: number): Readonly<Record<string, readonly number[]>> => ({
  kernel: [3, gates * 2],
  recurrent_kernel: [2, gates * 2],
  bias: [gates * 2],
});
const dense = { class_name: "Dense", config: { name: "dense", units: 2 } };
const lstm = { class_name: "LSTM", config: { name: "lstm", units: 2, return_sequences: true } };
const within = (scope: string): Readonly<Record<string, readonly number[]>> =>
  Object.fromEntries(Object.entries(cell(4)).map(([name, dims]) => [`${scope}/${name}`, dims]));
const statistics = { gamma: [3], beta: [3], moving_mean: [3], moving_variance: [3] };
const pooled = (shape: readonly number[]): Sample => ({
  shape,
  config: { pool_size: 2, strides: 2, padding: "valid" },
});
const merged: Sample = { shape: SEQUENCE, inputs: 2 };

/** A layer of each class that is registered. */
const SAMPLES: Readonly<Record<string, Sample>> = {
  Activation: { shape: SEQUENCE, config: { activation: "swish" } },
  ActivityRegularization: { shape: SEQUENCE },
  Add: merged,
  AlphaDropout: { shape: SEQUENCE, config: { rate: 0.5 } },
  Average: merged,
  AveragePooling1D: pooled(SEQUENCE),
  AveragePooling2D: pooled(IMAGE),
  AveragePooling3D: pooled(VOLUME),
  BatchNormalization: { shape: SEQUENCE, weights: statistics },
  Bidirectional: {
    shape: SEQUENCE,
    config: { layer: lstm },
    weights: { ...within("forward_lstm"), ...within("backward_lstm") },
  },
  CategoryEncoding: { shape: [4], config: { num_tokens: 5, output_mode: "multi_hot" }, dtype: "int32" },
  CenterCrop: { shape: IMAGE, config: { height: 3, width: 2 } },
  Concatenate: merged,
  Conv1D: {
    shape: SEQUENCE,
    config: { filters: 2, kernel_size: 3, ...WINDOW },
    weights: { kernel: [3, 3, 2], bias: [2] },
  },
  Conv1DTranspose: {
    shape: SEQUENCE,
    config: { filters: 2, kernel_size: 3, ...WINDOW },
    weights: { kernel: [3, 2, 3], bias: [2] },
  },
  Conv2D: {
    shape: IMAGE,
    config: { filters: 3, kernel_size: 3, ...WINDOW },
    weights: { kernel: [3, 3, 2, 3], bias: [3] },
  },
  Conv2DTranspose: {
    shape: IMAGE,
    config: { filters: 3, kernel_size: 3, ...WINDOW },
    weights: { kernel: [3, 3, 3, 2], bias: [3] },
  },
  Conv3D: {
    shape: VOLUME,
    config: { filters: 3, kernel_size: 3, ...WINDOW },
    weights: { kernel: [3, 3, 3, 2, 3], bias: [3] },
  },
  Conv3DTranspose: {
    shape: VOLUME,
    config: { filters: 3, kernel_size: 3, ...WINDOW },
    weights: { kernel: [3, 3, 3, 3, 2], bias: [3] },
  },
  ConvLSTM2D: {
    shape: [3, ...IMAGE],
    config: { filters: 2, kernel_size: 3, padding: "same" },
    weights: { kernel: [3, 3, 2, 8], recurrent_kernel: [3, 3, 2, 8], bias: [8] },
  },
  Cropping1D: { shape: SEQUENCE, config: { cropping: [1, 2] } },
  Cropping2D: { shape: IMAGE, config: { cropping: [1, 2] } },
  Cropping3D: { shape: VOLUME, config: { cropping: 1 } },
  CuDNNGRU: { shape: SEQUENCE, config: { units: 2 }, weights: { ...cell(3), bias: [12] } },
  CuDNNLSTM: { shape: SEQUENCE, config: { units: 2 }, weights: { ...cell(4), bias: [16] } },
  Dense: { shape: SEQUENCE, config: { units: 2 }, weights: { kernel: [3, 2], bias: [2] } },
  DepthwiseConv1D: { shape: SEQUENCE, config: { kernel_size: 3 }, weights: { depthwise_kernel: [3, 3, 1], bias: [3] } },
  DepthwiseConv2D: { shape: IMAGE, config: { kernel_size: 3 }, weights: { depthwise_kernel: [3, 3, 2, 1], bias: [2] } },
  Dot: { shape: SEQUENCE, config: { axes: [2, 2] }, inputs: 2 },
  Dropout: { shape: SEQUENCE, config: { rate: 0.5 } },
  ELU: { shape: SEQUENCE },
  EinsumDense: {
    shape: SEQUENCE,
    config: { equation: "abc,cd->abd", output_shape: [null, 2], bias_axes: "d" },
    weights: { kernel: [3, 2], bias: [2] },
  },
  Embedding: { shape: [4], config: { input_dim: 5, output_dim: 3 }, weights: { embeddings: [5, 3] }, dtype: "int32" },
  Flatten: { shape: IMAGE },
  GRU: { shape: SEQUENCE, config: { units: 2 }, weights: cell(3) },
  GaussianDropout: { shape: SEQUENCE, config: { rate: 0.5 } },
  GaussianNoise: { shape: SEQUENCE, config: { stddev: 0.5 } },
  GlobalAveragePooling1D: { shape: SEQUENCE },
  GlobalAveragePooling2D: { shape: IMAGE },
  GlobalAveragePooling3D: { shape: VOLUME },
  GlobalMaxPooling1D: { shape: SEQUENCE },
  GlobalMaxPooling2D: { shape: IMAGE },
  GlobalMaxPooling3D: { shape: VOLUME },
  GroupNormalization: { shape: IMAGE, config: { groups: 2 }, weights: { gamma: [2], beta: [2] } },
  Identity: { shape: SEQUENCE },
  LSTM: { shape: SEQUENCE, config: { units: 2 }, weights: cell(4) },
  LayerNormalization: { shape: SEQUENCE, weights: { gamma: [3], beta: [3] } },
  LeakyReLU: { shape: SEQUENCE, config: { alpha: 0.1 } },
  Masking: { shape: SEQUENCE, config: { mask_value: 0 } },
  MaxPooling1D: pooled(SEQUENCE),
  MaxPooling2D: pooled(IMAGE),
  MaxPooling3D: pooled(VOLUME),
  Maximum: merged,
  Minimum: merged,
  Multiply: merged,
  Normalization: { shape: SEQUENCE, weights: { mean: [3], variance: [3] } },
  PReLU: { shape: SEQUENCE, weights: { alpha: [5, 3] } },
  Permute: { shape: SEQUENCE, config: { dims: [2, 1] } },
  PositionEmbedding: { shape: SEQUENCE, config: { sequence_length: 5 }, weights: { embeddings: [5, 3] } },
  RNN: {
    shape: SEQUENCE,
    config: { cell: { class_name: "SimpleRNNCell", config: { name: "cell", units: 2, activation: "swish" } } },
    weights: cell(1),
  },
  RandomBrightness: { shape: IMAGE, config: { factor: 0.5 } },
  RandomContrast: { shape: IMAGE, config: { factor: 0.5 } },
  RandomFlip: { shape: IMAGE, config: { mode: "horizontal" } },
  RandomHeight: { shape: IMAGE, config: { factor: 0.5 } },
  RandomRotation: { shape: IMAGE, config: { factor: 0.5 } },
  RandomTranslation: { shape: IMAGE, config: { height_factor: 0.5, width_factor: 0.5 } },
  RandomWidth: { shape: IMAGE, config: { factor: 0.5 } },
  RandomZoom: { shape: IMAGE, config: { height_factor: 0.5 } },
  ReLU: { shape: SEQUENCE, config: { max_value: 6 } },
  RepeatVector: { shape: [3], config: { n: 4 } },
  Rescaling: { shape: IMAGE, config: { scale: 0.5, offset: 1 } },
  Reshape: { shape: SEQUENCE, config: { target_shape: [3, 5] } },
  Resizing: { shape: IMAGE, config: { height: 3, width: 7, interpolation: "bilinear" } },
  SeparableConv1D: {
    shape: SEQUENCE,
    config: { filters: 2, kernel_size: 3 },
    weights: { depthwise_kernel: [3, 3, 1], pointwise_kernel: [1, 3, 2], bias: [2] },
  },
  SeparableConv2D: {
    shape: IMAGE,
    config: { filters: 3, kernel_size: 3 },
    weights: { depthwise_kernel: [3, 3, 2, 1], pointwise_kernel: [1, 1, 2, 3], bias: [3] },
  },
  SimpleRNN: { shape: SEQUENCE, config: { units: 2 }, weights: cell(1) },
  Softmax: { shape: SEQUENCE, config: { axis: -1 } },
  SpatialDropout1D: { shape: SEQUENCE, config: { rate: 0.5 } },
  SpatialDropout2D: { shape: IMAGE, config: { rate: 0.5 } },
  SpatialDropout3D: { shape: VOLUME, config: { rate: 0.5 } },
  Subtract: merged,
  ThresholdedReLU: { shape: SEQUENCE, config: { theta: 0.5 } },
  TimeDistributed: { shape: SEQUENCE, config: { layer: dense }, weights: { kernel: [3, 2], bias: [2] } },
  UpSampling1D: { shape: SEQUENCE, config: { size: 2 } },
  UpSampling2D: { shape: IMAGE, config: { size: [3, 2], interpolation: "bilinear" } },
  UpSampling3D: { shape: VOLUME, config: { size: 2 } },
  ZeroPadding1D: { shape: SEQUENCE, config: { padding: 1 } },
  ZeroPadding2D: { shape: IMAGE, config: { padding: 1 } },
  ZeroPadding3D: { shape: VOLUME, config: { padding: 1 } },
};

function modelOf(className: string, { shape, config, weights = {}, inputs = 1, dtype = "float32" }: Sample): RawModel {
  const specs = Object.entries(weights).map(([name, dims]) => ({ name: `l/${name}`, shape: dims, dtype: "float32" }));
  const count = specs.reduce((sum, spec) => sum + sizeOf(spec.shape), 0);
  const numbers = Float32Array.from({ length: count }, (_, at) => 0.5 + Math.abs(Math.sin(at + 1)) / 2);
  const layers = [
    {
      name: "x",
      class_name: "InputLayer",
      config: { name: "x", batch_input_shape: [null, ...shape], dtype },
      inbound_nodes: [],
    },
    {
      name: "l",
      class_name: className,
      config: { name: "l", trainable: true, dtype: "float32", ...config },
      inbound_nodes: [Array.from({ length: inputs }, () => ["x", 0, 0, {}])],
    },
  ];
  const own = { name: "m", layers, input_layers: [["x", 0, 0]], output_layers: [["l", 0, 0]] };
  return {
    manifest: {
      modelTopology: { keras_version: "2.9.0", model_config: { class_name: "Functional", config: own } },
      weightsManifest: [{ paths: ["w"], weights: specs }],
    },
    weights: new Uint8Array(numbers.buffer),
  };
}

const OPSETS = [13, 17, 18, 21] as const;

test("every registered class of layers has a sample", () => {
  const classes = builtIn.map(({ className }) => className);
  expect(Object.keys(SAMPLES).toSorted()).toEqual(classes.toSorted());
});

describe.skipIf(typeof python === "string")("the official ONNX checker", () => {
  test("passes every registered class of layers in each opset", () => {
    const folder = join(inject("exportsFolder"), "every-layer");
    mkdirSync(folder, { recursive: true });
    const files = Object.entries(SAMPLES).flatMap(([className, sample]) =>
      OPSETS.map((opset) => {
        const { bytes, layers } = exportRaw(modelOf(className, sample), { opset });
        expect(layers.map((layer) => layer.className)).toContain(className);
        const file = join(folder, `${className}-${opset}.onnx`);
        writeFileSync(file, bytes);
        return file;
      }),
    );
    expect(checkFiles(files)).toEqual({});
  }, 240_000);
});
