import * as tf from "@tensorflow/tfjs";

import type { ExportOptions } from "../../src/export/export-model.ts";
import { networkNamed } from "../../src/train/networks.ts";
import { buildLine, LINE_DEFAULTS } from "../../src/train/networks/line.ts";

/** What an input is fed with; "lines" are ink from 0 to 1, of which all but the first have padding in their last quarter. */
export type FeedKind = "normal" | "lines" | { readonly below: number };

/** A network of the parity matrix; free dimensions besides the batch are filled with one of `sizes`, in order. */
export interface Network {
  readonly name: string;
  readonly build: () => tf.LayersModel;
  readonly feeds: readonly FeedKind[];
  readonly sizes: readonly (readonly number[])[];
  readonly exportOptions?: ExportOptions;
  /** How many of its nodes WebGPU has no code for; 0 without it. */
  readonly leftToCpu?: number;
  /** Many kernels, which WebGPU compiles one by one. */
  readonly large?: true;
}

type Layer = tf.layers.Layer;

/** All weights are drawn anew; TF.js's own choice for these, orthogonal, takes minutes in plain JavaScript. */
const QUICK = { recurrentInitializer: "zeros" } as const;

function apply(layer: Layer, input: tf.SymbolicTensor | tf.SymbolicTensor[]): tf.SymbolicTensor {
  const output = layer.apply(input);
  if (output instanceof tf.SymbolicTensor) return output;
  throw new TypeError(`${layer.name} has several outputs`);
}

function chain(shape: (number | null)[], layers: readonly Layer[]): tf.LayersModel {
  const input = tf.input({ shape });
  let output: tf.SymbolicTensor = input;
  for (const layer of layers) output = apply(layer, output);
  return tf.model({ inputs: input, outputs: output });
}

/** The MNIST CRNN without its softmax, which hides differences. */
function crnn(): tf.LayersModel {
  const { inputs, layers } = networkNamed("crnn").build(tf);
  const logits = layers.find(({ name }) => name === "dense");
  if (logits === undefined) throw new TypeError("crnn has no layer named dense");
  return tf.model({ inputs, outputs: logits.output });
}

function bidirectionalLstm(): tf.LayersModel {
  const lstm = (units: number): tf.RNN =>
    tf.layers.lstm({ units, recurrentActivation: "sigmoid", returnSequences: true, ...QUICK });
  return chain(
    [null, 6],
    [
      tf.layers.bidirectional({ layer: lstm(7), mergeMode: "concat" }),
      tf.layers.bidirectional({ layer: lstm(5), mergeMode: "ave" }),
      tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 4 }) }),
    ],
  );
}

/** TF.js's default gates: hardSigmoid. */
function defaultGru(steps: number | null): tf.LayersModel {
  return chain(
    [steps, 6],
    [tf.layers.gru({ units: 7, returnSequences: true, ...QUICK }), tf.layers.gru({ units: 5, ...QUICK })],
  );
}

function mobileNet(): tf.LayersModel {
  const block = (filters: number, strides: number): Layer[] => [
    tf.layers.depthwiseConv2d({ kernelSize: 3, strides, padding: "same", useBias: false }),
    tf.layers.batchNormalization(),
    tf.layers.reLU({ maxValue: 6 }),
    tf.layers.conv2d({ filters, kernelSize: 1, useBias: false }),
    tf.layers.batchNormalization(),
    tf.layers.reLU({ maxValue: 6 }),
  ];
  return chain(
    [null, null, 3],
    [
      tf.layers.conv2d({ filters: 8, kernelSize: 3, strides: 2, padding: "same", useBias: false }),
      tf.layers.batchNormalization(),
      tf.layers.reLU({ maxValue: 6 }),
      ...block(12, 1),
      ...block(16, 2),
      tf.layers.globalAveragePooling2d({}),
      tf.layers.dense({ units: 5 }),
    ],
  );
}

function embedding(): tf.LayersModel {
  return chain(
    [null],
    [
      tf.layers.embedding({ inputDim: 50, outputDim: 8 }),
      tf.layers.conv1d({ filters: 6, kernelSize: 3, padding: "same", activation: "relu" }),
      tf.layers.globalMaxPooling1d({}),
      tf.layers.dense({ units: 4, activation: "tanh" }),
    ],
  );
}

/** Two inputs, two outputs. */
function multiInput(): tf.LayersModel {
  const image = tf.input({ shape: [null, 6, 2], name: "image" });
  const numbers = tf.input({ shape: [5], name: "numbers" });
  const seen = apply(
    tf.layers.globalAveragePooling2d({}),
    apply(tf.layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", activation: "relu" }), image),
  );
  const told = apply(tf.layers.dense({ units: 4, activation: "sigmoid" }), numbers);
  const both = apply(tf.layers.concatenate(), [seen, told]);
  return tf.model({
    inputs: [image, numbers],
    outputs: [apply(tf.layers.dense({ units: 3 }), both), apply(tf.layers.multiply(), [seen, told])],
  });
}

/** A small network that reads lines: the padding of narrow ones goes beside each layer. */
function lines(): tf.LayersModel {
  const body = "conv5:6/2x2 separable:8 pool2x2 separable:10 residual:10 pool2x1";
  return buildLine(tf, { ...LINE_DEFAULTS, characters: 11, body, features: 12, units: [7, 5] });
}

export const NETWORKS: readonly Network[] = [
  { name: "CRNN", build: crnn, feeds: ["normal"], sizes: [[]], large: true },
  { name: "bidirectional LSTM", build: bidirectionalLstm, feeds: ["normal"], sizes: [[9], [1], [4]] },
  {
    name: "GRU, default gates",
    build: () => defaultGru(null),
    feeds: ["normal"],
    leftToCpu: 2,
    sizes: [[8], [1], [5]],
  },
  {
    name: "the same, portable",
    build: () => defaultGru(3),
    feeds: ["normal"],
    sizes: [[]],
    exportOptions: { recurrentForm: "portable" },
  },
  {
    name: "MobileNet-like",
    build: mobileNet,
    feeds: ["normal"],
    sizes: [
      [16, 20],
      [9, 7],
      [12, 25],
    ],
    large: true,
  },
  { name: "embedding", build: embedding, feeds: [{ below: 50 }], sizes: [[6], [1], [11]] },
  { name: "lines", build: lines, feeds: ["lines"], sizes: [[24], [8], [40]], large: true },
  { name: "several inputs", build: multiInput, feeds: ["normal", "normal"], sizes: [[8], [3], [5]] },
];
