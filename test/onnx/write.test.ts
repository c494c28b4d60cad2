import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { computedTensor } from "../../src/computed-tensor.ts";
import { InternalError } from "../../src/errors.ts";
import { exportRaw } from "../../src/export/export-model.ts";
import { readModel } from "../../src/node/read-model.ts";
import type { onnx } from "../../src/onnx/generated/decode.js";
import { float, floats, int, ints, string, strings, subgraph, type OnnxGraph } from "../../src/onnx/model.ts";
import { concatenate, writeOnnx, type Chunks } from "../../src/onnx/write.ts";
import { float32, type Tensor } from "../../src/tensor.ts";
import { decodeOnnx, encodeOnnx } from "../helpers/onnx-proto.ts";

/** protobufjs reads the file, and writes the same bytes again. */
function expectSameBytes(bytes: Uint8Array): onnx.ModelProto {
  const message = decodeOnnx(bytes);
  expect(Buffer.from(encodeOnnx(message)).equals(bytes)).toBe(true);
  return message;
}

function chunksOf(graph: Partial<OnnxGraph>, metadata: readonly (readonly [string, string])[] = []): Chunks {
  return writeOnnx({
    irVersion: 8,
    opset: 17,
    producerName: "test",
    producerVersion: "0",
    graph: { name: "graph", nodes: [], initializers: new Map(), inputs: [], outputs: [], ...graph },
    metadata: new Map(metadata),
  });
}

function fileOf(graph: Partial<OnnxGraph>, metadata: readonly (readonly [string, string])[] = []): Uint8Array {
  return concatenate(chunksOf(graph, metadata));
}

describe("an ONNX file", () => {
  test("of the shipped model is what protobufjs would write", async () => {
    const folder = resolve(import.meta.dirname, "../../models/crnn-mnist");
    const { bytes } = exportRaw(await readModel(folder));
    const { graph } = expectSameBytes(bytes);
    expect(graph?.node?.length).toBeGreaterThan(10);
    expectSameBytes(readFileSync(resolve(folder, "model.onnx")));
  });

  test("has every kind of attribute", () => {
    const inner: OnnxGraph = {
      name: "body",
      nodes: [],
      initializers: new Map(),
      inputs: [{ name: "x", dtype: "bool", dims: null }],
      outputs: [{ name: "y", dtype: "float16", dims: [] }],
    };
    const tensor: Tensor = { dtype: "int64", dims: [2], data: BigInt64Array.of(-1n, 2n ** 62n) };
    const attributes = {
      a: int(-1),
      b: int(Number.MAX_SAFE_INTEGER),
      c: float(-0.1),
      d: string("grüße"),
      e: ints([0, 127, 128, -(2 ** 31), 2 ** 31]),
      f: floats([0, 1e-40, Number.POSITIVE_INFINITY]),
      g: strings(["", "x"]),
      h: subgraph(inner),
      i: { type: "tensor" as const, value: tensor },
    };
    const node = { opType: "Op", domain: "my", name: "n", inputs: ["", "x"], outputs: ["y", ""], attributes };
    const names: Tensor = { dtype: "string", dims: [2], data: ["ä", ""] };
    const { graph, opsetImport } = expectSameBytes(
      fileOf({ nodes: [node], initializers: new Map([["names", names]]) }),
    );
    expect(opsetImport?.map(({ domain, version }) => [domain, Number(version)])).toEqual([
      ["", 17],
      ["my", 1],
    ]);
    const [read] = graph?.node ?? [];
    expect([read?.input, read?.output, read?.domain]).toEqual([["", "x"], ["y", ""], "my"]);
    const [a, b, c, d, e, f, g, h, i] = read?.attribute ?? [];
    expect([Number(a?.i), Number(b?.i), c?.f]).toEqual([-1, Number.MAX_SAFE_INTEGER, Math.fround(-0.1)]);
    expect(new TextDecoder().decode(d?.s ?? undefined)).toBe("grüße");
    expect([e?.ints?.map(Number), f?.floats]).toEqual([
      [0, 127, 128, -(2 ** 31), 2 ** 31],
      [0, Math.fround(1e-40), Number.POSITIVE_INFINITY],
    ]);
    expect([g?.strings?.length, h?.g?.input?.[0]?.name, i?.t?.rawData?.length]).toEqual([2, "x", 16]);
  });

  test("has numbers and texts of any length", () => {
    fc.assert(
      fc.property(
        fc.array(fc.maxSafeInteger()),
        fc.array(fc.string({ unit: "grapheme", maxLength: 300 })),
        (numbers, texts) => {
          const attributes = { numbers: ints(numbers), texts: strings(texts) };
          const node = { opType: "Op", domain: "", name: "n", inputs: texts, outputs: [], attributes };
          const metadata = texts.map((text): [string, string] => [text, text]);
          const { graph } = expectSameBytes(fileOf({ nodes: [node] }, metadata));
          expect(graph?.node?.[0]?.attribute?.[0]?.ints?.map(Number)).toEqual(numbers);
        },
      ),
    );
  });
});

function ramp(length: number): Tensor {
  return float32(
    Float32Array.from({ length }, (_, index) => index),
    [length],
  );
}

describe("large weights", () => {
  const body: OnnxGraph = {
    name: "body",
    nodes: [],
    initializers: new Map([["inner", ramp(3000)]]),
    inputs: [],
    outputs: [],
  };
  const node = {
    opType: "If",
    domain: "",
    name: "n",
    inputs: [],
    outputs: [],
    attributes: { then_branch: subgraph(body) },
  };
  const constant: Tensor = ramp(5000);
  const attributes = { value: { type: "tensor" as const, value: constant } };
  const graph = {
    nodes: [node, { ...node, opType: "Constant", attributes }, node],
    initializers: new Map([
      ["small", ramp(3)],
      ["large", ramp(2000)],
      ["empty", ramp(0)],
      ["larger", ramp(100_000)],
    ]),
  };

  test("are views of the tensors, at any depth, and the file is what protobufjs would write", () => {
    const { chunks: pieces, byteLength } = chunksOf(graph);
    const chunks = [...pieces];
    const large = [
      graph.initializers.get("large"),
      graph.initializers.get("larger"),
      body.initializers.get("inner"),
      constant,
    ];
    for (const tensor of large) {
      const { data } = tensor ?? {};
      expect(ArrayBuffer.isView(data) && chunks.some(({ buffer }) => buffer === data.buffer)).toBe(true);
    }
    expect(chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(byteLength);
    expectSameBytes(fileOf(graph));
  });

  test("of a part of a larger buffer", () => {
    const data = new Float32Array(10_000).subarray(2000, 4000).fill(1);
    const read = expectSameBytes(fileOf({ initializers: new Map([["part", float32(data, [2000])]]) }));
    expect(read.graph?.initializer?.[0]?.rawData?.length).toBe(8000);
  });
});

test("a computed tensor is computed when its piece is needed, and the file is as if it was kept", () => {
  const [length, small] = [2_000_500, 3];
  let times = 0;
  const computed = (size: number): Tensor =>
    computedTensor([size], {
      *parts() {
        times++;
        for (let start = 0; start < size; start += 1000) {
          yield Float32Array.from({ length: Math.min(1000, size - start) }, (_, index) => start + index);
        }
      },
      element: (index) => index,
    });
  const file = chunksOf({ initializers: new Map([["late", computed(length)]]) });
  expect(times).toBe(0);
  const kept = fileOf({ initializers: new Map([["late", ramp(length)]]) });
  expect(Buffer.from(concatenate(file)).equals(kept)).toBe(true);
  expect(Buffer.from(concatenate(file)).equals(kept)).toBe(true);
  expect([times, file.byteLength]).toEqual([2, kept.length]);
  expect(fileOf({ initializers: new Map([["a", computed(small)]]) })).toEqual(
    fileOf({ initializers: new Map([["a", ramp(small)]]) }),
  );
});

test("a file of more than 2 GiB is refused before it is put together", () => {
  const data = new Float32Array(2 ** 24);
  const initializers = new Map(
    Array.from({ length: 32 }, (_, index) => [`w${index}`, float32(data, [data.length])] as const),
  );
  expect(() => chunksOf({ initializers })).toThrow(/would have 21474\d+ bytes.*at most 2147483647/u);
});

test("types of inner tensors are written where they are given, in bodies too", () => {
  const valueInfo = [{ name: "t", dtype: "int32", dims: ["batch", 3] }] as const;
  const body: OnnxGraph = { name: "body", nodes: [], initializers: new Map(), inputs: [], outputs: [], valueInfo };
  const node = {
    opType: "If",
    domain: "",
    name: "n",
    inputs: [],
    outputs: [],
    attributes: { then_branch: subgraph(body) },
  };
  const { graph } = expectSameBytes(fileOf({ nodes: [node], valueInfo }));
  for (const found of [graph?.valueInfo, graph?.node?.[0]?.attribute?.[0]?.g?.valueInfo]) {
    expect(found?.map(({ name, type }) => [name, type?.tensorType?.elemType])).toEqual([["t", 6]]);
  }
});

test("texts with unpaired surrogates are valid UTF-8", () => {
  const name = "a\uD800b";
  const node = { opType: "Op", domain: "", name, inputs: [], outputs: [], attributes: { s: string(name) } };
  const { graph } = expectSameBytes(fileOf({ nodes: [node] }, [["key", name]]));
  expect(graph?.node?.[0]?.name).toBe("a\uFFFDb");
});

test("what a file cannot hold exactly is an internal error", () => {
  const node = { opType: "Op", domain: "", name: "n", inputs: [], outputs: [] };
  for (const value of [1.5, 2 ** 53, Number.NaN]) {
    expect(() => fileOf({ nodes: [{ ...node, attributes: { axis: int(value) } }] })).toThrow(InternalError);
    expect(() => fileOf({ nodes: [{ ...node, attributes: { axes: ints([0, value]) } }] })).toThrow(InternalError);
  }
  const short: Tensor = { dtype: "float32", dims: [3], data: new Float32Array(2) };
  expect(() => fileOf({ initializers: new Map([["short", short]]) })).toThrow(
    "the tensor short of shape [3] has 2 elements",
  );
});
