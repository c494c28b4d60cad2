import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { expectParity, randomizeWeights } from "../helpers/layer-parity.ts";

import { chain, expectLayers } from "./layers/single-layer.ts";

/** The nodes of a model of layers one after the other, which give TF.js's numbers. */
async function opsOf(
  layers: readonly tf.layers.Layer[],
  shape: readonly (number | null)[],
  options: { readonly free?: readonly number[]; readonly atol?: number } = {},
): Promise<readonly string[]> {
  const { ops } = await expectLayers(layers, shape, { runtimes: ["node"], ...options });
  return ops;
}

describe("as few Transposes and Reshapes as possible", () => {
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

test("an open size is known where the batch cancels out", async () => {
  const layers = [
    tf.layers.reshape({ targetShape: [4, -1] }),
    tf.layers.layerNormalization({ axis: -1, center: false, scale: false }),
  ];
  expect(await opsOf(layers, [5, 4])).toEqual(["Reshape", "LayerNormalization"]);
});

describe("arithmetic that goes into weights", () => {
  test("a decoder's dense layer has its units in the order of the convolution's channels", async () => {
    const layers = [
      tf.layers.dense({ units: 3 * 4 * 5, activation: "relu" }),
      tf.layers.reshape({ targetShape: [3, 4, 5] }),
      tf.layers.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2, padding: "same" }),
    ];
    expect(await opsOf(layers, [6])).toEqual(["Gemm", "Relu", "Reshape", "ConvTranspose", "Transpose"]);
  });

  test("a normalisation between dense layers", async () => {
    const layers = [
      tf.layers.dense({ units: 6, activation: "relu" }),
      tf.layers.batchNormalization(),
      tf.layers.dropout({ rate: 0.5 }),
      tf.layers.dense({ units: 4, useBias: false }),
    ];
    expect(await opsOf(layers, [5])).toEqual(["Gemm", "Relu", "Gemm"]);
  });

  test("a normalisation before convolutions of several groups, where nothing is padded", async () => {
    const layers = [
      tf.layers.conv2d({ filters: 4, kernelSize: 1, activation: "tanh" }),
      tf.layers.batchNormalization(),
      tf.layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 3, activation: "tanh" }),
      tf.layers.batchNormalization(),
      tf.layers.conv2d({ filters: 3, kernelSize: 2 }),
    ];
    const ops = ["Transpose", "Conv", "Tanh", "Conv", "Tanh", "Conv", "Transpose"];
    expect(await opsOf(layers, [5, 6, 2])).toEqual(ops);
  });

  test("a normalisation before padding stays", async () => {
    const layers = [tf.layers.batchNormalization(), tf.layers.conv2d({ filters: 3, kernelSize: 3, padding: "same" })];
    expect(await opsOf(layers, [5, 6, 2])).toEqual(["Mul", "Add", "Transpose", "Conv", "Transpose"]);
  });

  test("a scale of pixels, padded or not", async () => {
    const layers = [
      tf.layers.rescaling({ scale: 1 / 4 }),
      tf.layers.conv2d({ filters: 3, kernelSize: 3, padding: "same" }),
    ];
    expect(await opsOf(layers, [5, 6, 2])).toEqual(["Transpose", "Conv", "Transpose"]);
  });

  test("a scale and an offset of pixels", async () => {
    const layers = [tf.layers.rescaling({ scale: 1 / 4, offset: -1 }), tf.layers.conv2d({ filters: 3, kernelSize: 3 })];
    expect(await opsOf(layers, [5, 6, 2])).toEqual(["Transpose", "Conv", "Transpose"]);
  });

  test("a normalisation after a dense layer over sequences", async () => {
    const layers = [tf.layers.dense({ units: 4 }), tf.layers.batchNormalization(), tf.layers.batchNormalization()];
    expect(await opsOf(layers, [6, 5])).toEqual(["MatMul", "Add"]);
  });
});

describe("no needless nodes or weights", () => {
  test("an average that a convolution reads keeps its axes", async () => {
    const layers = [
      tf.layers.conv2d({ filters: 4, kernelSize: 3 }),
      tf.layers.globalAveragePooling2d({}),
      tf.layers.reshape({ targetShape: [1, 1, 4] }),
      tf.layers.conv2d({ filters: 3, kernelSize: 1, activation: "relu" }),
      tf.layers.flatten(),
    ];
    expect(await opsOf(layers, [5, 6, 1])).toEqual(["Reshape", "Conv", "GlobalAveragePool", "Conv", "Relu", "Reshape"]);
  });

  test("a softmax over a single pixel runs on a vector", async () => {
    const layers = [
      tf.layers.conv2d({ filters: 4, kernelSize: [5, 6], activation: "linear" }),
      tf.layers.flatten(),
      tf.layers.softmax(),
    ];
    expect(await opsOf(layers, [5, 6, 1])).toEqual(["Reshape", "Conv", "Reshape", "Softmax"]);
  });

  test("two paddings become the pads of the convolution", async () => {
    const layers = [
      tf.layers.zeroPadding2d({ padding: 1 }),
      tf.layers.zeroPadding2d({ padding: [2, 1] }),
      tf.layers.conv2d({ filters: 3, kernelSize: 3, strides: 2 }),
    ];
    expect(await opsOf(layers, [5, 6, 2])).toEqual(["Transpose", "Conv", "Transpose"]);
  });

  test("a bias of zeros is left out", async () => {
    const model = chain([tf.layers.dense({ units: 3, activation: "tanh" })], [4, 5]);
    const { ops } = await expectParity(model, tf.randomNormal([2, 4, 5], 0, 1, "float32", 3), { runtimes: ["node"] });
    expect(ops).toEqual(["MatMul", "Tanh"]);
  });

  test("nested concatenations become one", async () => {
    const input = tf.input({ shape: [6] });
    const [a, b, c] = [2, 3, 4].map((units) => apply(tf.layers.dense({ units }), input));
    if (a === undefined || b === undefined || c === undefined) throw new TypeError("three are needed");
    const outputs = apply(tf.layers.concatenate(), [apply(tf.layers.concatenate(), [a, b]), c]);
    const model = tf.model({ inputs: input, outputs });
    randomizeWeights(model);
    const { ops } = await expectParity(model, tf.randomNormal([2, 6], 0, 1, "float32", 3), { runtimes: ["node"] });
    expect(ops).toEqual(["Gemm", "Gemm", "Gemm", "Concat"]);
  });

  test("a recurrent layer gives every step's output or the last, not both", async () => {
    const layers = [tf.layers.gru({ units: 4, returnSequences: true }), tf.layers.lstm({ units: 3 })];
    const { graph } = await expectLayers(layers, [6, 5], { runtimes: ["node", "web"] });
    const outputs = (graph.node ?? []).filter(({ opType }) => opType === "GRU" || opType === "LSTM");
    expect(outputs.map(({ output }) => output?.map((name) => name !== ""))).toEqual([[true], [false, true]]);
  });

  test("a layer applied three times stores its weights once", async () => {
    const layer = tf.layers.dense({ units: 12, activation: "tanh" });
    const { graph } = await expectLayers([layer, layer, layer], [12], { runtimes: ["node"] });
    expect(graph.initializer?.map(({ name }) => name)).toEqual([expect.stringContaining("kernel"), expect.any(String)]);
  });

  test("steps of both directions of a recurrent layer are joined to an image's row as rows, not element by element", async () => {
    const lstm = (units: number, returnSequences: boolean): tf.RNN =>
      tf.layers.lstm({ units, returnSequences, recurrentActivation: "sigmoid" });
    const image = tf.input({ shape: [1, 6, 3] });
    const steps = apply(tf.layers.reshape({ targetShape: [6, 3] }), image);
    const both = apply(tf.layers.bidirectional({ layer: lstm(4, true), mergeMode: "concat" }), steps);
    const row = apply(tf.layers.conv2d({ filters: 1, kernelSize: 1 }), image);
    const joined = apply(tf.layers.concatenate(), [both, apply(tf.layers.reshape({ targetShape: [6, 1] }), row)]);
    const model = tf.model({ inputs: image, outputs: apply(lstm(5, false), joined) });
    randomizeWeights(model);
    const { graph } = await expectParity(model, tf.randomNormal([2, 1, 6, 3]), { runtimes: ["node"] });
    const orders = graph.node
      ?.filter(({ opType }) => opType === "Transpose")
      .map(({ attribute }) => attribute?.find(({ name }) => name === "perm")?.ints?.map(Number));
    // The image's, those of both inputs of recurrent layers, and the one between: all but the image's keep the last dimension.
    expect(orders).toEqual([
      [0, 3, 1, 2],
      [1, 0, 2],
      [2, 0, 1, 3],
      [1, 0, 2],
    ]);
  });

  test("branches are joined as they are stored", async () => {
    const input = tf.input({ shape: [1] });
    const rows = [3, 5].map((outputDim) => tf.layers.embedding({ inputDim: 7, outputDim }).apply(input));
    const flat = rows.map((each) => apply(tf.layers.flatten(), each));
    const joined = apply(tf.layers.concatenate(), flat);
    const model = tf.model({ inputs: input, outputs: apply(tf.layers.dense({ units: 2 }), joined) });
    randomizeWeights(model);
    const ids = tf.tensor2d([[3], [0], [6]]);
    const { ops } = await expectParity(model, ids, { runtimes: ["node"] });
    expect(ops).toEqual(["Cast", "Gather", "Gather", "Concat", "Reshape", "Gemm"]);
  });
});

type Symbolic = ReturnType<tf.layers.Layer["apply"]>;

function apply(layer: tf.layers.Layer, to: Symbolic | Symbolic[]): tf.SymbolicTensor {
  const given = (Array.isArray(to) ? to.flat() : [to]).filter((each) => each instanceof tf.SymbolicTensor);
  const made = layer.apply(given.length === 1 ? (given[0] ?? given) : given);
  if (!(made instanceof tf.SymbolicTensor)) throw new TypeError("one symbolic tensor was expected");
  return made;
}
