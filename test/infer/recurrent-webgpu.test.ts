import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";

import { exportRaw } from "../../src/export/export-model.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { gpuHooks } from "../../src/node/gpu/index.ts";
import { chain } from "../export/layers/single-layer.ts";
import { hasWebGpu } from "../helpers/has-webgpu.ts";
import { predict, randomizeWeights, rawModelOf, tensorOf } from "../helpers/live-model.ts";

const without = !(await hasWebGpu());
const bidirectional = (layer: tf.RNN): tf.layers.Layer => tf.layers.bidirectional({ layer, mergeMode: "concat" });

/** All with TF.js's default gates. */
const layers: Readonly<Record<string, readonly [layer: () => tf.layers.Layer, shape: readonly number[]]>> = {
  SimpleRNN: [() => tf.layers.simpleRNN({ units: 4 }), [3, 2]],
  GRU: [() => tf.layers.gru({ units: 4 }), [3, 2]],
  LSTM: [() => tf.layers.lstm({ units: 4 }), [3, 2]],
  "Bidirectional SimpleRNN": [() => bidirectional(tf.layers.simpleRNN({ units: 3, returnSequences: true })), [3, 2]],
  "Bidirectional GRU": [() => bidirectional(tf.layers.gru({ units: 3, returnSequences: true })), [3, 2]],
  "RNN over cells": [
    () => tf.layers.rnn({ cell: [tf.layers.simpleRNNCell({ units: 3 }), tf.layers.lstmCell({ units: 2 })] }),
    [3, 2],
  ],
  ConvLSTM2D: [() => tf.layers.convLstm2d({ filters: 2, kernelSize: 3 }), [2, 5, 6, 2]],
};

test.skipIf(without).each(Object.entries(layers))(
  "%s in the portable form runs on WebGPU, every node of it",
  async (_, [make, shape]) => {
    const model = chain([make()], shape);
    randomizeWeights(model);
    const { bytes } = exportRaw(await rawModelOf(model), { recurrentForm: "portable" });
    const runtime = await getRuntime("node", gpuHooks);
    const session = await runtime.load(bytes, { provider: "webgpu" });
    expect([session.provider, session.elsewhere]).toEqual(["webgpu", []]);
    const x = tf.randomUniform([2, ...shape], -1, 1, "float32", 3);
    const [expected] = predict(model, [x]);
    const [input] = session.inputs;
    if (expected === undefined || input === undefined) throw new TypeError("the model has no output or no input");
    const [output] = Object.values(await session.run({ [input.name]: tensorOf(x) }));
    const wanted = tensorOf(expected);
    expect(output?.dims).toEqual(wanted.dims);
    const differences = Array.from({ length: wanted.data.length }, (__, index) =>
      Math.abs(Number(wanted.data[index]) - Number(output?.data[index])),
    );
    expect(Math.max(...differences)).toBeLessThan(1e-5);
    await session.dispose();
  },
);
