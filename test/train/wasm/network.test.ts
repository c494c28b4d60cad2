import * as tfjs from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { afterEach, expect, test } from "vitest";

import { compileStep, type CompiledStep, type OptimizerConfig } from "../../../src/train/compile/index.ts";
import { completeKernels } from "../../../src/train/wasm/kernels.ts";
import { setWave, wave } from "../compile/models.ts";
import { nativeTf } from "../native-tf.ts";

const tf = (await nativeTf()) ?? tfjs;
const NATIVE = tf === tfjs ? [] : ["tensorflow"];
const STEPS = 50;

tf.env().set("PROD", true);

afterEach(() => {
  tf.disposeVariables();
});

/** What crnn-best is made of, small: a pool before normalisation, a residual convolution, dropout, both directions. */
function network(): tfjs.LayersModel {
  const { layers } = tf;
  const chain = (value: tfjs.SymbolicTensor, ...parts: tfjs.layers.Layer[]): tfjs.SymbolicTensor =>
    parts.reduce((input, layer) => symbolic(layer.apply(input)), value);
  const conv = (filters: number): tfjs.layers.Layer =>
    layers.conv2d({ filters, kernelSize: 3, padding: "same", useBias: false });
  const norm = (): tfjs.layers.Layer => layers.batchNormalization({ momentum: 0.8 });
  const image = tf.input({ shape: [8, 6, 2] });
  const pooled = chain(image, conv(4), layers.maxPooling2d({ poolSize: 2 }), norm(), layers.reLU());
  const branch = chain(pooled, conv(4), norm(), layers.reLU());
  const read = chain(
    symbolic(layers.add().apply([pooled, branch])),
    layers.permute({ dims: [2, 1, 3] }),
    layers.reshape({ targetShape: [3, 16] }),
    layers.dropout({ rate: 0.3 }),
    layers.bidirectional({ layer: layers.lstm({ units: 3, recurrentActivation: "sigmoid" }), mergeMode: "concat" }),
    layers.dropout({ rate: 0.2 }),
    layers.dense({ units: 3, activation: "softmax" }),
  );
  return tf.model({ inputs: image, outputs: read });
}

function symbolic(output: ReturnType<tfjs.layers.Layer["apply"]>): tfjs.SymbolicTensor {
  if (Array.isArray(output) || output instanceof tf.Tensor) throw new TypeError("a layer gave no symbolic tensor");
  return output;
}

interface Trained {
  readonly losses: readonly number[];
  readonly before: Weights;
  readonly after: Weights;
}

type Weights = readonly { readonly name: string; readonly values: ArrayLike<number> }[];

/** Op by op on a backend; every backend draws the same dropout. */
async function trained(backend: string, steps: number, optimizer: OptimizerConfig): Promise<Trained> {
  await tf.setBackend(backend);
  if (backend === "wasm") completeKernels(tf, "wasm");
  const model = network();
  setWave(tf, model);
  const step = compileStep(tf, { model, loss: "categoricalCrossentropy", optimizer, seed: 3, mode: "eager" });
  const before = step.state().variables;
  const losses = Array.from({ length: steps }, (_, index) => lossOf(step, index));
  const after = step.state().variables;
  step.dispose();
  return { losses, before, after };
}

function lossOf(step: CompiledStep, index: number): number {
  const xs = tf.tensor4d(wave(6 * 8 * 6 * 2, index), [6, 8, 6, 2]);
  const ys = tf.tensor2d(
    Array.from({ length: 18 }, (_, at) => Number(at % 3 === (Math.floor(at / 3) + index) % 3)),
    [6, 3],
  );
  const { loss } = step.step(xs, ys);
  tf.dispose([xs, ys]);
  return loss;
}

/** Of a step so long that the weights' own rounding does not show in what it takes from them. */
const LONG: OptimizerConfig = { name: "sgd", learningRate: 1000 };
/** An epsilon large enough that it does not amplify rounding. */
const SMOOTH: OptimizerConfig = { name: "adam", learningRate: 0.004, epsilon: 1e-2 };

/** What the first step takes from each weight. */
async function changes(backend: string): Promise<{ readonly name: string; readonly values: Float32Array }[]> {
  const { before, after } = await trained(backend, 1, LONG);
  return before.map(({ name, values }, index) => ({
    name,
    values: Float32Array.from(values, (value, at) => value - (after[index]?.values[at] ?? Number.NaN)),
  }));
}

function largestOf(values: Float32Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

test.each(["wasm", ...NATIVE])("on %s each layer of a network has the gradients of the plain backend", async (name) => {
  const [expected, found] = [await changes("cpu"), await changes(name)];
  expect(expected).toHaveLength(18);
  const far = expected.filter(({ values }, index) => {
    const differences = values.map((value, at) => value - (found[index]?.values[at] ?? Number.NaN));
    return !(largestOf(values) > 0.01 && differences.every((value) => Math.abs(value) < 1e-4 * largestOf(values)));
  });
  expect(far).toEqual([]);
});

test("on wasm fifty steps have the losses of the plain backend, dropout and all", async () => {
  const [expected, found] = [await trained("cpu", STEPS, SMOOTH), await trained("wasm", STEPS, SMOOTH)];
  expect(expected.losses.at(-1)).toBeLessThan((expected.losses[0] ?? 0) - 0.1);
  for (const [index, loss] of expected.losses.entries()) {
    expect(Math.abs((found.losses[index] ?? Number.NaN) - loss)).toBeLessThan(1e-4);
  }
});
