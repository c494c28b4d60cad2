import { join } from "node:path";

import * as tf from "@tensorflow/tfjs";
import * as ortNode from "onnxruntime-node";
import * as ortWeb from "onnxruntime-web";
import { beforeAll, describe, expect, test } from "vitest";

import { exportRaw, type ExportedModel, type ExportOptions } from "../../src/export/export-model.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import { toArtifacts } from "../../src/infer/tfjs-session.ts";
import { readOnnx } from "../../src/onnx/read.ts";
import { readModel } from "../../src/node/read-model.ts";
import { ModelEditor } from "../../src/onnx/rewrite.ts";
import { at, first, last, valueOf } from "../../src/require.ts";
import { float32 as float32Tensor } from "../../src/tensor.ts";
import { rangesOf } from "../../src/verify/accuracy/ranges.ts";
import { predict, randomizeWeights, rawModelOf, tensorOf } from "../helpers/live-model.ts";
import { quantized } from "../helpers/quantize.ts";

ortWeb.env.wasm.numThreads = 1;
ortWeb.env.logLevel = "error";

const { layers } = tf;

/** Every operator whose weights may be stored as integers, and a normalisation. Channels differ in magnitude by up to 1000. */
function everyWeight(): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      layers.conv2d({ inputShape: [6, 8, 3], filters: 20, kernelSize: 3, padding: "same", useBias: false }),
      layers.batchNormalization(),
      layers.reLU(),
      layers.conv2dTranspose({ filters: 12, kernelSize: [2, 3], padding: "same" }),
      layers.reshape({ targetShape: [6, 96] }),
      layers.bidirectional({
        layer: layers.lstm({ units: 16, returnSequences: true, recurrentActivation: "sigmoid" }),
        mergeMode: "concat",
      }),
      layers.gru({ units: 24, recurrentActivation: "sigmoid" }),
      layers.dense({ units: 288, activation: "tanh" }),
      layers.dense({ units: 96, activation: "tanh" }),
      layers.dense({ units: 10 }),
    ],
  });
  randomizeWeights(model, 3);
  for (const weight of model.weights) {
    const channels = last(weight.shape) ?? 1;
    if (weight.shape.length < 2) continue;
    const scale = Array.from({ length: channels }, (_, channel) => 10 ** -(channel % 4));
    weight.write(tf.mul(weight.read(), tf.tensor1d(scale)));
  }
  return model;
}

let raw: RawModel;
let images: tf.Tensor;

beforeAll(async () => {
  const model = everyWeight();
  raw = await rawModelOf(model);
  images = tf.randomNormal([3, 6, 8, 3], 0, 1, "float32", 5);
});

/** What TF.js itself computes of a saved model, quantised or not, and every value that its weights have. */
async function original(
  saved: RawModel,
): Promise<{ readonly output: Float32Array; readonly values: ReadonlySet<number> }> {
  const model = await tf.loadLayersModel({ load: () => Promise.resolve(toArtifacts(saved)) });
  const [output] = predict(model, [images]);
  const values = model.getWeights().flatMap((weight) => Array.from(weight.dataSync<"float32">()));
  return { output: Float32Array.from(output?.dataSync<"float32">() ?? []), values: new Set(values) };
}

async function run(
  bytes: Uint8Array,
  runtime: "node" | "web",
  input = images,
): Promise<ReadonlyMap<string, Float32Array>> {
  const ort = runtime === "node" ? ortNode : ortWeb;
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: [runtime === "node" ? "cpu" : "wasm"],
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
  });
  const data = Float32Array.from(input.dataSync<"float32">());
  const results = await session.run({ [last(session.inputNames)]: new ort.Tensor("float32", data, input.shape) });
  await session.release();
  return new Map(
    Object.entries(results).map(([name, { data: found }]) => {
      if (!(found instanceof Float32Array)) throw new TypeError(`${name} is not float32`);
      return [name, found];
    }),
  );
}

/** The weights of a file as ONNX Runtime makes them, by name. */
async function weightsOf(
  { bytes, precision }: Pick<ExportedModel, "bytes" | "precision">,
  input = images,
): Promise<ReadonlyMap<string, Float32Array>> {
  const outputs = precision.weights.map(({ name }) => ({ name, elementType: 1 }));
  const results = await run(new ModelEditor(bytes).addOutputs(outputs).finish(), "node", input);
  return new Map(outputs.map(({ name }) => [name, valueOf(results, name)]));
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a).toHaveLength(b.length);
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] ?? NaN))), 0);
}

describe("weights that TF.js quantised", () => {
  for (const dtype of ["uint8", "uint16", "float16"] as const) {
    test(`as ${dtype} stay so, with the very numbers that TF.js computes`, async () => {
      const saved = quantized(raw, dtype);
      const exported = exportRaw(saved);
      const float32 = exportRaw(saved, { precision: "float32" });
      const stored = exported.precision.weights.filter(({ dims }) => dims.filter((size) => size > 1).length > 1);
      expect(stored.map(({ type, loss }) => ({ type, loss }))).toEqual(stored.map(() => ({ type: dtype, loss: 0 })));
      expect(stored.length).toBeGreaterThanOrEqual(9);
      // Beside them: 4 nodes for each weight, and the biases of recurrent layers, half of which are zeros that TF.js does not store.
      const graphBytes = float32.byteLength - 4 * float32.parameters;
      expect(exported.byteLength).toBeLessThan((saved.weights?.length ?? 0) + graphBytes + 6000);

      // Rounding to as many bits would lose something, and make the file hardly smaller.
      const rounded = exportRaw(saved, { precision: dtype === "uint8" ? "int8" : "float16" });
      expect(rounded.byteLength - exported.byteLength).toBeLessThanOrEqual("float16".length - "stored".length);
      expect(rounded.precision.weights.filter(({ loss }) => loss > 0)).toEqual([]);

      const { output, values } = await original(saved);
      const found = await weightsOf(exported);
      const others = stored.flatMap(({ name }) =>
        Array.from(valueOf(found, name)).filter((value) => !values.has(value) && value !== 0),
      );
      expect(others).toEqual([]);
      for (const runtime of ["node", "web"] as const) {
        const [made] = (await run(exported.bytes, runtime)).values();
        expect(largestDifference(made ?? new Float32Array(), output)).toBeLessThan(1e-5);
      }
    });
  }
});

/** Axes that have scales of their own, by the shape of the weight in the file. */
const CHANNELS: ReadonlyMap<string, readonly number[]> = new Map([
  ["20,3,3,3", [0]],
  ["20,12,2,3", [1]],
  ["2,64,96", [0, 1]],
  ["2,64,16", [0, 1]],
  ["1,72,32", [0, 1]],
  ["1,72,24", [0, 1]],
  ["24,288", [1]],
  ["288,96", [1]],
  ["96,10", [1]],
]);

/** Largest error of an element, relative to a size given for each. */
function worstError(before: Float32Array, after: Float32Array, sizes: Float32Array): number {
  return before.reduce(
    (worst, value, index) => Math.max(worst, Math.abs(value - at(after, index)) / at(sizes, index)),
    0,
  );
}

/** Largest magnitude of the elements that have the same indices along some axes, for every element. */
function largestOfGroup(data: Float32Array, dims: readonly number[], channels: readonly number[]): Float32Array {
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((size, each) => size * each, 1));
  const keys = Array.from(data, (_, index) =>
    channels.map((axis) => Math.floor(index / (strides[axis] ?? 1)) % (dims[axis] ?? 1)).join(),
  );
  const most = new Map<string, number>();
  for (const [index, key] of keys.entries()) most.set(key, Math.max(most.get(key) ?? 0, Math.abs(data[index] ?? 0)));
  return Float32Array.from(keys, (key) => valueOf(most, key));
}

describe("weights rounded to", () => {
  // The scale of a block of int4 may leave 2/9 of its largest element out.
  const cases: readonly { options: ExportOptions; worstRounding: number; loss: number; ratio: number }[] = [
    { options: { precision: "int8" }, worstRounding: 0.51 / 127, loss: 0.015, ratio: 0.32 },
    {
      options: { precision: "int8", matrixForm: "folded", opset: 13 },
      worstRounding: 0.51 / 127,
      loss: 0.015,
      ratio: 0.32,
    },
    { options: { precision: "int4" }, worstRounding: 2.01 / 9, loss: 0.14, ratio: 0.24 },
    { options: { precision: "int4", matrixForm: "folded" }, worstRounding: 2.01 / 9, loss: 0.14, ratio: 0.24 },
    { options: { precision: "float16" }, worstRounding: 1 / 1024, loss: 5e-4, ratio: 0.54 },
  ];
  for (const { options, worstRounding, loss, ratio } of cases) {
    test(`${options.precision} ${options.matrixForm ?? ""}: each channel has a scale of its own`, async () => {
      const exported = exportRaw(raw, options);
      const float32 = exportRaw(raw, { precision: "float32" });
      const { weights } = exported.precision;
      expect(weights.map(({ dims }) => dims.join()).toSorted()).toEqual(
        expect.arrayContaining([...CHANNELS.keys()].toSorted()),
      );
      const [rounded, exact] = [
        await weightsOf(exported),
        await weightsOf({ ...float32, precision: exported.precision }),
      ];
      const measured = weights.flatMap((weight) => {
        const channels = CHANNELS.get(weight.dims.join());
        if (channels === undefined) return [];
        const [before, after] = [valueOf(exact, weight.name), valueOf(rounded, weight.name)];
        const worst = worstError(before, after, largestOfGroup(before, weight.dims, channels));
        return [{ type: weight.type, isClose: weight.loss < loss && worst < worstRounding, isRounded: worst > 0 }];
      });
      expect(measured).toEqual(measured.map(() => ({ type: options.precision, isClose: true, isRounded: true })));
      expect(exported.byteLength).toBeLessThan(ratio * float32.byteLength);
      const { output } = await original(raw);
      const scale = output.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (const runtime of ["node", "web"] as const) {
        const [found] = (await run(exported.bytes, runtime)).values();
        const difference = largestDifference(found ?? new Float32Array(), output);
        expect(difference).toBeLessThan(6 * loss * scale);
        expect(difference).toBeGreaterThan(0);
      }
    });
  }
});

test("every 32 rows of an int4 matrix have a scale of their own", async () => {
  const dense = tf.sequential({ layers: [layers.dense({ units: 64, inputShape: [256] })] });
  randomizeWeights(dense, 2);
  const kernel = first(dense.weights);
  const sizes = Array.from({ length: 256 }, (_, row) => 10 ** -(Math.floor(row / 32) % 3));
  kernel.write(tf.mul(kernel.read(), tf.tensor2d(sizes, [256, 1])));
  const exact = Float32Array.from(kernel.read().dataSync<"float32">());
  const saved = await rawModelOf(dense);
  const input = tf.zeros([1, 256]);
  for (const matrixForm of ["folded", "dequantize"] as const) {
    const exported = exportRaw(saved, { precision: "int4", matrixForm });
    expect(exported.precision.weights).toMatchObject([{ type: "int4", dims: [256, 64] }]);
    const [rounded] = (await weightsOf(exported, input)).values();
    const most = largestOfGroup(exact, [8, 32, 64], [0, 2]);
    expect(worstError(exact, rounded ?? new Float32Array(), most)).toBeLessThan(2.01 / 9);
  }
});

test("the shipped models that read lines have no large weight that int8 would lose too much of", async () => {
  for (const name of ["line-captcha", "line-cheque", "line-print"]) {
    const shipped = await readModel(join(import.meta.dirname, "../../models", name));
    const { weights } = exportRaw(shipped, { precision: "int8" }).precision;
    expect(weights.length).toBeGreaterThan(10);
    expect(weights.filter(({ type }) => type !== "int8")).toEqual([]);
  }
});

/** Root mean square of the differences, relative to that of what is expected. */
function relativeError(found: Float32Array, expected: Float32Array): number {
  expect(found).toHaveLength(expected.length);
  const squares = (values: readonly number[]): number => values.reduce((sum, value) => sum + value ** 2, 0);
  return Math.sqrt(
    squares(Array.from(found, (value, index) => value - at(expected, index))) / squares(Array.from(expected)),
  );
}

describe("computing in", () => {
  test("float16: but for recurrent layers, large constants and nodes that are named", async () => {
    const exact = exportRaw(raw, { precision: "float32" });
    const exported = exportRaw(raw, { precision: "float16", compute: "float16" });
    const { graph } = readOnnx(exported.bytes);
    const types = new Map(graph.initializers.map(({ name, elementType }) => [name, elementType]));
    const convolutions = graph.nodes.filter(({ opType }) => opType === "Conv" || opType === "ConvTranspose");
    expect(convolutions.map(({ inputs }) => types.get(at(inputs, 1)))).toEqual([10, 10]);
    expect([...exported.inputs, ...exported.outputs].map(({ dtype }) => dtype)).toEqual(["float32", "float32"]);
    const { compute, float32Nodes, weights } = exported.precision;
    expect(compute).toBe("float16");
    expect(float32Nodes.map(({ opType }) => opType)).toEqual(["LSTM", "GRU"]);
    expect(weights.map(({ type }) => type)).toEqual(weights.map(() => "float16"));
    const { output } = await original(raw);
    for (const runtime of ["node", "web"] as const) {
      const error = relativeError(last([...(await run(exported.bytes, runtime)).values()]), output);
      expect(error).toBeLessThan(0.01);
      expect(error).toBeGreaterThan(0);
    }
    const [kept] = readOnnx(exact.bytes).graph.nodes.filter(({ opType }) => opType === "Conv");
    const named = exportRaw(raw, { precision: "float16", compute: "float16", float32Nodes: [kept?.name ?? ""] });
    const reasons = named.precision.float32Nodes.filter(({ opType }) => opType === "Conv").map(({ reason }) => reason);
    expect(reasons).toEqual(["its numbers are too large for float16 on the samples"]);
  });

  test("float16: a constant beyond 65504 keeps its node in float32", async () => {
    const dense = tf.sequential({ layers: [layers.dense({ units: 4, inputShape: [3] }), layers.dense({ units: 2 })] });
    dense.weights[0]?.write(tf.mul(tf.ones([3, 4]), 1e5));
    const exported = exportRaw(await rawModelOf(dense), { precision: "float16", compute: "float16" });
    expect(exported.precision.float32Nodes).toMatchObject([{ opType: "Gemm" }]);
    expect(first(exported.precision.float32Nodes).reason).toContain("larger than float16 holds, 65504");
  });

  test("integers: with the ranges of typical inputs", async () => {
    const exact = exportRaw(raw, { precision: "float32" });
    const image = float32Tensor(Float32Array.from(images.dataSync<"float32">()), images.shape);
    const feeds = { [last(exact.inputs).name]: image };
    const ranges = await rangesOf(exact.bytes, {
      kind: "calibration",
      source: "here",
      count: 3,
      labels: null,
      batches: () => [feeds],
    });
    const exported = exportRaw(raw, { precision: "int8", activationRanges: ranges });
    expect(exported.precision).toMatchObject({ name: "int8", compute: "int8" });
    const nodes = readOnnx(exported.bytes).graph.nodes.map(({ opType }) => opType);
    expect(nodes.filter((opType) => opType === "QuantizeLinear").length).toBeGreaterThanOrEqual(5);
    const { output } = await original(raw);
    for (const runtime of ["node", "web"] as const) {
      const error = relativeError(last([...(await run(exported.bytes, runtime)).values()]), output);
      expect(error).toBeLessThan(0.1);
      expect(error).toBeGreaterThan(0);
    }
  });
});

test("integers reach both ends of a range that lies on one side of 0", async () => {
  const dense = tf.sequential({
    layers: [layers.dense({ units: 300, inputShape: [96], activation: "relu" }), layers.dense({ units: 10 })],
  });
  randomizeWeights(dense, 4);
  const saved = await rawModelOf(dense);
  for (const [least, most] of [
    [4, 9],
    [-9, -4],
  ] as const) {
    const input = tf.randomUniform([8, 96], least, most, "float32", 6);
    const feeds = { [last(exportRaw(saved).inputs).name]: tensorOf(input) };
    const samples = { kind: "calibration", source: "here", count: 8, labels: null, batches: () => [feeds] } as const;
    const ranges = await rangesOf(exportRaw(saved).bytes, samples);
    const exported = exportRaw(saved, { precision: "int8", activationRanges: ranges });
    expect(exported.precision.compute).toBe("int8");
    const [found] = (await run(exported.bytes, "node", input)).values();
    const expected = Float32Array.from(predict(dense, [input])[0]?.dataSync<"float32">() ?? []);
    expect(relativeError(found ?? new Float32Array(), expected)).toBeLessThan(0.03);
  }
});

test("what does not go together is refused", () => {
  expect(() => exportRaw(raw, { precision: "int4", opset: 20 })).toThrow("int4 weights need opset 21; got 20");
  expect(() => exportRaw(raw, { precision: "int8", compute: "float16" })).toThrow("only float16 weights");
  expect(() => exportRaw(raw, { activationRanges: new Map() })).toThrow("only int8 weights");
  const unknown: ExportOptions = {};
  Reflect.set(unknown, "precision", "int2");
  expect(() => exportRaw(raw, unknown)).toThrow(
    expect.objectContaining({ name: "ExportError", hint: "choose one of stored, float32, float16, int8, int4" }),
  );
});
