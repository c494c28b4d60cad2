import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";

import { Random } from "../../../src/data/random.ts";
import { exportSource } from "../../../src/export/export-model.ts";
import { readLayersModel } from "../../../src/export/source/layers-model.ts";
import type { RawModel } from "../../../src/export/source/model.ts";
import { sizeOf } from "../../../src/tensor.ts";
import { verifyModel } from "../../../src/verify/verify-model.ts";
import { keepExport } from "../../helpers/keep-export.ts";
import { kerasChain, type KerasLayerSpec } from "../../helpers/keras-chain.ts";

type Json = Readonly<Record<string, unknown>>;
type Ref = readonly [layer: string, call: number, tensor: number];

function tensor(history: Ref, dtype = "float32"): Json {
  return { class_name: "__keras_tensor__", config: { shape: [null], dtype, keras_history: history } };
}

function call(args: readonly unknown[], kwargs: Json = {}): Json {
  return { args, kwargs };
}

/** A layer as Keras 3 writes it. */
function layer(name: string, className: string, config: Json, ...calls: readonly Json[]): Json {
  return {
    class_name: className,
    name,
    config: { name, trainable: true, dtype: "float32", ...config },
    inbound_nodes: calls,
  };
}

/** An operation on tensors among the layers. */
function operation(name: string, className: string, config: Json, ...calls: readonly Json[]): Json {
  return { class_name: className, name, config: { name, ...config }, inbound_nodes: calls };
}

function input(name: string, shape: readonly (number | null)[], dtype = "float32"): Json {
  return { class_name: "InputLayer", name, config: { batch_shape: [null, ...shape], dtype, name }, inbound_nodes: [] };
}

function functional(name: string, layers: readonly Json[], inputs: readonly Ref[], outputs: readonly Ref[]): Json {
  return { class_name: "Functional", name, config: { name, layers, input_layers: inputs, output_layers: outputs } };
}

function saved(model: Json, weights: Readonly<Record<string, readonly number[]>>): RawModel {
  const random = new Random(3);
  const specs = Object.entries(weights).map(([name, shape]) => ({ name, shape, dtype: "float32" }));
  const data = specs.flatMap(({ shape }) => Array.from({ length: sizeOf(shape) }, () => random.normal() / 2));
  return {
    weights: new Uint8Array(Float32Array.from(data).buffer),
    manifest: {
      format: "layers-model",
      modelTopology: { keras_version: "3.15.1", backend: "tensorflow", model_config: model },
      weightsManifest: [{ paths: ["weights.bin"], weights: specs }],
    },
  };
}

async function expectVerified(raw: RawModel): Promise<void> {
  const source = readLayersModel(raw);
  const exported = exportSource(source);
  keepExport(exported);
  const verification = await verifyModel(raw, source, exported.bytes, {
    targets: [{ runtime: "node" }],
    tolerance: { atol: 1e-5, rtol: 1e-4 },
    batches: [1, 3],
    seed: 4,
  });
  expect(verification).toMatchObject({ passed: true, reference: "tfjs wasm, layer by layer" });
}

const LSTM = { units: 4, return_sequences: true };
const LSTM_WEIGHTS = { "lstm/kernel": [3, 16], "lstm/recurrent_kernel": [4, 16], "lstm/bias": [16] };

test("a mask that Keras wrote out as operations follows from the layers", async () => {
  const x = tensor(["x", 0, 0]);
  const layers = [
    input("x", [7, 3]),
    operation("not_equal", "NotEqual", {}, call([x, 0])),
    layer("masking", "Masking", { mask_value: 0 }, call([x])),
    operation("any", "Any", { axis: -1, keepdims: false }, call([tensor(["not_equal", 0, 0])])),
    layer("lstm", "LSTM", LSTM, call([tensor(["masking", 0, 0])], { mask: tensor(["any", 0, 0]) })),
  ];
  const raw = saved(functional("m", layers, [["x", 0, 0]], [["lstm", 0, 0]]), LSTM_WEIGHTS);
  await expectVerified(raw);
  const { manifest, weights } = raw;
  const own: unknown = JSON.parse(JSON.stringify(manifest).replace('"Masking"', '"Identity"'));
  expect(() => readLayersModel({ manifest: own, weights })).not.toThrow();
  expect(() => exportSource(readLayersModel({ manifest: own, weights }))).toThrow(
    /keras\.ops\.NotEqual: it is an operation of Keras among the layers/,
  );
});

test("a mask given as an input is applied", async () => {
  const layers = [
    input("x", [5, 3]),
    input("keep", [5], "bool"),
    layer("lstm", "LSTM", LSTM, call([tensor(["x", 0, 0])], { mask: tensor(["keep", 0, 0]) })),
  ];
  const raw = saved(
    functional(
      "m",
      layers,
      [
        ["x", 0, 0],
        ["keep", 0, 0],
      ],
      [["lstm", 0, 0]],
    ),
    LSTM_WEIGHTS,
  );
  await expectVerified(raw);
  const { bytes } = exportSource(readLayersModel(raw));
  const session = await ort.InferenceSession.create(bytes);
  const x = new ort.Tensor("float32", new Float32Array(15).fill(1), [1, 5, 3]);
  const keep = new ort.Tensor("bool", [0, 1, 0, 0, 1], [1, 5]);
  const { lstm } = await session.run({ x, keep });
  const data = [...(lstm?.data ?? [])].map(Number);
  expect(data.slice(0, 4)).toEqual([0, 0, 0, 0]);
  expect(data.slice(8, 12)).toEqual(data.slice(4, 8));
  expect(data.slice(16, 20)).not.toEqual(data.slice(4, 8));
  await session.release();
});

test.each([
  [[5], "batch, 5"],
  [[7, 4], "batch, 7, 4"],
])("initial states of shape %j are refused", (shape, shown) => {
  const state = tensor(["state", 0, 0]);
  const layers = [
    input("x", [7, 3]),
    input("state", shape),
    layer("lstm", "LSTM", LSTM, call([tensor(["x", 0, 0])], { initial_state: [state, state] })),
  ];
  const inputs: readonly Ref[] = [
    ["x", 0, 0],
    ["state", 0, 0],
  ];
  const raw = saved(functional("m", layers, inputs, [["lstm", 0, 0]]), LSTM_WEIGHTS);
  expect(() => exportSource(readLayersModel(raw))).toThrow(
    `layer lstm (LSTM): initial states must have shape [batch, 4]; got [${shown}]`,
  );
});

test("calls of models are counted from 0 among the layers, and from 1 among the outputs", async () => {
  const encoder = functional(
    "encoder",
    [
      input("start", [4]),
      layer("a", "Dense", { units: 2 }, call([tensor(["start", 0, 0])])),
      layer("b", "Dense", { units: 2 }, call([tensor(["start", 0, 0])])),
    ],
    [["start", 0, 0]],
    [
      ["a", 0, 0],
      ["b", 0, 0],
    ],
  );
  const layers = [
    input("x", [4]),
    { ...encoder, inbound_nodes: [call([tensor(["x", 0, 0])], { mask: null })] },
    layer("last", "Dense", { units: 3 }, call([tensor(["encoder", 0, 0])])),
  ];
  const outputs: readonly Ref[] = [
    ["last", 0, 0],
    ["encoder", 1, 1],
  ];
  const dense = (name: string, from: number, to: number): Record<string, readonly number[]> => ({
    [`${name}/kernel`]: [from, to],
    [`${name}/bias`]: [to],
  });
  const weights = { ...dense("encoder/a", 4, 2), ...dense("encoder/b", 4, 2), ...dense("last", 2, 3) };
  await expectVerified(saved(functional("m", layers, [["x", 0, 0]], outputs), weights));
});

test("arithmetic among the layers is that of layers", async () => {
  const x = tensor(["x", 0, 0]);
  const layers = [
    input("x", [4, 3]),
    operation("true_divide", "TrueDivide", {}, call([x, 255])),
    operation("subtract", "Subtract", {}, call([1, tensor(["true_divide", 0, 0])])),
    layer("dense", "Dense", { units: 3 }, call([tensor(["subtract", 0, 0])])),
    operation("relu", "Relu", {}, call([tensor(["dense", 0, 0])])),
    operation("add", "Add", {}, call([tensor(["relu", 0, 0]), x])),
    operation("concatenate", "Concatenate", { axis: -1 }, call([[tensor(["add", 0, 0]), x]])),
  ];
  const model = functional("m", layers, [["x", 0, 0]], [["concatenate", 0, 0]]);
  const raw = saved(model, { "dense/kernel": [3, 3], "dense/bias": [3] });
  await expectVerified(raw);
  const text = JSON.stringify(raw.manifest);
  const edited = (from: string, to: string): RawModel => {
    expect(text).toContain(from);
    const manifest: unknown = JSON.parse(text.replace(from, to));
    return { manifest, weights: raw.weights };
  };
  const others = [edited('"Relu"', '"GetItem"'), edited(",255]", ',{"class_name":"__slice__"}]')];
  for (const other of others) {
    expect(() => exportSource(readLayersModel(other))).toThrow("an operation of Keras among the layers");
  }
});

test("masks of a concatenation: one that holds is enough", async () => {
  const ids = (name: string): Json => tensor([name, 0, 0]);
  const mask = (name: string): Json =>
    operation(
      `mask_${name}`,
      "NotEqual",
      {},
      {
        args: [ids(name), 0],
        kwargs: {},
      },
    );
  const embedding = (name: string, output: number): Json =>
    layer(`table_${name}`, "Embedding", { input_dim: 4, output_dim: output, mask_zero: true }, call([ids(name)]));
  const layers = [
    input("a", [6], "int32"),
    input("b", [6], "int32"),
    embedding("a", 1),
    embedding("b", 2),
    mask("a"),
    mask("b"),
    operation(
      "joined",
      "Concatenate",
      { axis: -1 },
      call([[tensor(["mask_a", 0, 0], "bool"), tensor(["mask_b", 0, 0], "bool")]]),
    ),
    operation("any", "Any", { axis: -1, keepdims: false }, call([tensor(["joined", 0, 0], "bool")])),
    layer("both", "Concatenate", { axis: -1 }, call([[tensor(["table_a", 0, 0]), tensor(["table_b", 0, 0])]])),
    layer("lstm", "LSTM", LSTM, call([tensor(["both", 0, 0])], { mask: tensor(["any", 0, 0]) })),
  ];
  const inputs: readonly Ref[] = [
    ["a", 0, 0],
    ["b", 0, 0],
  ];
  const raw = saved(functional("m", layers, inputs, [["lstm", 0, 0]]), {
    "table_a/embeddings": [4, 1],
    "table_b/embeddings": [4, 2],
    ...LSTM_WEIGHTS,
  });
  await expectVerified(raw);
  const session = await ort.InferenceSession.create(exportSource(readLayersModel(raw)).bytes);
  const feed = (...values: readonly number[]): ort.Tensor => new ort.Tensor("int32", values, [1, 6]);
  const { lstm } = await session.run({ a: feed(1, 0, 0, 2, 0, 0), b: feed(1, 1, 0, 0, 0, 0) });
  const data = [...(lstm?.data ?? [])].map(Number);
  const steps = [0, 1, 2, 3, 4, 5].map((step) => data.slice(4 * step, 4 * step + 4).join());
  expect(steps.map((step, index) => step !== steps[index - 1])).toEqual([true, true, false, true, false, false]);
  await session.release();
});

test("the numbered weights of Normalization", async () => {
  const config = { axis: [-1], mean: null, variance: null };
  const layers = [input("x", [3]), layer("normalization", "Normalization", config, call([tensor(["x", 0, 0])]))];
  const names = [0, 1].map((index): [string, number[]] => [`layers/normalization/vars/${index}`, [3]]);
  const raw = saved(
    functional("m", layers, [["x", 0, 0]], [["normalization", 0, 0]]),
    Object.fromEntries([...names, ["layers/normalization/vars/2", []]]),
  );
  if (raw.weights !== null) new Float32Array(raw.weights.buffer).set([0.5, -1, 2, 0.25, 1, 4]);
  await expectVerified(raw);
});

test("weights of a Normalization that Keras 2 named after nothing", async () => {
  const raw = kerasChain(2, [3], [{ className: "Normalization", weights: { mean: [3], variance: [3], count: [] } }]);
  const text = JSON.stringify(raw.manifest);
  const manifest: unknown = JSON.parse(text.replaceAll('"layer_0/', '"'));
  expect(JSON.stringify(manifest)).not.toBe(text);
  await expectVerified({ manifest, weights: raw.weights });
});

test.each([2, 3] as const)("Bidirectional gives zeros for masked steps in Keras %i", async (keras) => {
  const inner = {
    class_name: "GRU",
    config: { name: "gru", units: 3, return_sequences: true, reset_after: true, recurrent_activation: "sigmoid" },
  };
  const ofDirection = (scope: string): [string, number[]][] => [
    [`${scope}_gru/gru_cell/kernel`, [2, 9]],
    [`${scope}_gru/gru_cell/recurrent_kernel`, [3, 9]],
    [`${scope}_gru/gru_cell/bias`, [2, 9]],
  ];
  const layers: readonly KerasLayerSpec[] = [
    {
      className: "Embedding",
      config: { input_dim: 5, output_dim: 2, mask_zero: true },
      weights: { embeddings: [5, 2] },
    },
    {
      className: "Bidirectional",
      config: { layer: inner, merge_mode: "concat" },
      weights: Object.fromEntries([...ofDirection("forward"), ...ofDirection("backward")]),
    },
  ];
  const raw = kerasChain(keras, [null], layers, "int32");
  await expectVerified(raw);
  const exported = exportSource(readLayersModel(raw));
  const session = await ort.InferenceSession.create(exported.bytes);
  const { layer_1: output } = await session.run({ x: new ort.Tensor("int32", [3, 0, 1, 0], [1, 4]) });
  const data = [...(output?.data ?? [])].map(Number);
  const isZero = [0, 1, 2, 3].map((step) => data.slice(6 * step, 6 * step + 6).every((each) => each === 0));
  expect(isZero).toEqual([false, true, false, true]);
  await session.release();
});

const SWAP = [0, 1, 1, 0];
const SCALE = [2, 0, 0, 3];

/** How a model shared by a model and one within it is stored: once in Keras's own format, with each of the two in HDF5. */
const SHARED: readonly (readonly [string, readonly (readonly [name: string, kernel: readonly number[]])[]])[] = [
  [
    "once",
    [
      ["layers/functional/layers/functional/layers/dense/vars/0", SWAP],
      ["layers/functional/layers/dense/vars/0", SCALE],
    ],
  ],
  [
    "twice",
    [
      ["d/kernel", SWAP],
      ["d/kernel", SWAP],
      ["e/kernel", SCALE],
    ],
  ],
];

function sharedModel(kernels: (typeof SHARED)[number][1]): RawModel {
  const dense = (name: string, from: string, more: Json = {}): Json =>
    layer(name, "Dense", { units: 2, use_bias: false, ...more }, call([tensor([from, 0, 0])]));
  const shared = functional("shared", [input("i", [2]), dense("d", "i")], [["i", 0, 0]], [["d", 0, 0]]);
  const within = { ...shared, inbound_nodes: [call([tensor(["j", 0, 0])])] };
  const inner = functional("inner", [input("j", [2]), within, dense("e", "shared")], [["j", 0, 0]], [["e", 0, 0]]);
  // What Keras writes again, it numbers.
  const again = functional(
    "shared",
    [input("i", [2]), dense("d", "i", { shared_object_id: 1403 })],
    [["i", 0, 0]],
    [["d", 0, 0]],
  );
  const onInput = { inbound_nodes: [call([tensor(["x", 0, 0])])] };
  const sum = layer("sum", "Add", {}, call([[tensor(["inner", 0, 0]), tensor(["shared", 0, 0])]]));
  const layers = [input("x", [2]), { ...inner, ...onInput }, { ...again, ...onInput }, sum];
  return {
    manifest: {
      modelTopology: {
        keras_version: "3.15.1",
        model_config: functional("m", layers, [["x", 0, 0]], [["sum", 0, 0]]),
      },
      weightsManifest: [
        { paths: ["w"], weights: kernels.map(([name]) => ({ name, shape: [2, 2], dtype: "float32" })) },
      ],
    },
    weights: new Uint8Array(Float32Array.from(kernels.flatMap(([, kernel]) => kernel)).buffer),
  };
}

test.each(SHARED)("a model shared on two levels has its weights on both, stored %s", async (_, kernels) => {
  const raw = sharedModel(kernels);
  await expectVerified(raw);
  const session = await ort.InferenceSession.create(exportSource(readLayersModel(raw)).bytes);
  const { sum } = await session.run({ x: new ort.Tensor("float32", [1, 10], [1, 2]) });
  expect(sum?.data).toEqual(Float32Array.of(30, 4));
  await session.release();
});

test("other weights of one name are nobody's", () => {
  const raw = sharedModel([
    ["d/kernel", SWAP],
    ["d/kernel", SCALE],
    ["e/kernel", SCALE],
  ]);
  expect(() => exportSource(readLayersModel(raw))).toThrow('"d/kernel" may belong to any of the layers');
});

test("layers that cannot be converted are named before weights that are missing", () => {
  const layers = [
    input("x", [2]),
    layer("a", "Dense", { units: 2 }, call([tensor(["x", 0, 0])])),
    layer("b", "Lambda", {}, call([tensor(["a", 0, 0])])),
    layer("c", "Mystery", {}, call([tensor(["b", 0, 0])])),
  ];
  const raw = saved(functional("m", layers, [["x", 0, 0]], [["c", 0, 0]]), { "a/bias": [2] });
  expect(() => exportSource(readLayersModel(raw))).toThrow(/\bb \(Lambda\)[^]*\bc \(Mystery\)/);
});
