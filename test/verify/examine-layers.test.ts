import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { readLayersModel } from "../../src/export/source/layers-model.ts";
import { examineLayers } from "../../src/verify/reference/examine-layers.ts";
import type { Examination } from "../../src/verify/reference/reference.ts";
import { rawModelOf } from "../helpers/live-model.ts";

type Symbolic = tf.SymbolicTensor;

function one(layer: tf.layers.Layer, input: Symbolic | Symbolic[]): Symbolic {
  const output = layer.apply(input);
  if (output instanceof tf.SymbolicTensor) return output;
  throw new TypeError("one output was expected");
}

async function examined(model: tf.LayersModel, ...shapes: readonly number[][]): Promise<Examination> {
  const { model: spec } = readLayersModel(await rawModelOf(model));
  const names = spec.inputs.map(({ layer }) => layer);
  return examineLayers(tf, model, spec, new Map(names.map((name, index) => [name, shapes[index] ?? []])));
}

/** Least length that TF.js's plain backend computes, by trying. */
function leastLength(model: tf.LayersModel, channels: number): number {
  for (let length = 1; length < 200; length++) {
    try {
      const output = model.predict(tf.zeros([1, length, channels]));
      if (output instanceof tf.Tensor && output.size > 0) return length;
    } catch {
      continue;
    }
  }
  throw new TypeError("no length is computed");
}

describe("shapes of a Layers model", () => {
  test("a length that stacked convolutions cannot take is found without computing, and is the one TF.js needs", async () => {
    await tf.setBackend("cpu");
    for (const [kernel, pool, dilation] of [
      [5, 2, 1],
      [3, 3, 1],
      [4, 2, 3],
    ] as const) {
      const conv = (): tf.layers.Layer => tf.layers.conv1d({ filters: 2, kernelSize: kernel, dilationRate: dilation });
      const input = tf.input({ shape: [null, 3] });
      let y = one(conv(), input);
      y = one(tf.layers.maxPooling1d({ poolSize: pool }), y);
      y = one(conv(), y);
      const model = tf.model({ inputs: input, outputs: one(tf.layers.globalAveragePooling1d(), y) });
      const least = leastLength(tf.model({ inputs: input, outputs: y }), 3);
      expect((await examined(model, [1, least, 3])).fault).toBeNull();
      expect((await examined(model, [1, least - 1, 3])).fault).toContain("would make a tensor of shape");
    }
  });

  test("inputs that cannot be added, joined or read by a layer are faults; those that broadcast are none", async () => {
    const inputs = ["a", "b"].map((name) => tf.input({ shape: [null, 3], name }));
    const sum = tf.model({ inputs, outputs: one(tf.layers.add(), inputs) });
    expect((await examined(sum, [2, 5, 3], [2, 6, 3])).fault).not.toBeNull();
    expect((await examined(sum, [2, 5, 3], [2, 1, 3])).fault).toBeNull();
    const joined = tf.model({ inputs, outputs: one(tf.layers.concatenate({ axis: 2 }), inputs) });
    expect((await examined(joined, [2, 5, 3], [2, 6, 3])).fault).toContain("cannot join [2, 5, 3] and [2, 6, 3]");
    expect((await examined(joined, [2, 5, 3], [2, 5, 3])).fault).toBeNull();
    const input = tf.input({ shape: [4] });
    const dense = tf.model({ inputs: input, outputs: one(tf.layers.dense({ units: 2 }), input) });
    expect((await examined(dense, [2, 5])).fault).toContain("expects rank 2, 4 on axis -1; it is given [2, 5]");
  });

  test("layers within models, and within models that run once a time step, are judged too", async () => {
    const inner = tf.sequential({
      layers: [
        tf.layers.conv1d({ filters: 2, kernelSize: 7, inputShape: [null, 3] }),
        tf.layers.globalMaxPooling1d({}),
      ],
    });
    const input = tf.input({ shape: [null, 3] });
    const nested = tf.model({ inputs: input, outputs: one(inner, input) });
    expect((await examined(nested, [1, 6, 3])).fault).toContain("would make a tensor of shape [1, 0, 2]");
    const steps = tf.input({ shape: [4, null, 3] });
    const repeated = tf.model({ inputs: steps, outputs: one(tf.layers.timeDistributed({ layer: inner }), steps) });
    expect((await examined(repeated, [1, 4, 7, 3])).fault).toBeNull();
    expect((await examined(repeated, [1, 4, 6, 3])).fault).toContain("[1, 0, 2]");
  });

  test("sizes of 0 are let through where the inputs have one", async () => {
    const input = tf.input({ shape: [null, 3] });
    const model = tf.model({ inputs: input, outputs: one(tf.layers.conv1d({ filters: 2, kernelSize: 1 }), input) });
    expect((await examined(model, [1, 0, 3])).fault).toBeNull();
    const shorter = tf.model({ inputs: input, outputs: one(tf.layers.conv1d({ filters: 2, kernelSize: 2 }), input) });
    expect((await examined(shorter, [1, 0, 3])).fault).toContain("[1, -1, 2]");
  });
});

test("axes of size 1 are counted, those of nested models too", async () => {
  const inner = tf.sequential({ layers: [tf.layers.maxPooling1d({ poolSize: 4, inputShape: [null, 3] })] });
  const input = tf.input({ shape: [null, 3] });
  const model = tf.model({ inputs: input, outputs: one(inner, input) });
  expect((await examined(model, [2, 7, 3])).ones).toBe(1);
  expect((await examined(model, [2, 8, 3])).ones).toBe(0);
});

describe("the work of a run", () => {
  test("counts every weight once for each position, and every element that is written", async () => {
    const image = tf.input({ shape: [10, 12, 3] });
    const conv = tf.model({ inputs: image, outputs: one(tf.layers.conv2d({ filters: 4, kernelSize: 3 }), image) });
    const written = 2 * 8 * 10 * 4;
    expect((await examined(conv, [2, 10, 12, 3])).work).toBe(2 * 8 * 10 * (3 * 3 * 3 * 4 + 4) + written);
    const steps = tf.input({ shape: [null, 3] });
    const lstm = tf.model({ inputs: steps, outputs: one(tf.layers.lstm({ units: 4 }), steps) });
    expect((await examined(lstm, [2, 7, 3])).work).toBe(2 * 7 * (3 * 16 + 4 * 16 + 16) + 2 * 4);
  });
});
