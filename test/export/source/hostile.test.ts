import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";

import { InternalError, ToolError } from "../../../src/errors.ts";
import { exportRaw } from "../../../src/export/export-model.ts";
import { parseManifest } from "../../../src/export/source/shards.ts";
import { rawModelOf } from "../../helpers/layer-parity.ts";

/** Nothing hostile may take longer, even on a busy machine. */
const MOST_MS = 10_000;

interface Entry {
  name?: unknown;
  class_name: unknown;
  config: Record<string, unknown>;
  inbound_nodes?: unknown;
}

/** A layer of a functional model. */
function layer(class_name: string, name: string, config: object, ...inputs: readonly string[]): Entry {
  const nodes = inputs.length === 0 ? [] : [inputs.map((input) => [input, 0, 0, {}])];
  return { name, class_name, config: { name, ...config }, inbound_nodes: nodes };
}

const input = layer("InputLayer", "x", { batch_input_shape: [null, 4], dtype: "float32" });

function manifest(layers: readonly unknown[], more: object = {}): object {
  const last = layers.at(-1);
  const name = typeof last === "object" && last !== null && "name" in last ? last.name : "x";
  const config = { name: "m", layers, input_layers: [["x", 0, 0]], output_layers: [[name, 0, 0]], ...more };
  return { modelTopology: { class_name: "Model", config, keras_version: "tfjs-layers 4.22.0" }, weightsManifest: [] };
}

function faultOf(given: unknown, weights: Uint8Array | null = null): ToolError {
  const started = performance.now();
  try {
    exportRaw({ manifest: given, weights });
  } catch (error) {
    const took = performance.now() - started;
    if (took > MOST_MS) throw new Error(`it took ${took} ms`, { cause: error });
    if (error instanceof ToolError && !(error instanceof InternalError)) return error;
    throw new Error("an untyped error", { cause: error });
  }
  throw new Error("it was exported");
}

function wrapped(depth: number, className: string): object {
  let config: Record<string, unknown> = { name: "d", units: 1 };
  let name = "Dense";
  for (let level = 0; level < depth; level++) {
    config = { name: "w", layer: { class_name: name, config } };
    name = className;
  }
  return manifest([input, layer(className, "w", config, "x")]);
}

function modelsWithin(depth: number): object {
  let inner: Record<string, unknown> = { class_name: "Sequential", config: { name: "m", layers: [] } };
  for (let level = 0; level < depth; level++)
    inner = { class_name: "Sequential", config: { name: "m", layers: [inner] } };
  return { modelTopology: inner };
}

/** Each model calls the one within it ten times. */
function doubling(levels: number): object {
  let inner: Entry = layer("Activation", "a", { activation: "relu" }, "x");
  for (let level = 0; level < levels; level++) {
    const first = level === 0 ? 0 : 1;
    const calls = Array.from({ length: 10 }, (_, call) => [
      call === 0 ? ["x", 0, 0, {}] : [String(inner.name), call - 1 + first, 0, {}],
    ]);
    const config = {
      name: `m${level}`,
      layers: [input, { ...inner, inbound_nodes: calls }],
      input_layers: [["x", 0, 0]],
      output_layers: [[inner.name, 9 + first, 0]],
    };
    inner = { name: `m${level}`, class_name: "Model", config, inbound_nodes: [[["x", 0, 0, {}]]] };
  }
  return { modelTopology: { class_name: "Model", config: inner.config, keras_version: "tfjs-layers 4.22.0" } };
}

const chain = (count: number): Entry[] =>
  Array.from({ length: count }, (_, at) => layer("Dropout", `d${at}`, { rate: 0.5 }, at === 0 ? "x" : `d${at - 1}`));

const repeated = (n: unknown): object => manifest([input, layer("RepeatVector", "r", { n }, "x")]);
const shaped = (shape: unknown): object =>
  manifest([layer("InputLayer", "x", { batch_input_shape: shape, dtype: "float32" }), layer("ReLU", "r", {}, "x")]);
const images = layer("InputLayer", "x", { batch_input_shape: [null, 4, 4, 1], dtype: "float32" });
const onImages = (className: string, config: object): object => manifest([images, layer(className, "l", config, "x")]);

const CASES: Readonly<Record<string, () => readonly [manifest: unknown, message: string]>> = {
  nothing: () => [null, "must hold an object"],
  "a list": () => [[], "must hold an object"],
  "no topology": () => [{}, "no modelTopology"],
  "a topology that is a number": () => [{ modelTopology: 5 }, "describes a model"],
  "a topology in text that is no JSON": () => [{ modelTopology: "{" }, "not JSON"],
  "a topology in text that opens a million lists": () => [{ modelTopology: "[".repeat(1e6) }, "nested deeper"],
  "no layers": () => [manifest([]), "no such layer"],
  "a million layers": () => [manifest(Array(1_000_000).fill(input)), "more than"],
  "thirty thousand layers": () => [manifest([input, ...chain(30_000)]), "20000 layers"],
  "wrappers in wrappers": () => [wrapped(100_000, "TimeDistributed"), "nested deeper"],
  "directions in directions": () => [wrapped(60, "Bidirectional"), "cannot be converted"],
  "models in models": () => [modelsWithin(100_000), "nested deeper"],
  "models that call models ten times, twelve levels deep": () => [doubling(12), "20000 calls"],
  "a layer that waits for itself": () => [manifest([input, layer("ReLU", "a", {}, "a")]), "in a cycle"],
  "two layers that wait for each other": () => [
    manifest([input, layer("ReLU", "a", {}, "b"), layer("ReLU", "b", {}, "a")]),
    "cycle",
  ],
  "an input layer nobody has": () => [manifest([input, layer("ReLU", "a", {}, "y")]), "no such layer"],
  "two layers of one name": () => [
    manifest([input, layer("ReLU", "a", {}, "x"), layer("ReLU", "a", {}, "x")]),
    'the name "a"',
  ],
  "a name that is no text": () => [
    manifest([input, { ...layer("ReLU", "a", {}, "x"), name: { toString: 1 } }]),
    "must have a name",
  ],
  NaN: () => [manifest([input, layer("LeakyReLU", "a", { alpha: Number.NaN }, "x")]), "finite"],
  Infinity: () => [manifest([input, layer("LeakyReLU", "a", { alpha: Infinity }, "x")]), "finite"],
  "a __proto__ key": () => [JSON.parse('{"modelTopology":{"__proto__":{"class_name":"Model"}}}'), "__proto__"],
  "constructor as a class": () => [
    manifest([input, layer("constructor", "a", {}, "x")]),
    "no converter for layers of class constructor",
  ],
  "__proto__ as a class": () => [
    manifest([input, layer("__proto__", "a", {}, "x")]),
    "no converter for layers of class __proto__",
  ],
  "toString as an activation": () => [
    manifest([input, layer("Activation", "a", { activation: "toString" }, "x")]),
    "activation",
  ],
  "units beyond counting": () => [manifest([input, layer("Dense", "a", { units: 1e12 }, "x")]), "weights"],
  "no units": () => [manifest([input, layer("Dense", "a", { units: -3, use_bias: false }, "x")]), "units must be"],
  "two thousand million repetitions": () => [repeated(2 ** 31), "larger than any"],
  "repetitions beyond counting": () => [repeated(2 ** 53), "positive whole number"],
  "half a repetition": () => [repeated(0.5), "positive whole number"],
  "padding of a thousand million": () => [
    onImages("ZeroPadding2D", {
      padding: [
        [1e9, 1e9],
        [1e9, 1e9],
      ],
    }),
    "larger than any",
  ],
  "cropping of everything": () => [
    onImages("Cropping2D", {
      cropping: [
        [9, 9],
        [0, 0],
      ],
    }),
    "nothing",
  ],
  "enlarging beyond all": () => [onImages("UpSampling2D", { size: [1e9, 1e9] }), "larger than any"],
  "resizing beyond all": () => [onImages("Resizing", { height: 1e9, width: 1e9 }), "larger than any"],
  "cropping from the middle beyond all": () => [onImages("CenterCrop", { height: 1e12, width: 1 }), "larger than any"],
  "more tokens than there are": () => [
    manifest([input, layer("CategoryEncoding", "a", { num_tokens: 2 ** 40 }, "x")]),
    "num_tokens",
  ],
  "windows of nothing": () => [onImages("MaxPooling2D", { pool_size: [0, 0] }), "positive whole numbers"],
  "windows beyond the picture": () => [onImages("MaxPooling2D", { pool_size: [2 ** 40, 2 ** 40] }), "does not fit"],
  "strides below nothing": () => [
    onImages("MaxPooling2D", { pool_size: [2, 2], strides: [-1, -1] }),
    "positive whole numbers",
  ],
  "a shape that does not multiply out": () => [
    manifest([input, layer("Reshape", "a", { target_shape: [3] }, "x")]),
    "does not fit",
  ],
  "a shape beyond counting": () => [
    manifest([input, layer("Reshape", "a", { target_shape: [1e308, 1e308] }, "x")]),
    "target_shape",
  ],
  "axes that are none": () => [manifest([input, layer("Permute", "a", { dims: [3, 1] }, "x")]), "dims"],
  "an input of no size": () => [shaped([null, 1e15, 1e15]), "larger than any"],
  "an input of fractions": () => [shaped([null, 1.5]), "list of sizes"],
  "an input of a thousand axes": () => [shaped(Array.from({ length: 1000 }, () => 1)), "axes"],
  "an input that is no shape": () => [shaped("x"), "list of sizes"],
  "a type no layer has": () => [
    manifest([
      layer("InputLayer", "x", { batch_input_shape: [null, 4], dtype: "complex64" }),
      layer("ReLU", "r", {}, "x"),
    ]),
    "dtype",
  ],
  "weights that are no list": () => [
    { ...manifest([input]), weightsManifest: { a: 1 } },
    "weightsManifest must be a list",
  ],
  "two inputs where one is taken": () => [manifest([input, layer("Flatten", "f", {}, "x", "x")]), "takes one input"],
};

describe("what cannot be is refused with one typed error", () => {
  test.each(Object.entries(CASES))("%s", (_, make) => {
    const [given, message] = make();
    const error = faultOf(given);
    expect(error.message).toContain(message);
    expect(error.message.length).toBeLessThan(2000);
  });

  test("all unsupported layers are named at once", () => {
    const layers = ["Lambda", "Attention", "MyLayer"].map((name, at) =>
      layer(name, `l${at}`, {}, at === 0 ? "x" : `l${at - 1}`),
    );
    const { message } = faultOf(manifest([input, ...layers]));
    for (const name of ["l0 (Lambda)", "l1 (Attention)", "l2 (MyLayer)"]) expect(message).toContain(name);
  });

  test("operations of TensorFlow among the layers are named, with the reason", () => {
    const scale = {
      ...layer("TFOpLambda", "tf.math.truediv", { function: "math.truediv" }),
      inbound_nodes: [["x", 0, 0, { y: 255, name: null }]],
    };
    const { message } = faultOf(manifest([input, scale, layer("Lambda", "swap", {}, "tf.math.truediv")]));
    expect(message).toContain(
      "(TFOpLambda): there is no converter for layers of class TFOpLambda: it is an operation of TensorFlow",
    );
    expect(message).toContain("class Lambda: it holds a function written in Python");
  });

  test("text of a thousand open brackets is not parsed", () => {
    expect(() => parseManifest("[".repeat(1e6), "model.json")).toThrow("nested deeper");
    expect(() => parseManifest(`{"a":"${"[".repeat(5000)}\\"${"[".repeat(5000)}"}`, "model.json")).not.toThrow();
  });
});

interface Spec {
  name: string;
  shape: number[];
  dtype: string;
  quantization?: object;
}

interface Saved {
  modelTopology: object;
  weightsManifest: [{ paths: string[]; weights: Spec[] }];
}

describe("weights that do not fit the model", () => {
  let text = "";
  let bytes = new Uint8Array();

  beforeAll(async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [4], name: "d" })] });
    const raw = await rawModelOf(model);
    text = JSON.stringify(raw.manifest);
    bytes = Uint8Array.from(raw.weights ?? []);
  });

  const edited = (edit: (specs: Spec[]) => void): unknown => {
    const parsed: Saved = structuredClone(savedOf(text));
    edit(parsed.weightsManifest[0].weights);
    return parsed;
  };

  test.each<readonly [string, (specs: Spec[]) => void, string]>([
    ["one twice", (specs) => specs.push({ name: "d/bias", shape: [0], dtype: "float32" }), "more than once"],
    ["one of nobody", (specs) => specs.push({ name: "e/bias", shape: [0], dtype: "float32" }), "no layer"],
    ["one missing", (specs) => specs.pop(), "too long"],
    ["dims that do not multiply out", (specs) => specs.forEach((spec) => (spec.shape = [5])), "too"],
    ["dims swapped", (specs) => specs[0]?.shape.splice(0, 2, 3, 4), "must have shape [4, 3]"],
    ["negative dims", (specs) => specs[0]?.shape.splice(0, 2, -4, -3), "list of sizes"],
    ["dims beyond counting", (specs) => specs[0]?.shape.splice(0, 2, 1e9, 1e9), "bytes"],
    ["a type of no layer", (specs) => specs.forEach((spec) => (spec.dtype = "string")), "dtype must be"],
    [
      "a quantisation of no kind",
      (specs) => specs.forEach((spec) => (spec.quantization = { dtype: "int4" })),
      "quantization",
    ],
    [
      "a quantisation without scale",
      (specs) => specs.forEach((spec) => (spec.quantization = { dtype: "uint8" })),
      "scale",
    ],
  ])("%s", (_, edit, message) => {
    expect(faultOf(edited(edit), bytes).message).toContain(message);
  });

  test.each([
    ["too short", 59],
    ["too short", 0],
    ["too long", 61],
  ])("data that is %s: %d of 60 bytes", (message, length) => {
    const data = new Uint8Array(length);
    data.set(bytes.subarray(0, length));
    expect(bytes.byteLength).toBe(60);
    expect(faultOf(savedOf(text), data).message).toContain(message);
  });

  test("no data at all", () => {
    expect(faultOf(savedOf(text)).message).toContain("missing");
  });
});

function savedOf(text: string): Saved {
  const value: unknown = JSON.parse(text);
  if (isSaved(value)) return value;
  throw new TypeError("TF.js saved something else");
}

function isSaved(value: unknown): value is Saved {
  return typeof value === "object" && value !== null && "weightsManifest" in value;
}
