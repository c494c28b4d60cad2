import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import * as fc from "fast-check";
import $protobuf from "protobufjs/minimal.js";
import { describe, expect, test } from "vitest";

import { Random } from "../../src/data/random.ts";
import { InferenceError } from "../../src/errors.ts";
import { dtypeOf, ELEMENT_BYTES, ELEMENT_TYPE, elementTypeName } from "../../src/onnx/element-type.ts";
import type { FileAttribute } from "../../src/onnx/file-model.ts";
import { onnx } from "../../src/onnx/generated/encode.js";
import { readOnnxHeader } from "../../src/onnx/header.ts";
import { inferTypes } from "../../src/onnx/infer-types.ts";
import { float, floats, int, ints, string, strings, subgraph, type OnnxGraph } from "../../src/onnx/model.ts";
import { readOnnx, smallNumbers } from "../../src/onnx/read.ts";
import { ModelEditor } from "../../src/onnx/rewrite.ts";
import { concatenate, writeOnnx } from "../../src/onnx/write.ts";
import { tensorOver, type DType, type Tensor } from "../../src/tensor.ts";
import { encodeOnnx } from "../helpers/onnx-proto.ts";

const shipped = new Uint8Array(readFileSync(resolve(import.meta.dirname, "../../models/crnn-mnist/model.onnx")));

function write(graph: Partial<OnnxGraph>): Uint8Array {
  return concatenate(
    writeOnnx({
      irVersion: 8,
      opset: 17,
      producerName: "test",
      producerVersion: "1",
      graph: { name: "graph", nodes: [], initializers: new Map(), inputs: [], outputs: [], ...graph },
      metadata: new Map([["key", "value"]]),
    }),
  );
}

function file(graph: onnx.GraphProto.$Properties, rest: onnx.ModelProto.$Properties = {}): Uint8Array {
  return encodeOnnx({ irVersion: 8, opsetImport: [{ domain: "", version: 17 }], graph, ...rest });
}

describe("what was written is read", () => {
  test("the model itself, its inputs and outputs", () => {
    const x = { name: "x", dtype: "float32", dims: ["batch", 3] } as const;
    const y = { name: "y", dtype: "bool", dims: null } as const;
    const model = readOnnx(write({ inputs: [x], outputs: [y], valueInfo: [x] }));
    expect(model).toMatchObject({ irVersion: 8, producerName: "test", producerVersion: "1", functions: [] });
    expect([...model.opsets]).toEqual([["", 17]]);
    expect([...model.metadata]).toEqual([["key", "value"]]);
    const type = { kind: "tensor", elementType: ELEMENT_TYPE.float32, dims: ["batch", 3] };
    expect(model.graph.inputs).toEqual([{ name: "x", type }]);
    expect(model.graph.valueInfo).toEqual([{ name: "x", type }]);
    expect(model.graph.outputs).toEqual([{ name: "y", type: { ...type, elementType: ELEMENT_TYPE.bool, dims: null } }]);
  });

  test("nodes with every kind of attribute", () => {
    const value: Tensor = { dtype: "int64", dims: [2], data: BigInt64Array.of(-1n, 5n) };
    const body: OnnxGraph = { name: "body", nodes: [], initializers: new Map(), inputs: [], outputs: [] };
    const given = {
      a: int(-(2 ** 40)),
      b: float(0.5),
      c: string("grüße"),
      d: ints([1, -1]),
      e: floats([0.25]),
      f: strings(["", "x"]),
    };
    const attributes = { ...given, g: subgraph(body), h: { type: "tensor" as const, value } };
    const node = { opType: "Op", domain: "my", name: "n", inputs: ["", "x"], outputs: ["y"], attributes };
    const [read] = readOnnx(write({ nodes: [node] })).graph.nodes;
    expect(read).toMatchObject({ ...node, attributes: expect.any(Map) as unknown });
    const found = new Map(read?.attributes);
    expect(Object.fromEntries([...found].filter(([key]) => key in given))).toEqual(given);
    expect(found.get("g")).toMatchObject({ type: "graph", value: { name: "body" } });
    const tensor = found.get("h");
    expect(tensor?.type === "tensor" && smallNumbers(tensor.value, 2)).toEqual([-1, 5]);
  });

  test.each(Object.keys(ELEMENT_BYTES).map((dtype) => [dtype]))("weights of %s, as views of the file", (name) => {
    const dtype = Object.keys(ELEMENT_BYTES).find((each): each is Exclude<DType, "string"> => each === name);
    if (dtype === undefined) throw new TypeError(name);
    const bytes = Uint8Array.from({ length: 3 * ELEMENT_BYTES[dtype] }, (_, index) => index % 2);
    const bytesOfFile = write({ initializers: new Map([["w", tensorOver(dtype, [3], bytes.buffer)]]) });
    const [tensor] = readOnnx(bytesOfFile).graph.initializers;
    expect(tensor).toMatchObject({ name: "w", dims: [3], elementType: ELEMENT_TYPE[dtype] });
    if (tensor?.data.kind !== "raw") throw new TypeError("the weights are not raw");
    expect(tensor.data.bytes).toEqual(bytes);
    expect(tensor.data.bytes.buffer).toBe(bytesOfFile.buffer);
    const numbers = Array.from(tensorOver(dtype, [3], bytes.buffer).data, Number);
    expect(smallNumbers(tensor, 3)).toEqual(dtype === "float16" ? null : numbers);
    expect(smallNumbers(tensor, 2)).toBe(null);
  });

  test("texts", () => {
    const tensor: Tensor = { dtype: "string", dims: [2], data: ["ä", ""] };
    const [read] = readOnnx(write({ initializers: new Map([["t", tensor]]) })).graph.initializers;
    expect(read?.data).toEqual({ kind: "strings", values: [new TextEncoder().encode("ä"), new Uint8Array()] });
  });
});

describe("a file made elsewhere", () => {
  const packed = (write_: (writer: $protobuf.Writer) => unknown): Uint8Array => {
    const writer = new $protobuf.Writer();
    write_(writer);
    return writer.finish();
  };

  test.each<[string, DType, onnx.TensorProto.$Properties, readonly number[]]>([
    ["float_data", "float32", { floatData: [packed((writer) => writer.float(1.5).float(-2))] }, [1.5, -2]],
    ["float_data in two parts", "float32", { floatData: [1, 2].map((value) => packed((w) => w.float(value))) }, [1, 2]],
    ["double_data", "float64", { doubleData: [packed((writer) => writer.double(0.1).double(3))] }, [0.1, 3]],
    ["int32_data", "int32", { int32Data: [packed((writer) => writer.int32(-7).int32(300))] }, [-7, 300]],
    ["int32_data of bytes", "uint8", { int32Data: [packed((writer) => writer.int32(7).int32(255))] }, [7, 255]],
    ["int64_data", "int64", { int64Data: [packed((writer) => writer.int64(-1).int64(2 ** 40))] }, [-1, 2 ** 40]],
    ["uint64_data", "uint64", { uint64Data: [packed((writer) => writer.uint64(1).uint64(2 ** 50))] }, [1, 2 ** 50]],
  ])("may keep numbers in %s", (_, dtype, data, numbers) => {
    const tensor = { name: "c", dims: [2], dataType: ELEMENT_TYPE[dtype], ...data };
    const [read] = readOnnx(file({ initializer: [tensor] })).graph.initializers;
    if (read === undefined) throw new TypeError("no constant");
    expect(smallNumbers(read, 2)).toEqual(numbers);
    expect(smallNumbers({ ...read, dims: [3] }, 3)).toBe(null);
  });

  test("may keep integers of 64 bits without a sign", () => {
    const part = packed((writer) => writer.uint64(2 ** 63));
    const tensor = { name: "c", dims: [1], dataType: ELEMENT_TYPE.uint64, uint64Data: [part] };
    const [read] = readOnnx(file({ initializer: [tensor] })).graph.initializers;
    expect(read === undefined ? null : smallNumbers(read, 1)).toEqual([2 ** 63]);
  });

  test("may write a free size as -1 or as an empty name; 0 is a size", () => {
    const dim = [{ dimValue: 0 }, { dimValue: -1 }, { dimParam: "" }, {}, { dimParam: "n" }];
    const output = [{ name: "y", type: { tensorType: { elemType: 1, shape: { dim } } } }];
    const [read] = readOnnx(file({ output })).graph.outputs;
    expect(read?.type).toEqual({ kind: "tensor", elementType: 1, dims: [0, null, null, null, "n"] });
  });

  test("may keep weights in another file", () => {
    const entries = { location: "w.data", offset: "8", length: "16" };
    const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
    const tensor = { name: "w", dims: [4], dataType: 1, dataLocation: 1, externalData };
    const { initializers } = readOnnx(file({ initializer: [tensor] })).graph;
    expect(initializers[0]?.data).toEqual({ kind: "external", location: "w.data", offset: 8, length: 16 });
  });

  test("has types that the exporter never writes", () => {
    const types: onnx.TypeProto.$Properties[] = [
      { sequenceType: { elemType: { tensorType: { elemType: 1 } } } },
      { mapType: { keyType: 7 } },
      { sparseTensorType: {} },
      { optionalType: {} },
      { opaqueType: {} },
      {},
    ];
    const output = types.map((type, index) => ({ name: String(index), type }));
    const { outputs } = readOnnx(file({ output: [...output, { name: "bare" }] })).graph;
    const kinds = ["sequence", "map", "sparse tensor", "optional value", "opaque value", "unknown", "none"];
    expect(outputs.map(({ type }) => type.kind)).toEqual(kinds);
    expect(readOnnxHeader(file({ output })).leftOut.map(({ kind }) => kind)).toEqual([
      "a sequence",
      "a map",
      "a sparse tensor",
      "an optional value",
      "an opaque value",
    ]);
  });

  test("says the types of attributes or, in IR version 1, not", () => {
    const bare = [{ name: "i", i: 3 }, { name: "f", f: 0.5 }, { name: "ints", ints: [1] }, { name: "nothing" }];
    const attribute = [...bare, { name: "reference", refAttrName: "axis", type: 2 }];
    const [node] = readOnnx(file({ node: [{ opType: "Op", attribute }] })).graph.nodes;
    const read: Record<string, FileAttribute> = Object.fromEntries(node?.attributes ?? []);
    expect(read).toEqual({
      i: int(3),
      f: float(0.5),
      ints: ints([1]),
      nothing: { type: "other" },
      reference: { type: "reference", value: "axis" },
    });
  });

  test("names the standard operators by either of their domains", () => {
    const node = [{ opType: "Relu", domain: "ai.onnx", input: ["x"], output: ["y"] }];
    const bytes = file({ node }, { opsetImport: [{ domain: "ai.onnx", version: 15 }] });
    expect(readOnnx(bytes).opsets.get("")).toBe(15);
    expect(readOnnx(bytes).graph.nodes[0]?.domain).toBe("");
  });

  test("counts operators and weight files of bodies and functions", () => {
    const externalData = [{ key: "location", value: "nested.data" }];
    const t = { dims: [1], dataType: 1, dataLocation: 1, externalData };
    const constant = { opType: "Constant", output: ["c"], attribute: [{ name: "value", type: 4, t }] };
    const g = { node: [constant] };
    const header = readOnnxHeader(
      file(
        { node: [{ opType: "If", attribute: [{ name: "then_branch", type: 5, g }] }] },
        { functions: [{ name: "f", domain: "my", node: [{ opType: "GRU" }] }] },
      ),
    );
    expect([...header.operators]).toEqual(["If", "Constant", "GRU"]);
    expect(header.externalData).toEqual(["nested.data"]);
  });
});

/** The tag of a nested message's field: what protobufjs writes of an empty one, without its length, 0. */
function tagOf(written: $protobuf.Writer): Uint8Array {
  return written.finish().slice(0, -1);
}

/** A model with bodies in bodies, which protobufjs's writer refuses to write by itself. */
function nested(levels: number): Uint8Array {
  const tags = [
    tagOf(onnx.AttributeProto.encode({ g: {} })),
    tagOf(onnx.NodeProto.encode({ attribute: [{}] })),
    tagOf(onnx.GraphProto.encode({ node: [{}] })),
  ];
  let graph: Uint8Array = new Uint8Array();
  for (let level = 0; level < levels; level++) {
    for (const tag of tags) graph = new $protobuf.Writer().raw(tag).uint32(graph.length).raw(graph).finish();
  }
  const model = new $protobuf.Writer().raw(tagOf(onnx.ModelProto.encode({ graph: {} })));
  return model.uint32(graph.length).raw(graph).finish();
}

/** A graph of six million nodes without anything in them, two bytes each. */
function crowdedFile(): Uint8Array {
  const nodes = new Uint8Array(2 * 6_000_000);
  nodes.set(tagOf(onnx.GraphProto.encode({ node: [{}] })));
  for (let filled = 2; filled < nodes.length; filled *= 2) nodes.copyWithin(filled, 0, filled);
  const model = new $protobuf.Writer().raw(tagOf(onnx.ModelProto.encode({ graph: {} })));
  return model.uint32(nodes.length).raw(nodes).finish();
}

const crowded = crowdedFile();

/** Each way in which this package reads a file of unknown origin. */
const readers: readonly ((bytes: Uint8Array) => unknown)[] = [
  readOnnxHeader,
  readOnnx,
  (bytes) => inferTypes(readOnnx(bytes)),
  (bytes) =>
    new ModelEditor(bytes)
      .nameNodes()
      .dropOutputs(new Set(["y"]))
      .finish(),
];

/** Reads the file or gets an InferenceError; another error fails the test. */
function expectTypedError(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): "read" | "refused" {
  try {
    read(bytes);
    return "read";
  } catch (error) {
    if (error instanceof InferenceError) return "refused";
    throw error;
  }
}

describe.each(readers.map((read, index) => [index, read] as const))("a hostile file, reader %i", (_, read) => {
  test("nested 5,000 deep is refused", () => {
    const bytes = nested(5000);
    expect(() => read(bytes)).toThrow(/nested more than 100 deep/);
    expect(() => read(bytes)).toThrow(InferenceError);
  });

  test("cut short anywhere is refused or read, and never anything else", () => {
    const random = new Random(7);
    const outcomes = Array.from({ length: 150 }, () =>
      expectTypedError(read, shipped.subarray(0, random.integer(shipped.length))),
    );
    expect(outcomes.filter((outcome) => outcome === "refused").length).toBeGreaterThan(140);
    expect(() => read(new Uint8Array())).toThrow("not an ONNX file, or one cut short: 0 bytes");
  });

  test("of any bytes is refused or read, and never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expectTypedError(read, bytes);
      }),
    );
  });

  test("with changed bytes is refused or read, and never anything else", () => {
    const structure = file({
      node: [{ opType: "If", attribute: [{ name: "b", type: 5, g: { node: [{ opType: "Relu", input: ["x"] }] } }] }],
      initializer: [{ name: "w", dims: [2], dataType: 1, rawData: new Uint8Array(8) }],
      output: [{ name: "y", type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 2 }] } } } }],
    });
    const random = new Random(3);
    for (let count = 0; count < 2000; count++) {
      const bytes = Uint8Array.from(structure);
      for (let change = random.integer(3); change >= 0; change--) {
        bytes[random.integer(bytes.length)] = random.integer(256);
      }
      expectTypedError(read, bytes);
    }
  });

  test("of millions of empty messages is refused before they fill the memory", () => {
    expect(() => read(crowded)).toThrow("it has more than 5,000,000 fields");
  });
});

test("a tensor of a negative size is refused", () => {
  const bytes = file({ initializer: [{ name: "w", dims: [-2, 2], dataType: 1 }] });
  expect(() => readOnnx(bytes)).toThrow('the tensor "w" has the shape [-2, 2]');
});

test.each([
  ["no graph", { irVersion: 8 }],
  ["no IR version", { graph: {} }],
])("a file with %s is not an ONNX file", (what, message) => {
  expect(() => readOnnx(encodeOnnx(message))).toThrow(`not an ONNX file, or one cut short: it has ${what}`);
});

test("element types have names", () => {
  expect([1, 16, 22, 99].map(elementTypeName)).toEqual(["float32", "bfloat16", "int4", "element type 99"]);
  expect([1, 16, 0].map(dtypeOf)).toEqual(["float32", null, null]);
});
