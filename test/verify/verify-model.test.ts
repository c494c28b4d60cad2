import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { exportSource, type ExportOptions } from "../../src/export/export-model.ts";
import { onnx } from "../../src/onnx/generated/decode.js";
import { readLayersModel } from "../../src/export/source/layers-model.ts";
import { verifyModel, type ModelVerification } from "../../src/verify/verify-model.ts";
import { randomizeWeights, rawModelOf } from "../helpers/layer-parity.ts";
import { decodeOnnx, encodeOnnx } from "../helpers/onnx-proto.ts";

type Symbolic = tf.SymbolicTensor;

function one(layer: tf.layers.Layer, input: Symbolic | Symbolic[]): Symbolic {
  const output = layer.apply(input);
  if (output instanceof tf.SymbolicTensor) return output;
  throw new TypeError("one output was expected");
}

/** Export a model, damage the file, and let verify judge. */
async function verified(
  model: tf.LayersModel,
  damage: (graph: onnx.GraphProto) => void = () => undefined,
  exportOptions: ExportOptions = {},
  edit: () => void = () => undefined,
): Promise<ModelVerification> {
  randomizeWeights(model, 3);
  edit();
  const raw = await rawModelOf(model);
  const source = readLayersModel(raw);
  const file = decodeOnnx(exportSource(source, exportOptions).bytes);
  if (!(file.graph instanceof onnx.GraphProto)) throw new TypeError("the exported file has no graph");
  damage(file.graph);
  return verifyModel(raw, source, encodeOnnx(file), {
    targets: [{ runtime: "node" }],
    tolerance: { atol: 1e-5, rtol: 1e-4 },
    batches: [1, 3],
    seed: 1,
    exportOptions,
  });
}

/** Change every number of the first weight whose name begins so. */
function damageWeight(prefix: string): (graph: onnx.GraphProto) => void {
  return (graph) => {
    const weight = graph.initializer.find(({ name }) => name?.startsWith(prefix) ?? false);
    const bytes = weight?.rawData;
    if (!(bytes instanceof Uint8Array)) throw new TypeError(`no weight ${prefix} with raw data`);
    const copy = Uint8Array.from(bytes);
    const view = new DataView(copy.buffer);
    for (let at = 0; at + 4 <= copy.length; at += 4) view.setFloat32(at, view.getFloat32(at, true) + 0.25, true);
    if (weight !== undefined) weight.rawData = copy;
  };
}

function deep(): tf.LayersModel {
  const layers = ["first", "middle", "last"].map((name) => tf.layers.dense({ units: 5, activation: "tanh", name }));
  const input = tf.input({ shape: [4], name: "x" });
  let y = input;
  for (const layer of layers) y = one(layer, y);
  return tf.model({ inputs: input, outputs: y });
}

describe("a sound file", () => {
  test("passes, on every batch size", async () => {
    const { passed, runs, firstDifference } = await verified(deep());
    expect(passed).toBe(true);
    expect(runs.map(({ batch }) => batch)).toEqual([1, 3]);
    expect(firstDifference).toBeUndefined();
  });

  test("passes on two sizes of each free dimension, different ones where TF.js takes them", async () => {
    const input = tf.input({ shape: [null, null, 2], name: "image" });
    const y = one(tf.layers.conv2d({ filters: 2, kernelSize: 3, padding: "same" }), input);
    const { passed, runs } = await verified(tf.model({ inputs: input, outputs: y }));
    expect(passed).toBe(true);
    expect(runs.map(({ sizes }) => sizes)).toEqual([
      { height: 5, width: 6 },
      { height: 8, width: 9 },
    ]);
  });

  test("passes where free dimensions of two inputs must be alike", async () => {
    const inputs = ["a", "b"].map((name) => tf.input({ shape: [null, 2], name }));
    const y = one(tf.layers.add(), inputs);
    const { passed, runs } = await verified(tf.model({ inputs, outputs: y }));
    expect(passed).toBe(true);
    expect(runs.map(({ sizes }) => Object.values(sizes))).toEqual([
      [5, 5],
      [8, 8],
      [1, 8],
      [8, 1],
      [0, 1],
      [1, 0],
      [0, 0],
    ]);
  });

  test("passes where sizes must be multiples of eight", async () => {
    const input = tf.input({ shape: [null, null, 2] });
    let y = input;
    for (let level = 0; level < 3; level++) y = one(tf.layers.maxPooling2d({ poolSize: 2 }), y);
    for (let level = 0; level < 3; level++) y = one(tf.layers.upSampling2d({ size: [2, 2] }), y);
    const joined = one(tf.layers.concatenate(), [y, input]);
    const { passed, runs } = await verified(tf.model({ inputs: input, outputs: joined }));
    expect(passed).toBe(true);
    expect(runs.every(({ sizes }) => Object.values(sizes).every((size) => size % 8 === 0))).toBe(true);
  });

  test("is fed ids in range where they reach an embedding through other layers", async () => {
    const inputs = ["a", "b"].map((name) => tf.input({ shape: [4], name, dtype: "int32" }));
    const joined = one(tf.layers.reshape({ targetShape: [2, 4] }), one(tf.layers.concatenate(), inputs));
    const y = one(tf.layers.embedding({ inputDim: 3, outputDim: 2 }), joined);
    const float = tf.input({ shape: [4], name: "c" });
    const z = one(tf.layers.embedding({ inputDim: 5, outputDim: 2 }), one(tf.layers.add(), [float, float]));
    const { passed } = await verified(tf.model({ inputs: [...inputs, float], outputs: [y, z] }));
    expect(passed).toBe(true);
  });
});

describe("a stateful model", () => {
  test.each(["lstm", "gru", "simpleRNN"] as const)("of %s starts every run afresh, as the file does", async (kind) => {
    const options = { units: 4, stateful: true, returnSequences: true, name: "steps" };
    const input = tf.input({ batchShape: [2, null, 3] });
    const both = tf.layers.bidirectional({
      layer: tf.layers.lstm({ units: 2, stateful: true }),
      mergeMode: "concat",
      name: "both",
    });
    const model = tf.model({ inputs: input, outputs: one(both, one(tf.layers[kind](options), input)) });
    const { passed, runs } = await verified(model);
    expect(passed).toBe(true);
    expect(runs.length).toBeGreaterThan(1);
  });

  test("within another model starts every run afresh", async () => {
    const input = tf.input({ batchShape: [2, null, 3] });
    const inner = tf.input({ batchShape: [2, null, 3] });
    const nested = tf.model({
      inputs: inner,
      outputs: one(tf.layers.gru({ units: 4, stateful: true }), inner),
      name: "nested",
    });
    const model = tf.model({ inputs: input, outputs: one(nested, input) });
    expect((await verified(model)).passed).toBe(true);
  });

  test("whose states matter fails where its file is wrong", async () => {
    const input = tf.input({ batchShape: [2, null, 3] });
    const model = tf.model({
      inputs: input,
      outputs: one(tf.layers.lstm({ units: 4, stateful: true, name: "steps" }), input),
    });
    const { passed, firstDifference } = await verified(model, damageWeight("steps/W"));
    expect([passed, firstDifference?.layer]).toEqual([false, "steps"]);
  });
});

/** Make one element of a layer's kernel NaN. */
function spoilKernel(model: tf.LayersModel, name: string): void {
  const layer = model.getLayer(name);
  const [kernel, ...others] = layer.getWeights();
  if (kernel === undefined) throw new TypeError("the layer has no kernel");
  const values = kernel.dataSync().slice();
  values[0] = Number.NaN;
  layer.setWeights([tf.tensor(values, kernel.shape), ...others]);
}

describe("a weight that is NaN", () => {
  test("gives NaN on both sides, which is equal, and the answer says where", async () => {
    const model = deep();
    const { passed, maxAbsDiff, note } = await verified(model, undefined, {}, () => spoilKernel(model, "middle"));
    expect([passed, note]).toEqual([true, "NaN on both sides counts as equal: in last"]);
    expect(maxAbsDiff).toBeLessThan(1e-5);
  });

  test("is compared on the plain backend where TF.js's WebAssembly loses NaN", async () => {
    const input = tf.input({ shape: [4] });
    const y = one(tf.layers.dense({ units: 3, name: "first" }), input);
    const model = tf.model({ inputs: input, outputs: one(tf.layers.activation({ activation: "relu6" }), y) });
    const { passed, reference } = await verified(model, undefined, {}, () => spoilKernel(model, "first"));
    expect([passed, reference]).toEqual([true, "tfjs cpu"]);
  });

  test("in front of an LSTM fails, and the answer says that ONNX Runtime is known for it", async () => {
    const input = tf.input({ shape: [5, 4] });
    const y = one(tf.layers.dense({ units: 3, name: "first" }), input);
    const model = tf.model({ inputs: input, outputs: one(tf.layers.lstm({ units: 2, name: "steps" }), y) });
    const native = await verified(model, undefined, {}, () => spoilKernel(model, "first"));
    expect(native.passed).toBe(false);
    expect(native.firstDifference).toMatchObject({ layer: "steps", className: "LSTM" });
    expect(native.firstDifference?.known).toContain("ONNX Runtime's LSTM and GRU give numbers");
    const portable = await verified(model, undefined, { recurrentForm: "portable" }, () => spoilKernel(model, "first"));
    expect(portable.passed).toBe(true);
  });

  test("in the file alone is no known difference", async () => {
    const { passed, firstDifference } = await verified(deep(), (graph) => {
      const node = graph.node.find(({ name }) => (name ?? "").startsWith("middle/Tanh"));
      if (node !== undefined) node.opType = "Log";
    });
    expect([passed, firstDifference?.layer, firstDifference?.known]).toEqual([false, "middle", undefined]);
  });
});

describe("two inputs with free sizes", () => {
  /** a + b, each [N, T, 2]. */
  function sum(): tf.LayersModel {
    const inputs = ["a", "b"].map((name) => tf.input({ shape: [null, 2], name }));
    return tf.model({ inputs, outputs: one(tf.layers.add({ name: "sum" }), inputs) });
  }

  test("are fed 1 against n, which a file that takes them to be equal does not pass", async () => {
    const { passed, runs } = await verified(sum(), (graph) => {
      const [node] = graph.node;
      const made = node?.output;
      if (node === undefined || made === undefined || made === null) throw new TypeError("the file has no node");
      node.output = ["added"];
      graph.node.push(
        new onnx.NodeProto({ name: "sizes", opType: "Shape", input: ["a"], output: ["sizes"] }),
        new onnx.NodeProto({ name: "again", opType: "Reshape", input: ["added", "sizes"], output: made }),
      );
    });
    expect(passed).toBe(false);
    const failed = runs.filter(({ outputs }) => outputs.some((output) => !output.passed));
    expect(failed.map(({ sizes }) => sizes)).toContainEqual({ a_time: 1, b_time: 8 });
    expect(failed[0]?.outputs[0]?.reason).toContain("Reshape");
    expect(failed.map(({ sizes }) => sizes)).not.toContainEqual({ a_time: 8, b_time: 8 });
  });

  test("through layers that read the sum pass where the export is right", async () => {
    const inputs = ["a", "b"].map((name) => tf.input({ shape: [null, null, 3], name }));
    const conv = tf.layers.conv1d({ filters: 2, kernelSize: 1 });
    const y = one(tf.layers.timeDistributed({ layer: conv }), one(tf.layers.add(), inputs));
    const { passed, runs } = await verified(tf.model({ inputs, outputs: y }));
    expect(passed).toBe(true);
    expect(runs.map(({ sizes }) => sizes)).toContainEqual({ a_height: 1, a_width: 9, b_height: 8, b_width: 9 });
  });
});

describe("a network that noise drives into chaos", () => {
  /** Thousands of steep thresholds, some of which any input is next to. */
  function steep(): tf.LayersModel {
    const input = tf.input({ shape: [64] });
    const model = tf.model({
      inputs: input,
      outputs: one(tf.layers.dense({ units: 3000, activation: "tanh" }), input),
    });
    randomizeWeights(model, 3);
    for (const weight of model.weights) weight.write(tf.mul(weight.read(), 20_000));
    return model;
  }

  test("is compared on smaller inputs, and the answer says so", async () => {
    const raw = await rawModelOf(steep());
    const source = readLayersModel(raw);
    const options = {
      targets: [{ runtime: "node" as const }],
      tolerance: { atol: 1e-5, rtol: 1e-4 },
      batches: [3],
      seed: 1,
    };
    const { note, runs } = await verifyModel(raw, source, exportSource(source).bytes, options);
    expect(note).toContain("times the usual size");
    expect(runs.length).toBeGreaterThan(0);
  });
});

describe("a broken file", () => {
  test("fails, and the layer whose weight is not the model's is named", async () => {
    const { passed, firstDifference } = await verified(deep(), damageWeight("middle/kernel"));
    expect(passed).toBe(false);
    expect(firstDifference).toMatchObject({ layer: "middle", className: "Dense", comparedWith: "a fresh export" });
  });

  test("that differs in its last layer names that", async () => {
    const { firstDifference } = await verified(deep(), damageWeight("last/kernel"));
    expect(firstDifference).toMatchObject({ layer: "last", className: "Dense" });
  });

  test("within a nested model", async () => {
    const input = tf.input({ shape: [4] });
    const encoder = tf.sequential({
      name: "encoder",
      layers: [
        tf.layers.dense({ units: 3, inputShape: [4], name: "one", activation: "tanh" }),
        tf.layers.dense({ units: 3, name: "two", activation: "tanh" }),
      ],
    });
    const y = one(tf.layers.dense({ units: 2, name: "head" }), one(encoder, input));
    const { firstDifference } = await verified(
      tf.model({ inputs: input, outputs: y }),
      damageWeight("encoder/two/kernel"),
    );
    expect(firstDifference).toMatchObject({ layer: "encoder/two", className: "Dense" });
  });

  test("in a recurrent layer, masked or not", async () => {
    for (const maskZero of [false, true]) {
      const input = tf.input({ shape: [5], dtype: "int32" });
      const x = one(tf.layers.embedding({ inputDim: 7, outputDim: 3, maskZero, name: "embed" }), input);
      const y = one(tf.layers.lstm({ units: 4, returnSequences: true, name: "steps" }), x);
      const model = tf.model({ inputs: input, outputs: one(tf.layers.gru({ units: 3, name: "end" }), y) });
      const { firstDifference } = await verified(model, damageWeight("steps/W"));
      expect(firstDifference).toMatchObject({ layer: "steps", className: "LSTM" });
    }
  });

  test("in a layer that is called twice", async () => {
    const input = tf.input({ shape: [4] });
    const shared = tf.layers.dense({ units: 4, name: "shared", activation: "tanh" });
    const model = tf.model({ inputs: input, outputs: one(shared, one(shared, input)) });
    const { firstDifference } = await verified(model, (graph) => {
      const node = graph.node.find(({ name }) => (name ?? "").startsWith("shared_1/Tanh"));
      if (node !== undefined) node.opType = "Sigmoid";
    });
    expect(firstDifference).toMatchObject({ layer: "shared", call: 1 });
  });

  test("with NaN anywhere fails", async () => {
    const { passed, runs } = await verified(deep(), (graph) => {
      const node = graph.node.find(({ name }) => (name ?? "").startsWith("middle/Tanh"));
      if (node !== undefined) node.opType = "Log";
    });
    expect(passed).toBe(false);
    expect(runs.some(({ outputs }) => outputs.some(({ maxAbsDiff }) => Number.isNaN(maxAbsDiff)))).toBe(true);
  });
});

describe("outputs of layers", () => {
  test("of nested models, of one call of a shared layer, and of all its calls", async () => {
    const input = tf.input({ shape: [4] });
    const shared = tf.layers.dense({ units: 4, name: "shared", activation: "tanh" });
    const encoder = tf.sequential({
      name: "encoder",
      layers: [
        tf.layers.dense({ units: 4, inputShape: [4], name: "inner" }),
        tf.layers.dense({ units: 4, name: "outer" }),
      ],
    });
    const y = one(shared, one(encoder, one(shared, one(encoder, input))));
    const model = tf.model({ inputs: input, outputs: one(tf.layers.dense({ units: 2, name: "head" }), y) });
    for (const outputs of [["encoder/inner"], ["shared:1"], ["shared", "encoder:0", "encoder/inner:1"], ["encoder"]]) {
      const { passed, runs } = await verified(model, undefined, { outputs });
      expect({ outputs, passed }).toEqual({ outputs, passed: true });
      expect(runs[0]?.outputs[0]?.name).toBe(outputs[0]);
    }
  });

  test("that have states", async () => {
    const input = tf.input({ shape: [5, 3] });
    const output = tf.layers.lstm({ units: 4, returnState: true, name: "steps" }).apply(input);
    const [first] = Array.isArray(output) ? output : [output];
    if (!(first instanceof tf.SymbolicTensor)) throw new TypeError("no output");
    const model = tf.model({ inputs: input, outputs: one(tf.layers.dense({ units: 2 }), first) });
    const { passed, runs } = await verified(model, undefined, { outputs: ["steps"] });
    expect(passed).toBe(true);
    expect(runs[0]?.outputs.map(({ name }) => name)).toEqual(["steps", "steps_1", "steps_2"]);
  });

  test("that are not there end in an error that lists those that are", async () => {
    await expect(verified(deep(), undefined, { outputs: ["nowhere"] })).rejects.toThrow("no layer nowhere");
    await expect(verified(deep(), undefined, { outputs: ["middle:1"] })).rejects.toThrow("called 1 times");
  });
});
