import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { exportSource, type ExportOptions } from "../../src/export/export-model.ts";
import { readLayersModel } from "../../src/export/source/layers-model.ts";
import type { LayersSource, RawModel } from "../../src/export/source/model.ts";
import { settingsOf, type FileSettings } from "../../src/verify/file/file-settings.ts";
import { describeFile } from "../../src/verify/file/onnx-file.ts";
import { verifyModel } from "../../src/verify/verify-model.ts";
import { randomizeWeights, rawModelOf } from "../helpers/live-model.ts";

type Symbolic = tf.SymbolicTensor;

function one(layer: tf.layers.Layer, input: Symbolic | Symbolic[]): Symbolic {
  const output = layer.apply(input);
  if (output instanceof tf.SymbolicTensor) return output;
  throw new TypeError("one output was expected");
}

/** A convolution, an LSTM with its states, a softmax at the end. */
function recogniser(): tf.LayersModel {
  const input = tf.input({ shape: [null, 5], name: "x" });
  const conv = one(tf.layers.conv1d({ filters: 4, kernelSize: 3, padding: "same", name: "conv" }), input);
  const states = tf.layers.lstm({ units: 3, returnSequences: true, returnState: true, name: "lstm" }).apply(conv);
  const [sequence] = Array.isArray(states) ? states : [states];
  if (!(sequence instanceof tf.SymbolicTensor)) throw new TypeError("no sequence");
  const y = one(tf.layers.dense({ units: 6, activation: "softmax", name: "classes" }), sequence);
  const model = tf.model({ inputs: input, outputs: y });
  randomizeWeights(model, 5);
  return model;
}

async function sourceOf(model: tf.LayersModel): Promise<{ readonly raw: RawModel; readonly source: LayersSource }> {
  const raw = await rawModelOf(model);
  return { raw, source: readLayersModel(raw) };
}

function settings(source: LayersSource, options: ExportOptions): FileSettings {
  return settingsOf(describeFile(exportSource(source, options).bytes), source, {});
}

const SETTINGS: readonly (readonly [name: string, ExportOptions])[] = [
  ["as usual", {}],
  ["another opset", { opset: 21 }],
  ["a fixed batch", { batch: 2 }],
  ["fixed sizes", { inputShapes: { x: [2, 7, 5] } }],
  ["logits", { logits: true }],
  ["the portable form", { recurrentForm: "portable" }],
  ["a layer's output", { outputs: ["conv"] }],
  ["outputs and states of several layers", { outputs: ["lstm", "conv"] }],
  ["all of them", { opset: 13, batch: 3, outputs: ["lstm"], recurrentForm: "portable" }],
];

describe("a file shows how it was exported", () => {
  test.each(SETTINGS)("%s: it verifies with no options", async (_, options) => {
    const { raw, source } = await sourceOf(recogniser());
    const { passed, runs } = await verifyModel(raw, source, exportSource(source, options).bytes, {
      targets: [{ runtime: "node" }],
      tolerance: { atol: 1e-5, rtol: 1e-4 },
      batches: [1, 3],
      seed: 1,
    });
    expect([passed, runs.length > 0]).toEqual([true, true]);
  });

  test.each(SETTINGS)("%s: the same export can be made again", async (_, options) => {
    const { source } = await sourceOf(recogniser());
    const { bytes } = exportSource(source, options);
    const found = settingsOf(describeFile(bytes), source, {});
    expect(Buffer.from(exportSource(source, found.options).bytes).equals(bytes)).toBe(true);
  });

  test("what is given goes before what the file shows", async () => {
    const { source } = await sourceOf(recogniser());
    const file = describeFile(exportSource(source, { opset: 21 }).bytes);
    expect(settingsOf(file, source, { opset: 15 }).options.opset).toBe(15);
  });

  test("outputs that are no layers' end in an error that lists both", async () => {
    const { source } = await sourceOf(recogniser());
    const other = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [4], name: "other" })] });
    const file = describeFile(exportSource((await sourceOf(other)).source).bytes);
    expect(() => settingsOf(file, source, {})).toThrow("the file gives other; the model gives classes");
  });
});

describe("a softmax that is left out", () => {
  async function axes(layer: tf.layers.Layer, logits: boolean): Promise<readonly (number | null)[]> {
    const input = tf.input({ shape: [3, 4] });
    const { source } = await sourceOf(tf.model({ inputs: input, outputs: one(layer, input) }));
    return settings(source, { logits }).leftOutSoftmax;
  }

  test("is found in a layer, a nested model, and behind layers that change nothing", async () => {
    const dense = (): tf.layers.Layer => tf.layers.dense({ units: 2, activation: "softmax" });
    expect(await axes(dense(), true)).toEqual([-1]);
    expect(await axes(dense(), false)).toEqual([null]);
    expect(await axes(tf.layers.activation({ activation: "softmax" }), true)).toEqual([-1]);
    expect(await axes(tf.layers.softmax({ axis: 2 }), true)).toEqual([2]);
    expect(await axes(tf.layers.softmax({ axis: 1 }), true)).toEqual([1]);
    const nested = tf.sequential({
      layers: [tf.layers.softmax({ axis: -1, inputShape: [3, 4] }), tf.layers.dropout({ rate: 0.5 })],
    });
    expect(await axes(nested, true)).toEqual([-1]);
    expect(
      await axes(tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 2, activation: "softmax" }) }), true),
    ).toEqual([-1]);
    expect(await axes(tf.layers.dense({ units: 2, activation: "tanh" }), false)).toEqual([null]);
    expect(await axes(tf.layers.lstm({ units: 2, activation: "softmax" }), false)).toEqual([null]);
  });

  test("is along axis 1 where a layer of TF.js does not say", async () => {
    const raw = await rawModelOf(tf.sequential({ layers: [tf.layers.softmax({ axis: 2, inputShape: [3, 4] })] }));
    const text = JSON.stringify(raw.manifest);
    expect(text).toContain('"axis":2,');
    const manifest: unknown = JSON.parse(text.replace('"axis":2,', ""));
    expect(settings(readLayersModel({ ...raw, manifest }), { logits: true }).leftOutSoftmax).toEqual([1]);
  });

  test("is put back before comparing", async () => {
    const input = tf.input({ shape: [3, 4] });
    const { raw, source } = await sourceOf(
      tf.model({ inputs: input, outputs: one(tf.layers.softmax({ axis: 2 }), input) }),
    );
    const options = {
      targets: [{ runtime: "node" as const }],
      tolerance: { atol: 1e-5, rtol: 1e-4 },
      batches: [2],
      seed: 1,
    };
    const { passed } = await verifyModel(raw, source, exportSource(source, { logits: true }).bytes, options);
    expect(passed).toBe(true);
  });
});
