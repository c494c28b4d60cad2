import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { resolve } from "node:path";

import * as ortNode from "onnxruntime-node";
import * as ortWeb from "onnxruntime-web";
import { beforeAll, expect, test, vi } from "vitest";

import { exportAnySource, readAnyModel } from "../../../src/export/any-source.ts";
import type { ExportedModel } from "../../../src/export/export-model.ts";
import type { GraphSource } from "../../../src/export/graph/source/graph-model.ts";
import type { RawModel } from "../../../src/export/source/model.ts";
import { fromOrt, toOrt } from "../../../src/infer/ort-tensor.ts";
import { readModel } from "../../../src/node/read-model.ts";
import { readOnnx } from "../../../src/onnx/read.ts";
import { at } from "../../../src/require.ts";
import { float32, type Tensor } from "../../../src/tensor.ts";
import { describeFile } from "../../../src/verify/file/onnx-file.ts";
import { graphOriginal } from "../../../src/verify/original.ts";
import { openReference } from "../../../src/verify/reference/tfjs-reference.ts";

import { randomNumbers, sizeOf } from "./case-values.ts";
import { difference } from "./run-cases.ts";

/** What TensorFlow's own converter writes: tools/graph-models/make.py has the models in Python. */
const folder = resolve(import.meta.dirname, "converted");
const names = readdirSync(folder);

/** Sizes of free axes in the order of the axes; inputs share their first. */
const SIZES = [
  [2, 6, 7, 5],
  [1, 5, 8, 3],
];

/** Inputs that must be something, for the first sizes and for the second. */
const FED: Readonly<Record<string, readonly [Tensor, Tensor]>> = {
  splits: [integers([0, 2, 2, 6]), integers([0, 1, 5, 6])],
  words: [texts(["the", "dog", "cat", "", "sat", "the", "cat", "mat"], [2, 4]), texts(["sat"], [1, 1])],
  limit: [scalar(9), scalar(0)],
  outer: [scalar(3), scalar(0)],
  inner: [scalar(2), scalar(1)],
  flag: [bool(true), bool(false)],
  labels: [integers([4, 1, 4, 2, 0]), integers([5, 5, 1, 3, 1])],
};

function integers(values: readonly number[]): Tensor {
  return { dtype: "int32", dims: [values.length], data: Int32Array.from(values) };
}

function scalar(value: number): Tensor {
  return { dtype: "int32", dims: [], data: Int32Array.of(value) };
}

function bool(value: boolean): Tensor {
  return { dtype: "bool", dims: [], data: Uint8Array.of(value ? 1 : 0) };
}

function texts(data: readonly string[], dims: readonly number[]): Tensor {
  return { dtype: "string", dims, data: [...data] };
}

function feedOf(name: string, dtype: string, shape: readonly (number | null)[], round: 0 | 1, seed: number): Tensor {
  const fed = FED[name];
  if (fed !== undefined && fed[round].dtype === dtype) return fed[round];
  const dims = shape.map((size, axis) => size ?? SIZES[round]?.[axis] ?? 1);
  const numbers = randomNumbers(seed + round, sizeOf(dims));
  if (dtype === "int32") return { dtype, dims, data: Int32Array.from(numbers, (value) => Math.floor(value * 7)) };
  return float32(
    Float32Array.from(numbers, (value) => value * 4 - 2),
    dims,
  );
}

beforeAll(() => {
  vi.spyOn(console, "warn").mockReturnValue();
  ortWeb.env.wasm.numThreads = 1;
  ortWeb.env.logLevel = "error";
});

/** Patterns that become one node, and recurrences that stay loops: how many nodes the main graph has. */
const NODES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  lstm: { LSTM: 1, GRU: 0, Loop: 0 },
  gru: { LSTM: 0, GRU: 1, Loop: 0 },
  "last-lstm": { LSTM: 2, GRU: 0, Loop: 0 },
  "two-ways": { LSTM: 2, GRU: 2, Loop: 0 },
  "basic-lstm": { LSTM: 1, Loop: 0 },
  "masked-lstm": { LSTM: 0, GRU: 0, Loop: 1 },
  cells: { LSTM: 0, GRU: 0, Loop: 2 },
  // ONNX Runtime makes a Gelu of erf only where it reads a quotient; the other one is of the L2 normalisation.
  transformer: { LayerNormalization: 2, Div: 2, ReduceL2: 1, MatMul: 6, Einsum: 0, Transpose: 4 },
  style: { InstanceNormalization: 1 },
  "mobile-block": { HardSwish: 1 },
  dilated: { Conv: 1, Reshape: 0, Transpose: 2 },
  // One of three convolutions in blocks has its activation there, which TensorFlow does not write.
  segmentation: { Conv: 3, Pad: 1 },
};

interface Round {
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly expected: Readonly<Record<string, Tensor>>;
}

/** TensorFlow's own answers, for models that TF.js does not run. */
function answersOf(name: string): readonly Round[] | null {
  const path = resolve(folder, name, "tensorflow.json");
  if (!existsSync(path)) return null;
  const rounds: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (!Array.isArray(rounds)) throw new TypeError(`${path} must hold a list`);
  return rounds.map((round: unknown) => ({ feeds: tensorsOf(round, "inputs"), expected: tensorsOf(round, "outputs") }));
}

function tensorsOf(round: unknown, key: string): Readonly<Record<string, Tensor>> {
  const tensors = field(round, key);
  if (typeof tensors !== "object" || tensors === null) throw new TypeError(`no ${key}`);
  return Object.fromEntries(Object.entries(tensors).map(([name, given]) => [name, tensorOf(given)]));
}

function tensorOf(given: unknown): Tensor {
  const [dims, data] = [numbersOf(field(given, "dims")), numbersOf(field(given, "data"))];
  switch (field(given, "dtype")) {
    case "float32":
      return float32(Float32Array.from(data), dims);
    case "int32":
      return { dtype: "int32", dims, data: Int32Array.from(data) };
    case "bool":
      return { dtype: "bool", dims, data: Uint8Array.from(data) };
    default:
      throw new TypeError("a tensor of float32, int32 or bool was expected");
  }
}

function numbersOf(list: unknown): readonly number[] {
  if (!Array.isArray(list)) throw new TypeError("a list of numbers was expected");
  return list.map(Number);
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

/** What TF.js gives for inputs of two sizes. */
async function computed(raw: RawModel, source: GraphSource, exported: ExportedModel): Promise<readonly Round[]> {
  const original = await graphOriginal(raw, source, describeFile(exported.bytes), {});
  const reference = await openReference(original.load, { provider: "cpu" });
  const rounds: Round[] = [];
  for (const round of [0, 1] as const) {
    const feeds = Object.fromEntries(
      exported.inputs.map(({ name, dtype, dims }, index): [string, Tensor] => {
        const shape = dims.map((size) => (typeof size === "number" ? size : null));
        return [name, feedOf(name, dtype, shape, round, 10 * index + 1)];
      }),
    );
    const outputs = await reference.run(feeds);
    rounds.push({
      feeds,
      expected: Object.fromEntries(exported.outputs.map(({ name }, index) => [name, at(outputs, index)])),
    });
  }
  reference.dispose();
  return rounds;
}

test.each(names)("%s", async (name) => {
  const raw = await readModel(resolve(folder, name));
  const source = await readAnyModel(raw);
  if (source.kind !== "graph") throw new TypeError(`${name} is no Graph model`);
  const exported = await exportAnySource(source, {});
  const rounds = answersOf(name) ?? (await computed(raw, source, exported));
  const settings = { logSeverityLevel: 3, intraOpNumThreads: 1, interOpNumThreads: 1 } as const;
  const node = await ortNode.InferenceSession.create(exported.bytes, settings);
  const web = await ortWeb.InferenceSession.create(exported.bytes, { ...settings, executionProviders: ["wasm"] });
  const { nodes } = readOnnx(exported.bytes).graph;
  const found = Object.entries(NODES[name.replace(/-v\d$/, "")] ?? {}).flatMap(([op, wanted]) => {
    const count = nodes.filter(({ opType }) => opType === op).length;
    return count === wanted ? [] : [`${count} ${op} nodes, expected ${wanted}`];
  });
  for (const [index, { feeds, expected }] of rounds.entries()) {
    for (const [place, ort, session] of [["node", ortNode, node] as const, ["web", ortWeb, web] as const]) {
      const fed = Object.entries(feeds).map(([input, tensor]) => [input, toOrt(ort.Tensor, tensor)] as const);
      const got = await session.run(Object.fromEntries(fed));
      const sorted = Object.keys(expected).toSorted();
      for (const [output, want] of Object.entries(expected)) {
        // The converter calls the outputs of some functions Identity, Identity_1, ... in alphabetical order.
        const order = sorted.indexOf(output);
        const value = got[output] ?? got[order === 0 ? "Identity" : `Identity_${order}`];
        const reason =
          value === undefined ? "missing" : difference(fromOrt(value, output), want, { of: "range", value: 1e-5 });
        if (reason !== null) found.push(`${place}, sizes ${index}, ${output}: ${reason}`);
      }
    }
  }
  await node.release();
  await web.release();
  expect(found).toEqual([]);
});

test("ONNX Runtime finds the patterns it fuses in a transformer", async () => {
  const source = await readAnyModel(await readModel(resolve(folder, "transformer")));
  const { bytes } = await exportAnySource(source, {});
  const work = mkdtempSync(resolve(tmpdir(), "tfjs-to-onnx-"));
  const optimised = resolve(work, "optimised.onnx");
  const session = await ortNode.InferenceSession.create(bytes, {
    graphOptimizationLevel: "extended",
    optimizedModelFilePath: optimised,
    logSeverityLevel: 3,
  });
  await session.release();
  const ops = readOnnx(readFileSync(optimised)).graph.nodes.map(({ opType }) => opType);
  rmSync(work, { recursive: true });
  expect(ops).toEqual(expect.arrayContaining(["Gelu", "FastGelu", "SkipLayerNormalization"]));
  expect(ops.length).toBeLessThan(46);
});
