// The models that bench/graphs.mjs exports, made with TF.js and given random weights.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import * as tf from "@tensorflow/tfjs";

/** As Keras has it; the initializer is replaced, for weights are set anyway and TF.js's own is slow. */
const lstm = /** @type {const} */ ({ recurrentActivation: "sigmoid", recurrentInitializer: "glorotUniform" });

/** MobileNet v1 of width 0.25 for 96 x 96 pixels: https://arxiv.org/abs/1704.04861, table 1. */
function mobilenet() {
  const width = 0.25;
  const blocks = [
    [64, 1],
    [128, 2],
    [128, 1],
    [256, 2],
    [256, 1],
    [512, 2],
    ...Array.from({ length: 5 }, () => [512, 1]),
    [1024, 2],
    [1024, 1],
  ];
  const normalized = () => [tf.layers.batchNormalization(), tf.layers.reLU({ maxValue: 6 })];
  return tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [96, 96, 3],
        filters: 32 * width,
        kernelSize: 3,
        strides: 2,
        padding: "same",
        useBias: false,
      }),
      ...normalized(),
      ...blocks.flatMap(([filters = 1, strides = 1]) => [
        tf.layers.depthwiseConv2d({ kernelSize: 3, strides, padding: "same", useBias: false, depthMultiplier: 1 }),
        ...normalized(),
        tf.layers.conv2d({ filters: filters * width, kernelSize: 1, padding: "same", useBias: false }),
        ...normalized(),
      ]),
      tf.layers.globalAveragePooling2d({}),
      tf.layers.reshape({ targetShape: [1, 1, 1024 * width] }),
      tf.layers.conv2d({ filters: 100, kernelSize: 1, padding: "same" }),
      tf.layers.reshape({ targetShape: [100] }),
      tf.layers.activation({ activation: "softmax" }),
    ],
  });
}

/** The network of models/crnn-mnist: four convolutions and two LSTMs. */
function seedNetwork() {
  /** @type {[number, [number, number] | null][]} */
  const stages = [
    [32, [2, 2]],
    [64, [2, 2]],
    [128, [2, 1]],
    [256, null],
  ];
  /** @type {tf.layers.Layer[]} */
  const layers = stages.flatMap(([filters, pool], index) => [
    tf.layers.conv2d({
      filters,
      kernelSize: 3,
      padding: "same",
      activation: "relu",
      ...(index === 0 ? { inputShape: [28, 28, 1] } : {}),
    }),
    ...(pool === null ? [] : [tf.layers.maxPooling2d({ poolSize: pool, strides: pool })]),
  ]);
  return tf.sequential({
    layers: [
      ...layers,
      tf.layers.reshape({ targetShape: [21, 256] }),
      tf.layers.lstm({ ...lstm, units: 128, returnSequences: true }),
      tf.layers.lstm({ ...lstm, units: 128 }),
      tf.layers.dense({ units: 10, activation: "softmax" }),
    ],
  });
}

/** Two bidirectional LSTMs one on the other. */
function bidirectional() {
  /** @param {boolean} returnSequences @param {number[]} [inputShape] */
  const both = (returnSequences, inputShape) =>
    tf.layers.bidirectional({
      layer: tf.layers.lstm({ ...lstm, units: 64, returnSequences }),
      mergeMode: "concat",
      ...(inputShape === undefined ? {} : { inputShape }),
    });
  return tf.sequential({ layers: [both(true, [50, 32]), both(false), tf.layers.dense({ units: 8 })] });
}

/** Words to a yes or no: an embedding, an LSTM, a dense layer. */
function embedding() {
  return tf.sequential({
    layers: [
      tf.layers.embedding({ inputDim: 5000, outputDim: 64, inputLength: 80 }),
      tf.layers.lstm({ ...lstm, units: 64 }),
      tf.layers.dense({ units: 1, activation: "sigmoid" }),
    ],
  });
}

/** The generating half of an autoencoder. */
function decoder() {
  return tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [32], units: 7 * 7 * 64, activation: "relu" }),
      tf.layers.reshape({ targetShape: [7, 7, 64] }),
      tf.layers.conv2dTranspose({ filters: 32, kernelSize: 3, strides: 2, padding: "same", activation: "relu" }),
      tf.layers.conv2dTranspose({ filters: 16, kernelSize: 3, strides: 2, padding: "same", activation: "relu" }),
      tf.layers.conv2d({ filters: 1, kernelSize: 3, padding: "same", activation: "sigmoid" }),
    ],
  });
}

const makers = {
  seed: { title: "the MNIST CRNN", make: seedNetwork },
  mobilenet: { title: "MobileNet v1 0.25, 96 x 96", make: mobilenet },
  bidirectional: { title: "two bidirectional LSTMs", make: bidirectional },
  embedding: { title: "embedding and LSTM", make: embedding },
  decoder: { title: "decoder of an autoencoder", make: decoder },
};

/**
 * @typedef {object} BenchModel
 * @property {string} name
 * @property {string} title
 * @property {string} folder holds model.json and weights.bin, ordered.bin (weights layer by layer), and
 * @property {number[]} shape of one sample
 * @property {Float32Array} input 64 samples
 * @property {Float32Array} expected TF.js's answers to the first few
 */

const SAMPLES = 64;
export const JUDGED = 8;

/**
 * Make the models in folders of their own.
 *
 * @param {string} work
 * @param {readonly string[]} names
 * @returns {Promise<BenchModel[]>}
 */
export async function makeModels(work, names) {
  await tf.setBackend("cpu");
  tf.enableProdMode();
  /** @type {BenchModel[]} */
  const models = [];
  for (const [index, [name, { title, make }]] of Object.entries(makers).entries()) {
    if (names.length > 0 && !names.includes(name)) continue;
    const model = make();
    randomize(model, 100 * (index + 1));
    const folder = path.join(work, name);
    mkdirSync(folder, { recursive: true });
    await save(model, folder);
    const shape = (model.inputs[0]?.shape ?? []).slice(1).map(Number);
    const dims = [SAMPLES, ...shape];
    const input =
      name === "embedding" ? tf.randomUniform(dims, 0, 5000, "int32", 5) : tf.randomUniform(dims, 0, 1, "float32", 5);
    const answer = model.predict(input.slice(0, JUDGED).toFloat(), { batchSize: JUDGED });
    if (Array.isArray(answer)) throw new TypeError("one output was expected");
    const [fed, expected] = [input, answer].map((each) => Float32Array.from(each.dataSync()));
    if (fed === undefined || expected === undefined) throw new TypeError("no data");
    models.push({ name, title, folder, shape, input: fed, expected });
  }
  return models;
}

/** @param {tf.LayersModel} model @param {number} seed */
function randomize(model, seed) {
  for (const [index, weight] of model.weights.entries()) {
    const shape = weight.shape.map(Number);
    const fanIn = shape.slice(0, -1).reduce((size, dim) => size * dim, 1);
    const spread = shape.length === 1 ? 0.3 : Math.sqrt(6 / fanIn);
    const [low, high] = weight.name.includes("variance") ? [0.5, 1.5] : [-spread, spread];
    weight.write(tf.randomUniform(shape, low, high, "float32", seed + index));
  }
}

/** @param {tf.LayersModel} model @param {string} folder */
async function save(model, folder) {
  await model.save(
    tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
      const weightsManifest = [{ paths: ["weights.bin"], weights: weightSpecs }];
      const parts = weightData === undefined ? [] : Array.isArray(weightData) ? weightData : [weightData];
      writeFileSync(
        path.join(folder, "model.json"),
        JSON.stringify({ format: "layers-model", modelTopology, weightsManifest }),
      );
      writeFileSync(path.join(folder, "weights.bin"), new Uint8Array(await new Blob(parts).arrayBuffer()));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    }),
  );
  const ordered = model.layers.flatMap((layer) => layer.getWeights().map((weight) => weight.dataSync()));
  writeFileSync(path.join(folder, "ordered.bin"), Buffer.concat(ordered.map((data) => new Uint8Array(data.buffer))));
}
