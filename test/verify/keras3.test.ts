import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { exportSource, type ExportOptions } from "../../src/export/export-model.ts";
import { readLayersModel } from "../../src/export/source/layers-model.ts";
import { verifyModel, type ModelVerification } from "../../src/verify/verify-model.ts";
import { asKeras3 } from "../helpers/keras3.ts";
import { randomizeWeights, rawModelOf } from "../helpers/layer-parity.ts";

type Symbolic = tf.SymbolicTensor;

function one(layer: tf.layers.Layer, input: Symbolic | Symbolic[]): Symbolic {
  const output = layer.apply(input);
  if (output instanceof tf.SymbolicTensor) return output;
  throw new TypeError("one output was expected");
}

/** Save as Keras 3 would, export, and verify. */
async function verified(
  inputs: Symbolic | Symbolic[],
  outputs: Symbolic | Symbolic[],
  exportOptions: ExportOptions = {},
): Promise<ModelVerification> {
  const model = tf.model({ inputs, outputs });
  randomizeWeights(model, 5);
  const raw = asKeras3(await rawModelOf(model));
  const source = readLayersModel(raw);
  const { bytes } = exportSource(source, exportOptions);
  return verifyModel(raw, source, bytes, {
    targets: [{ runtime: "node" }],
    tolerance: { atol: 1e-5, rtol: 1e-4 },
    batches: [1, 3],
    seed: 2,
    exportOptions,
  });
}

describe("models of Keras 3 are verified layer by layer", () => {
  test("and the answer says so", async () => {
    const x = tf.input({ shape: [4] });
    const verification = await verified(x, one(tf.layers.dense({ units: 3, activation: "hardSigmoid" }), x));
    expect(verification).toMatchObject({
      passed: true,
      reference: "tfjs wasm, layer by layer",
      note: "TF.js does not load the model as a whole: Keras 3 wrote it",
    });
  });

  test("convolutions, nested and shared models", async () => {
    const x = tf.input({ shape: [8, 6, 2] });
    const start = tf.input({ shape: [8, 6, 2] });
    const inner = tf.model({
      inputs: start,
      outputs: one(
        tf.layers.batchNormalization(),
        one(tf.layers.conv2d({ filters: 2, kernelSize: 3, padding: "same", activation: "relu" }), start),
      ),
      name: "inner",
    });
    const y = one(inner, one(inner, x));
    const output = one(tf.layers.softmax(), one(tf.layers.dense({ units: 3 }), one(tf.layers.flatten(), y)));
    expect((await verified(x, output)).passed).toBe(true);
  });

  test("masks go as in Keras: by each layer's own input, into means, through models", async () => {
    const x = tf.input({ shape: [6], dtype: "int32" });
    const embedded = one(tf.layers.embedding({ inputDim: 4, outputDim: 3, maskZero: true }), x);
    const start = tf.input({ shape: [6, 3] });
    const inner = tf.model({ inputs: start, outputs: one(tf.layers.dropout({ rate: 0.5 }), start), name: "inner" });
    const through = one(inner, embedded);
    const encoded = one(tf.layers.lstm({ units: 3 }), through);
    const decoded = one(tf.layers.lstm({ units: 3 }), one(tf.layers.repeatVector({ n: 6 }), encoded));
    const both = one(tf.layers.gru({ units: 2 }), one(tf.layers.add(), [embedded, through]));
    const mean = one(tf.layers.globalAveragePooling1d({}), one(tf.layers.leakyReLU(), embedded));
    const steps = one(tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 2 }) }), embedded);
    const twice = one(tf.layers.bidirectional({ layer: tf.layers.lstm({ units: 2 }), mergeMode: "sum" }), steps);
    const result = await verified(x, [decoded, both, mean, twice]);
    expect(result).toMatchObject({ passed: true });
  });

  test("outputs of layers", async () => {
    const x = tf.input({ shape: [4] });
    const y = one(tf.layers.dense({ units: 3, name: "first" }), x);
    const output = one(tf.layers.dense({ units: 2, name: "second" }), y);
    expect((await verified(x, output, { outputs: ["first"] })).passed).toBe(true);
  });
});
