import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { InferenceError, SetupError } from "../../src/errors.ts";
import type { Provider, Session, Tensors, TfjsModel } from "../../src/infer/runtime.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { float32, type Tensor } from "../../src/tensor.ts";
import "../helpers/matchers.ts";

/** What `model.save` would write, in memory. */
async function save(model: tf.LayersModel): Promise<TfjsModel> {
  let saved: TfjsModel | undefined;
  await model.save(
    tf.io.withSaveHandler(({ modelTopology, weightSpecs, weightData }) => {
      if (!(weightData instanceof ArrayBuffer)) throw new TypeError("expected one buffer of weights");
      saved = {
        manifest: { modelTopology, weightsManifest: [{ paths: ["weights.bin"], weights: weightSpecs }] },
        weights: new Uint8Array(weightData),
      };
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } });
    }),
  );
  if (saved === undefined) throw new Error("nothing was saved");
  return saved;
}

/** Two inputs, two outputs, one of them of rank 3; always with the same weights. */
function twoByTwo(): tf.LayersModel {
  const left = tf.input({ shape: [3], name: "left" });
  const right = tf.input({ shape: [null, 4], name: "right" });
  const init = { kernelInitializer: tf.initializers.randomNormal({ seed: 3 }), biasInitializer: "ones" } as const;
  const dense = tf.layers.dense({ units: 2, name: "scores", ...init }).apply(left);
  const steps = tf.layers.conv1d({ filters: 5, kernelSize: 2, name: "steps", ...init }).apply(right);
  if (!(dense instanceof tf.SymbolicTensor) || !(steps instanceof tf.SymbolicTensor)) throw new Error("not symbolic");
  return tf.model({ inputs: [left, right], outputs: [dense, steps] });
}

const runtime = await getRuntime("tfjs");
const left = float32(Float32Array.of(1, 2, 3, -1, 0, 1), [2, 3]);
const right = float32(
  Float32Array.from({ length: 24 }, (_, index) => Math.sin(index)),
  [2, 3, 4],
);

describe.each<Provider>(["cpu", "wasm"])("TF.js session on %s", (provider) => {
  let model: TfjsModel;
  let session: Session;
  beforeAll(async () => {
    await tf.setBackend("cpu");
    model = await save(twoByTwo());
    session = await runtime.load(model, { provider });
  });
  afterAll(() => session.dispose());

  test("says what it is", () => {
    expect([session.runtime, session.provider]).toEqual(["tfjs", provider]);
    expect(session.inputs).toEqual([
      { name: "left", dtype: "float32", dims: [null, 3] },
      { name: "right", dtype: "float32", dims: [null, null, 4] },
    ]);
    expect(session.outputs.map(({ name, dims }) => [name, dims])).toEqual([
      ["scores", [null, 2]],
      ["steps", [null, null, 5]],
    ]);
  });

  test("computes what TF.js computes, and leaves its current backend as it was", async () => {
    await tf.setBackend("cpu");
    const reference = twoByTwo();
    const expected = reference.predict([tf.tensor(left.data, [2, 3]), tf.tensor(right.data, [2, 3, 4])]);
    if (!Array.isArray(expected) || expected[0] === undefined || expected[1] === undefined)
      throw new Error("no answer");
    const { scores, steps } = await session.run({ right, left });
    expect(scores).toMatchTensor(float32(Float32Array.from(await expected[0].data()), [2, 2]), {
      atol: 1e-6,
      rtol: 1e-6,
    });
    expect(steps).toMatchTensor(float32(Float32Array.from(await expected[1].data()), [2, 2, 5]), {
      atol: 1e-6,
      rtol: 1e-6,
    });
    expect(tf.getBackend()).toBe("cpu");
  });

  test("frees its tensors: runs do not add up, and dispose takes the weights", async () => {
    const before = tf.memory().numTensors;
    const other = await runtime.load(model, { provider });
    const loaded = tf.memory().numTensors;
    expect(loaded).toBeGreaterThan(before);
    await Promise.all(Array.from({ length: 20 }, () => other.run({ left, right })));
    await expect(other.run({ left })).rejects.toThrow('input "right" is missing');
    expect(tf.memory().numTensors).toBe(loaded);
    await other.dispose();
    expect(tf.memory().numTensors).toBe(before);
    await expect(other.run({ left, right })).rejects.toThrow("disposed");
  });

  test("a thousand loads and disposals do not grow the process", async () => {
    const cycle = async (times: number): Promise<void> => {
      for (let turn = 0; turn < times; turn++) {
        const other = await runtime.load(model, { provider });
        await other.run({ left, right });
        await other.dispose();
      }
    };
    await cycle(200);
    const [tensors, before] = [tf.memory().numTensors, process.memoryUsage.rss()];
    await cycle(1000);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(process.memoryUsage.rss() - before).toBeLessThan(60 * 2 ** 20);
  });

  test("queues the runs of several callers, each with its own answer", async () => {
    const feeds = Array.from({ length: 20 }, (_, index) => float32(Float32Array.of(index, 0, 0), [1, 3]));
    const alone: (Tensor | undefined)[] = [];
    for (const each of feeds) alone.push((await session.run({ left: each, right }))["scores"]);
    const together = await Promise.all(feeds.map((each) => session.run({ left: each, right })));
    expect(together.map(({ scores }) => scores)).toEqual(alone);
    expect(new Set(alone.map((scores) => String(scores?.data))).size).toBe(feeds.length);
  });

  test("carries pixels that are not numbers to the answer, and goes on working", async () => {
    const { scores } = await session.run({ left: float32(Float32Array.of(Number.NaN, 0, 0), [1, 3]), right });
    expect([...(scores?.data ?? [])].every(Number.isNaN)).toBe(true);
    expect((await session.run({ left, right }))["scores"]?.data).not.toContain(Number.NaN);
  });

  test.each<[string, Tensors, string]>([
    ["a wrong name", { left, image: right }, 'input "right" is missing; got "left", "image"'],
    ["one too many", { left, right, image: right }, 'the model has no input "image"'],
    [
      "a wrong dtype",
      { left: { dtype: "int32", dims: [2, 3], data: new Int32Array(6) }, right },
      'input "left": expected dtype float32; got int32 [2, 3]',
    ],
    [
      "a wrong rank",
      { left: float32(new Float32Array(6), [6]), right },
      'input "left": expected shape [?, 3]; got float32 [6]',
    ],
    ["a wrong size", { left: float32(new Float32Array(6), [1, 6]), right }, 'input "left": expected shape [?, 3]'],
    [
      "too few elements",
      { left: { dtype: "float32", dims: [2, 3], data: new Float32Array(5) }, right },
      "holds 6 elements; got 5",
    ],
  ])("refuses %s, and goes on working", async (_, feeds, message) => {
    await expect(session.run(feeds)).rejects.toThrow(InferenceError);
    await expect(session.run(feeds)).rejects.toThrow(message);
    expect((await session.run({ left, right }))["scores"]?.dims).toEqual([2, 2]);
  });

  test("refuses more threads than it has", async () => {
    await expect(runtime.load(model, { provider, threads: 4 })).rejects.toThrow(/runs on 1 thread/u);
  });
});

function node(name: string, op: string, input: string[], attr: object): object {
  return { name, op, input, attr };
}

/** A TensorFlow graph as tensorflowjs_converter writes it: y = x W, W: [3, 2]. */
function graphModel(): TfjsModel {
  const dtype = { type: "DT_FLOAT" };
  const shape = { shape: { dim: [{ size: "-1" }, { size: "3" }] } };
  return {
    manifest: {
      format: "graph-model",
      modelTopology: {
        node: [
          node("x", "Placeholder", [], { dtype, shape }),
          node("W", "Const", [], { dtype }),
          node("y", "MatMul", ["x", "W"], { T: dtype, transpose_a: { b: false }, transpose_b: { b: false } }),
        ],
        versions: { producer: 1 },
      },
      weightsManifest: [{ paths: ["w.bin"], weights: [{ name: "W", shape: [3, 2], dtype: "float32" }] }],
    },
    weights: new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer),
  };
}

test("a Sequential's input and a layer that gives two outputs are named as in the export", async () => {
  const sequential = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3], name: "scores" })] });
  const session = await runtime.load(await save(sequential), { provider: "cpu" });
  expect([...session.inputs, ...session.outputs].map(({ name }) => name)).toEqual(["scores_input", "scores"]);
  expect((await session.run({ scores_input: left }))["scores"]?.dims).toEqual([2, 2]);
  await session.dispose();
  const [a, b] = [tf.input({ shape: [3], name: "a" }), tf.input({ shape: [3], name: "b" })];
  const shared = tf.layers.dense({ units: 2, name: "shared" });
  const outputs = [a, b].map((input) => shared.apply(input)).filter((each) => each instanceof tf.SymbolicTensor);
  const twice = await runtime.load(await save(tf.model({ inputs: [a, b], outputs })), { provider: "cpu" });
  const answer = await twice.run({ a: left, b: float32(new Float32Array(6), [2, 3]) });
  expect(Object.keys(answer)).toEqual(["shared", "shared_1"]);
  expect(answer["shared_1"]?.data).toEqual(new Float32Array(4));
  expect(answer["shared"]?.data).not.toEqual(new Float32Array(4));
  await twice.dispose();
});

test("runs a GraphModel", async () => {
  const session = await runtime.load(graphModel(), { provider: "cpu" });
  expect(session.inputs).toEqual([{ name: "x", dtype: "float32", dims: [null, 3] }]);
  const { y } = await session.run({ x: float32(Float32Array.of(1, 1, 1, 0, 0, 2), [2, 3]) });
  expect(y).toEqual(float32(Float32Array.of(9, 12, 10, 12), [2, 2]));
  await session.dispose();
});

test("a GraphModel's inputs and outputs are named by its signature, as in the export, and typed by it", async () => {
  const { manifest, weights } = graphModel();
  const session = await runtime
    .load(
      {
        weights: Uint8Array.of(...(weights ?? []), 1, 0, 0, 0),
        manifest: {
          ...Object(manifest),
          modelTopology: {
            node: [
              node("x", "Placeholder", [], { dtype: { type: "DT_FLOAT" } }),
              node("W", "Const", [], { dtype: { type: "DT_FLOAT" } }),
              node("product", "MatMul", ["x", "W"], { T: { type: "DT_FLOAT" } }),
              // Its type is not among its attributes.
              node("best", "ArgMax", ["product", "axis"], {}),
              node("axis", "Const", [], { dtype: { type: "DT_INT32" } }),
            ],
            versions: { producer: 1 },
          },
          weightsManifest: [
            {
              paths: ["w.bin"],
              weights: [
                { name: "W", shape: [3, 2], dtype: "float32" },
                { name: "axis", shape: [], dtype: "int32" },
              ],
            },
          ],
          signature: {
            inputs: { rows: { name: "x:0", dtype: "DT_FLOAT" } },
            outputs: {
              "best:0": { name: "best:0", dtype: "DT_INT64" },
              scores: { name: "product:0", dtype: "DT_FLOAT" },
            },
          },
        },
      },
      { provider: "cpu" },
    )
    .catch((error: unknown) => error);
  expect(session).toMatchObject({
    inputs: [{ name: "rows" }],
    outputs: [
      { name: "best", dtype: "int32" },
      { name: "scores", dtype: "float32" },
    ],
  });
});

test("without a wish it takes the fastest backend at hand and tells of the step down", async () => {
  const notes: string[] = [];
  const session = await runtime.load(await save(twoByTwo()), { onNote: (note) => notes.push(note) });
  expect(session.provider).toBe("wasm");
  expect(notes).toEqual(["TF.js takes a slower backend: native TensorFlow is not available here"]);
  await session.dispose();
});

test("what was asked for and is not there is an error that says what to do", async () => {
  const model = await save(twoByTwo());
  await expect(runtime.load(model, { provider: "tensorflow" })).rejects.toThrow(SetupError);
  await expect(runtime.load(model, { provider: "webgpu" })).rejects.toThrow("no WebGPU backend of TF.js");
});

test.each<[string, TfjsModel | Uint8Array, string]>([
  ["an ONNX file", new Uint8Array(8), "the runtime tfjs runs TF.js models; got an ONNX file"],
  ["a text", { manifest: "model", weights: null }, "not a TF.js model.json: not an object"],
  ["a JSON of something else", { manifest: { a: 1 }, weights: null }, "no modelTopology in it"],
  ["a topology that is none", { manifest: { modelTopology: {} }, weights: null }, "TF.js refuses the model"],
])("refuses %s", async (_, model, message) => {
  await expect(runtime.load(model, { provider: "cpu" })).rejects.toThrow(InferenceError);
  await expect(runtime.load(model, { provider: "cpu" })).rejects.toThrow(message);
});

test("a TF.js model is no model for ONNX Runtime", async () => {
  const onnxRuntime = await getRuntime("node");
  await expect(onnxRuntime.load({ manifest: {}, weights: null })).rejects.toThrow("runs ONNX files; got a TF.js model");
});
