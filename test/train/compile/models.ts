import type * as tfjs from "@tensorflow/tfjs";

import type { TensorFlow } from "../../../src/train/compile/index.ts";

/** A small network with what it takes and what it is told apart by. */
export interface Sample {
  readonly name: string;
  /** Deterministic: no random numbers are drawn in a step. */
  build(tf: TensorFlow): tfjs.LayersModel;
  readonly loss: string;
  batch(tf: TensorFlow, step: number, count: number): readonly [xs: tfjs.Tensor, ys: tfjs.Tensor];
}

/** Numbers that look random and are the same everywhere, around 0. */
export function wave(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => Math.sin(78.233 * (index + 1) + 12.9898 * seed) * 1.3);
}

function features(tf: TensorFlow, shape: readonly number[], seed: number): tfjs.Tensor {
  const size = shape.reduce((product, dim) => product * dim, 1);
  return tf.tensor(wave(size, seed), [...shape]);
}

function oneHot(tf: TensorFlow, count: number, classes: number, seed: number): tfjs.Tensor {
  return tf.tidy(() =>
    tf
      .oneHot(
        tf.tensor1d(
          Int32Array.from({ length: count }, (_, index) => (index * 7 + seed) % classes),
          "int32",
        ),
        classes,
      )
      .toFloat(),
  );
}

function images(tf: TensorFlow, step: number, count: number): readonly [tfjs.Tensor, tfjs.Tensor] {
  return [features(tf, [count, 8, 6, 2], step), oneHot(tf, count, 3, step)];
}

function sequences(tf: TensorFlow, step: number, count: number): readonly [tfjs.Tensor, tfjs.Tensor] {
  return [features(tf, [count, 5, 3], step), oneHot(tf, count, 3, step)];
}

/** Weights of every kind differ from zero and from each other. */
export function setWave(tf: TensorFlow, model: tfjs.LayersModel): void {
  const weights = model.getWeights().map((weight, index) => {
    const fan = Math.max(1, Math.sqrt(weight.size / (weight.shape.at(-1) ?? 1)));
    const isVariance = model.weights[index]?.originalName.includes("moving_variance") === true;
    const values = wave(weight.size, 3 * index + 1).map((value) => (isVariance ? 1 + value / 4 : value / fan));
    return tf.tensor(values, weight.shape);
  });
  model.setWeights(weights);
  tf.dispose(weights);
}

const softmax = { units: 3, activation: "softmax" } as const;
const cross = "categoricalCrossentropy";

export const SAMPLES: readonly Sample[] = [
  {
    name: "convolutions, batch normalisation, pooling",
    loss: cross,
    batch: images,
    build: (tf) =>
      tf.sequential({
        layers: [
          tf.layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", useBias: false, inputShape: [8, 6, 2] }),
          tf.layers.batchNormalization({ momentum: 0.8 }),
          tf.layers.reLU(),
          tf.layers.maxPooling2d({ poolSize: 2 }),
          tf.layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", activation: "relu" }),
          tf.layers.maxPooling2d({ poolSize: 2 }),
          tf.layers.flatten(),
          tf.layers.dense({ units: 6 }),
          tf.layers.batchNormalization(),
          tf.layers.activation({ activation: "tanh" }),
          tf.layers.dense(softmax),
        ],
      }),
  },
  {
    name: "separable and transposed convolutions, average pooling, layer normalisation",
    loss: cross,
    batch: images,
    build: (tf) =>
      tf.sequential({
        layers: [
          tf.layers.separableConv2d({ filters: 4, kernelSize: 3, activation: "elu", inputShape: [8, 6, 2] }),
          tf.layers.conv2dTranspose({ filters: 3, kernelSize: 2, strides: 2, activation: "sigmoid" }),
          tf.layers.averagePooling2d({ poolSize: 2 }),
          tf.layers.layerNormalization(),
          tf.layers.globalAveragePooling2d({}),
          tf.layers.dense(softmax),
        ],
      }),
  },
  {
    name: "bidirectional LSTM under an LSTM",
    loss: cross,
    batch: sequences,
    build: (tf) =>
      tf.sequential({
        layers: [
          tf.layers.bidirectional({
            layer: tf.layers.lstm({ units: 3, recurrentActivation: "sigmoid", returnSequences: true }),
            mergeMode: "concat",
            inputShape: [5, 3],
          }),
          tf.layers.lstm({ units: 4, recurrentActivation: "sigmoid" }),
          tf.layers.dense(softmax),
        ],
      }),
  },
  {
    name: "GRU with hard sigmoids, simple RNN",
    loss: cross,
    batch: sequences,
    build: (tf) =>
      tf.sequential({
        layers: [
          tf.layers.gru({ units: 4, returnSequences: true, inputShape: [5, 3] }),
          tf.layers.simpleRNN({ units: 3 }),
          tf.layers.dense(softmax),
        ],
      }),
  },
  {
    name: "embedding, 1-D convolution, L1 and L2 regularizers",
    loss: cross,
    batch: (tf, step, count) => [
      tf.tensor2d(
        Int32Array.from({ length: count * 6 }, (_, index) => (index * 5 + step) % 9),
        [count, 6],
        "int32",
      ),
      oneHot(tf, count, 3, step),
    ],
    build: (tf) =>
      tf.sequential({
        layers: [
          tf.layers.embedding({
            inputDim: 9,
            outputDim: 4,
            inputLength: 6,
            embeddingsRegularizer: tf.regularizers.l2({ l2: 0.01 }),
          }),
          tf.layers.conv1d({
            filters: 4,
            kernelSize: 3,
            activation: "softplus",
            kernelRegularizer: tf.regularizers.l1l2({ l1: 0.003, l2: 0.02 }),
          }),
          tf.layers.globalMaxPooling1d({}),
          tf.layers.dense({ ...softmax, biasRegularizer: tf.regularizers.l1({ l1: 0.01 }) }),
        ],
      }),
  },
];
