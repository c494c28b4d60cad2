import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { expectParity, randomizeWeights } from "../../helpers/layer-parity.ts";

import { expectLayer } from "./single-layer.ts";

const { layers } = tf;

function branches(): tf.LayersModel {
  const input = tf.input({ shape: [4, 2] });
  const states = layers.lstm({ units: 3 }).apply(input);
  const dense = layers.dense({ units: 2 }).apply(layers.flatten().apply(input));
  if (!(states instanceof tf.SymbolicTensor) || !(dense instanceof tf.SymbolicTensor)) throw new TypeError("no output");
  const output = layers.concatenate().apply([states, dense]);
  if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("no output");
  return tf.model({ inputs: input, outputs: output });
}

describe("TimeDistributed around", () => {
  for (const [name, make, shape] of [
    ["Dense with softmax", () => layers.dense({ units: 3, activation: "softmax" }), [4]],
    ["Conv1D", () => layers.conv1d({ filters: 2, kernelSize: 2 }), [5, 3]],
    ["Conv2D", () => layers.conv2d({ filters: 2, kernelSize: 2, dataFormat: "channelsFirst" }), [2, 5, 6]],
    ["Conv2DTranspose", () => layers.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2 }), [4, 5, 2]],
    ["MaxPooling2D", () => layers.maxPooling2d({}), [4, 5, 2]],
    ["GlobalAveragePooling2D", () => layers.globalAveragePooling2d({}), [4, 5, 2]],
    ["Flatten", () => layers.flatten(), [4, 5, 2]],
    ["Reshape", () => layers.reshape({ targetShape: [5, -1] }), [4, 5, 2]],
    ["Permute", () => layers.permute({ dims: [2, 1] }), [4, 5]],
    ["RepeatVector", () => layers.repeatVector({ n: 3 }), [4]],
    ["BatchNormalization", () => layers.batchNormalization(), [4, 3]],
    ["LayerNormalization", () => layers.layerNormalization({ axis: [1, 2] }), [4, 3]],
    ["Softmax", () => layers.softmax(), [4]],
    ["PReLU", () => layers.prelu(), [4, 3]],
    ["LSTM", () => layers.lstm({ units: 3, returnSequences: true }), [4, 2]],
    ["Bidirectional", () => layers.bidirectional({ layer: layers.gru({ units: 2 }), mergeMode: "concat" }), [4, 2]],
    ["TimeDistributed", () => layers.timeDistributed({ layer: layers.dense({ units: 2 }) }), [4, 2]],
    ["a Sequential", () => tf.sequential({ layers: [layers.dense({ units: 3, inputShape: [4] })] }), [4]],
    ["a model with branches", branches, [4, 2]],
  ] satisfies [string, () => tf.layers.Layer, number[]][]) {
    test(name, async () => {
      for (const steps of [3, null]) await expectLayer(layers.timeDistributed({ layer: make() }), [steps, ...shape]);
    });
  }

  test("a model that is wrapped twice, and called twice", async () => {
    const inner = tf.sequential({
      layers: [layers.dense({ units: 3, inputShape: [3], activation: "relu" }), layers.batchNormalization()],
    });
    const shared = layers.timeDistributed({ layer: layers.timeDistributed({ layer: inner }) });
    const input = tf.input({ shape: [2, 4, 3] });
    const output = shared.apply(shared.apply(input));
    if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("no output");
    const model = tf.model({ inputs: input, outputs: output });
    randomizeWeights(model);
    await expectParity(model, tf.randomUniform([2, 2, 4, 3], -1, 1, "float32", 3));
  });
});

/** TF.js's types allow for recurrent layers only, and not for null; TF.js itself for any layer, and for null. */
function bidirectional(layer: tf.layers.Layer, mergeMode: "concat" | "sum" | null): tf.layers.Layer {
  const entry = tf.serialization.SerializationMap.getMap().classNameMap["Bidirectional"];
  if (entry === undefined) throw new TypeError("TF.js has no Bidirectional");
  const [wrapper, fromConfig] = entry;
  const inner = { className: layer.getClassName(), config: layer.getConfig() };
  const made = fromConfig(wrapper, { layer: inner, mergeMode });
  if (made instanceof tf.layers.Layer) return made;
  throw new TypeError("TF.js made no layer");
}

describe("Bidirectional around", () => {
  for (const [name, make, shape] of [
    ["Dense", () => layers.dense({ units: 3 }), [4, 3]],
    ["Conv1D", () => layers.conv1d({ filters: 2, kernelSize: 2 }), [5, 3]],
    ["Flatten", () => layers.flatten(), [4, 3]],
  ] satisfies [string, () => tf.layers.Layer, number[]][]) {
    test(name, async () => {
      for (const mergeMode of ["concat", "sum"] as const) {
        await expectLayer(bidirectional(make(), mergeMode), shape);
      }
    });
  }
});

describe("Bidirectional, unmerged, around", () => {
  for (const [name, make, states] of [
    ["SimpleRNN", layers.simpleRNN, 1],
    ["GRU", layers.gru, 1],
    ["LSTM", layers.lstm, 2],
  ] as const) {
    for (const returnState of [false, true]) {
      test(`${name}, returnState ${returnState}`, async () => {
        for (const returnSequences of [false, true]) {
          const input = tf.input({ shape: [null, 4] });
          const inner = make({ units: 3, returnSequences, returnState, goBackwards: returnState });
          const outputs = bidirectional(inner, null).apply(input);
          const symbolic = (Array.isArray(outputs) ? outputs : [outputs]).filter(
            (each) => each instanceof tf.SymbolicTensor,
          );
          expect(symbolic).toHaveLength(returnState ? 2 + 2 * states : 2);
          const model = tf.model({ inputs: input, outputs: symbolic });
          randomizeWeights(model);
          await expectParity(model, tf.randomUniform([2, 5, 4], -1, 1, "float32", 3));
        }
      });
    }
  }
});

test("stacks of cells within a stack", async () => {
  const stack = layers.stackedRNNCells({ cells: [layers.lstmCell({ units: 4 }), layers.gruCell({ units: 2 })] });
  const layer = layers.rnn({ cell: [stack, layers.simpleRNNCell({ units: 3 })], returnSequences: true });
  await expectLayer(layer, [4, 3]);
});
