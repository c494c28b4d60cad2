import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { ModelFormatError, ToolError } from "../../../src/errors.ts";
import { exportModel } from "../../../src/export/export-any.ts";
import { structured } from "../../../src/export/graph/control-flow/structured.ts";
import { AttributeReader } from "../../../src/export/graph/source/attributes.ts";
import { readGraphModel, type GraphSource } from "../../../src/export/graph/source/graph-model.ts";
import { fromArtifacts, fromModel, type ModelArtifacts } from "../../../src/export/source/artifacts.ts";
import { plainJson, isJsonObject } from "../../../src/export/source/json.ts";

import { attr, GraphMaker, signature } from "./graph-maker.ts";

const F = { T: attr.type("DT_FLOAT") };

async function read(artifacts: ModelArtifacts): Promise<GraphSource> {
  return readGraphModel(await fromArtifacts(artifacts));
}

/** Reads and structures, as an export does. */
async function use(artifacts: ModelArtifacts): Promise<void> {
  const source = await read(artifacts);
  structured(
    source,
    source.inputs,
    source.outputs.map((output) => output.source),
  );
}

function reader(attributes: unknown): AttributeReader {
  const json = plainJson(attributes, "attr");
  if (!isJsonObject(json)) throw new TypeError("attributes are an object");
  return new AttributeReader(json);
}

describe("attributes", () => {
  test("strings in base64, as they are, and as bytes", () => {
    for (const s of [btoa("SAME"), "SAME", "same", [83, 65, 77, 69]]) {
      expect(reader({ padding: { s } }).oneOf("padding", ["SAME", "VALID"])).toBe("SAME");
    }
    expect(reader({ x: { s: btoa("Größe") } }).string("x")).not.toBe("");
    expect(reader({ x: { s: "R3LDtsOfZQ==" } }).string("x")).toBe("Größe");
    expect(reader({ x: {} }).string("x")).toBe("");
    expect(() => reader({ padding: { s: btoa("FULL") } }).oneOf("padding", ["SAME", "VALID"])).toThrow(
      'padding must be one of SAME, VALID; got "FULL"',
    );
  });

  test("numbers as numbers and as text", () => {
    expect(reader({ a: { i: "-3" } }).int("a")).toBe(-3);
    expect(reader({ a: { i: 7 } }).int("a")).toBe(7);
    expect(reader({ a: { f: 0.25 } }).float("a")).toBe(0.25);
    expect(reader({ a: { f: "Infinity" } }).float("a")).toBe(Infinity);
    expect(reader({ a: { f: "NaN" } }).float("a")).toBeNaN();
    expect(reader({}).float("alpha", 0.2)).toBe(0.2);
    expect(() => reader({}).int("axis")).toThrow("the attribute axis must be a whole number; got nothing");
    expect(() => reader({ axis: { f: 0.5 } }).int("axis", 1)).toThrow("must be a whole number; got 0.5");
    expect(() => reader({ axis: 3 }).int("axis")).toThrow("must be a whole number; got 3");
  });

  test("types by name and by number; those that TF.js reads as others", () => {
    expect(reader({ T: { type: "DT_FLOAT" } }).dtype("T")).toBe("float32");
    expect(reader({ T: { type: 1 } }).dtype("T")).toBe("float32");
    expect(reader({ T: { type: "DT_INT64" } }).dtype("T")).toBe("int32");
    expect(reader({ T: { type: 19 } }).dtype("T")).toBe("float32");
    expect(reader({ T: { list: { type: ["DT_BOOL", 7] } } }).dtypes("T")).toEqual(["bool", "string"]);
    expect(() => reader({ T: { type: "DT_RESOURCE" } }).dtype("T")).toThrow("element type that TF.js has");
  });

  test("shapes: free sizes, no dims, unknown rank", () => {
    const shape = (value: unknown): unknown => reader({ shape: { shape: value } }).shape("shape");
    expect(shape({ dim: [{ size: "-1" }, { size: 3 }, {}] })).toEqual([null, 3, 0]);
    expect(shape({})).toEqual([]);
    expect(shape({ unknownRank: true })).toBeNull();
    expect(() => shape([1, 2])).toThrow(ModelFormatError);
    expect(() => shape({ dim: [{ size: 1.5 }] })).toThrow(ModelFormatError);
  });

  test("lists, empty ones included", () => {
    expect(reader({ k: { list: { i: ["1", 2] } } }).ints("k")).toEqual([1, 2]);
    expect(reader({ k: { list: {} } }).ints("k")).toEqual([]);
    expect(reader({ k: { list: { f: [1.5] } } }).floats("k")).toEqual([1.5]);
    expect(reader({ k: { list: { s: [btoa("a")] } } }).strings("k")).toEqual(["a"]);
    expect(reader({ k: { list: { b: [true] } } }).bools("k")).toEqual([true]);
    expect(reader({ k: { list: { shape: [{ dim: [] }, { unknownRank: true }] } } }).shapes("k")).toEqual([[], null]);
    expect(() => reader({ k: { list: { i: ["x"] } } }).ints("k")).toThrow("a list of whole numbers");
  });
});

describe("names of inputs and outputs", () => {
  const maker = (): GraphMaker =>
    new GraphMaker()
      .placeholder("x", "DT_FLOAT", [null, 2])
      .placeholder("y", "DT_INT32", [3])
      .node("a", "Identity", ["x"], F)
      .node("b", "Identity", ["y"], F)
      .node("group", "NoOp", ["^a"]);

  test("without a signature: all Placeholders, and all nodes that nothing reads", async () => {
    const { inputs, outputs } = await read(maker().node("c", "Split", ["a"]).artifacts());
    expect(inputs.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ["x", "float32", [null, 2]],
      ["y", "int32", [3]],
    ]);
    expect(outputs.map(({ name }) => name)).toEqual(["b", "c"]);
  });

  test("with one, in its order; keys that are only tensors' names are nodes' names", async () => {
    const given = signature({ score: "b:0", "a:0": "a:0" }, { "y:0": "y:0", picture: "x:0" });
    for (const artifacts of [
      maker().artifacts({ signature: given }),
      maker().artifacts({ userDefinedMetadata: { signature: given } }),
    ]) {
      const { inputs, outputs, metadata } = await read(artifacts);
      expect(inputs.map(({ name, node }) => [name, node])).toEqual([
        ["y", "y"],
        ["picture", "x"],
      ]);
      expect(outputs).toEqual([
        { name: "score", source: { node: "b", output: 0 } },
        { name: "a", source: { node: "a", output: 0 } },
      ]);
      expect(metadata).toEqual({});
    }
  });

  test("structured outputs", async () => {
    const { outputs } = await read(
      maker().artifacts({
        userDefinedMetadata: {
          signature: signature({ "b:0": "b:0", "a:0": "a:0" }),
          structuredOutputKeys: ["one", "two"],
        },
      }),
    );
    expect(outputs.map(({ name }) => name)).toEqual(["one", "two"]);
  });

  test("a live model gives what its files give", async () => {
    const artifacts = maker()
      .const("w", "float32", [1, 2], [2])
      .artifacts({ signature: signature({ out: "a:0" }) });
    const model = await tf.loadGraphModel(tf.io.fromMemory(artifacts));
    const live = readGraphModel(await fromModel(model));
    expect(live.outputs).toEqual((await read(artifacts)).outputs);
    expect(live.weights.get("w")?.read()).toMatchObject({ dtype: "float32", dims: [2] });
    model.dispose();
  });
});

test("weights of every type", async () => {
  const text = new TextEncoder().encode("Größe");
  const strings = new Uint8Array(4 + text.length + 4);
  strings.set([text.length], 0);
  strings.set(text, 4);
  const maker = new GraphMaker()
    .placeholder("x")
    .node("out", "Identity", ["x"], F)
    .const("flags", "bool", [1, 0, 1], [3])
    .rawWeight({ name: "text", dtype: "string", shape: [2], bytes: strings })
    .rawWeight({
      name: "complex",
      dtype: "complex64",
      shape: [2],
      bytes: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer),
    })
    .const("ints", "int32", [-5], [1]);
  const { weights } = await read(maker.artifacts());
  expect(weights.get("flags")?.read()).toEqual({ dtype: "bool", dims: [3], data: Uint8Array.of(1, 0, 1) });
  expect(weights.get("text")?.read()).toEqual({ dtype: "string", dims: [2], data: ["Größe", ""] });
  expect(weights.get("complex")?.read()).toEqual({
    dtype: "complex64",
    dims: [2],
    real: Float32Array.of(1, 3),
    imaginary: Float32Array.of(2, 4),
  });
  expect(weights.get("ints")?.read()).toEqual({ dtype: "int32", dims: [1], data: Int32Array.of(-5) });
  const cut = maker.artifacts();
  await expect(read({ ...cut, weightData: cut.weightData.slice(0, -2) })).rejects.toThrow("too short");
  await expect(read({ ...cut, weightData: new Uint8Array(cut.weightData.byteLength + 1).buffer })).rejects.toThrow(
    ModelFormatError,
  );
});

test("a long range is computed at run time, in a small file", async () => {
  const maker = new GraphMaker()
    .const("from", "int32", [0])
    .const("to", "int32", [2_000_000_000])
    .const("by", "int32", [1])
    .node("y", "Range", ["from", "to", "by"], { Tidx: attr.type("DT_INT32") });
  const { bytes } = await exportModel(maker.artifacts());
  expect(bytes.length).toBeLessThan(1000);
});

describe("models whose tensors no runtime could hold", () => {
  const graph = (): GraphMaker => new GraphMaker().placeholder("x");
  test.each<[string, ModelArtifacts, string]>([
    [
      "a tensor larger than any",
      graph()
        .const("sizes", "int32", [70000, 70000], [2])
        .const("one", "float32", [1])
        .node("y", "Fill", ["sizes", "one"])
        .artifacts(),
      "[70000, 70000] would be larger than any",
    ],
    [
      "copies that are larger than any tensor",
      new GraphMaker()
        .placeholder("x", "DT_FLOAT", [null, 3])
        .const("times", "int32", [100000, 100000], [2])
        .node("y", "Tile", ["x", "times"])
        .artifacts(),
      "would be larger than any",
    ],
    [
      "a range without end",
      graph()
        .const("from", "int32", [0])
        .const("to", "int32", [2 ** 31 - 1])
        .const("by", "int32", [0])
        .node("y", "Range", ["from", "to", "by"], { Tidx: attr.type("DT_INT32") })
        .artifacts(),
      "its step is 0",
    ],
  ])("%s", async (_, artifacts, message) => {
    await expect(exportModel(artifacts)).rejects.toThrow(message);
  });
});

describe("models that are damaged or hostile", () => {
  const graph = (): GraphMaker => new GraphMaker().placeholder("x");
  test.each<[string, ModelArtifacts, string | RegExp]>([
    ["no nodes", { modelTopology: { node: [] } }, "no nodes"],
    ["nodes that are none", { modelTopology: { node: [1] } }, "modelTopology.node[0] must be a node; got 1"],
    ["no operator", { modelTopology: { node: [{ name: "a" }] } }, "must be the name of an operator; got nothing"],
    [
      "inputs that are none",
      { modelTopology: { node: [{ name: "a", op: "Relu", input: "x" }] } },
      "must be a list of names",
    ],
    [
      "attributes that are none",
      { modelTopology: { node: [{ name: "a", op: "Relu", attr: [] }] } },
      "must be an object",
    ],
    [
      "a name twice",
      graph().node("a", "Relu", ["x"]).node("a", "Relu", ["x"]).artifacts(),
      'two nodes have the name "a"',
    ],
    [
      "an input that is not there",
      graph().node("a", "Relu", ["gone"]).artifacts(),
      'its input "gone" is not in the model',
    ],
    ["an output that is no number", graph().node("a", "Relu", ["x:y"]).artifacts(), "NODE:NUMBER"],
    [
      "an output that is not there",
      graph().artifacts({ signature: signature({ y: "gone:0" }) }),
      '"y" is not in the graph',
    ],
    [
      "a node that reads itself",
      graph()
        .node("a", "Add", ["a", "x"])
        .artifacts({ signature: signature({ y: "a:0" }) }),
      "node a reads itself",
    ],
    [
      "a circle",
      graph()
        .node("a", "Relu", ["b"])
        .node("b", "Relu", ["c"])
        .node("c", "Relu", ["a"])
        .artifacts({ signature: signature({ y: "a:0" }) }),
      "circle: a, c, b, a",
    ],
    [
      "a function that calls itself",
      graph()
        .func({
          name: "f",
          inputs: ["a"],
          returns: ["call:0"],
          nodes: [{ name: "call", op: "PartitionedCall", input: ["a"], attr: { f: attr.func("f") } }],
        })
        .node("y", "PartitionedCall", ["x"], { f: attr.func("f") })
        .artifacts(),
      'the function "f" calls itself',
    ],
    [
      "a function that is not there",
      graph()
        .node("y", "PartitionedCall", ["x"], { f: attr.func("f") })
        .artifacts(),
      '"f" is not in the model',
    ],
    [
      "a function that is none",
      graph()
        .node("y", "StatelessIf", ["x"], { then_branch: { s: "f" } })
        .artifacts(),
      "then_branch must be a function",
    ],
    ["a Switch alone", graph().node("y", "Switch", ["x", "x"], F).artifacts(), "in one branch only"],
    ["an Exit alone", graph().node("y", "Exit", ["x"], F).artifacts(), "does not end a loop"],
    [
      "a Merge of one branch",
      graph().node("s", "Switch", ["x", "x"], F).node("y", "Merge", ["s", "s"], F).artifacts(),
      "not of two branches",
    ],
    [
      "a signature that is none",
      graph()
        .node("y", "Relu", ["x"])
        .artifacts({ signature: { outputs: { y: 1 } } }),
      "must name a tensor",
    ],
    [
      "weights without data",
      { ...graph().const("w", "float32", [1]).artifacts(), weightData: undefined },
      "weight data is missing",
    ],
    [
      "a weight twice",
      graph().const("w", "float32", [1]).weight("w", "float32", [1]).artifacts(),
      'two weights have the name "w"',
    ],
  ])("%s", async (_, artifacts, message) => {
    const error: unknown = await use(artifacts).then(
      () => null,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(ToolError);
    expect(error instanceof Error && error.message).toMatch(message);
  });

  test("10,000 nodes in a chain, and 10,000 Switches in each other, end soon", async () => {
    const chain = new GraphMaker().placeholder("n0");
    for (let index = 1; index <= 10_000; index++) chain.node(`n${index}`, "Relu", [`n${index - 1}`], F);
    await use(chain.artifacts());
    const nested = new GraphMaker().placeholder("s0");
    for (let index = 1; index <= 10_000; index++) {
      nested
        .node(`p${index}`, "Relu", [`s${index - 1}:0`])
        .node(`s${index}`, "Switch", [`s${index - 1}:0`, `p${index}`]);
    }
    await expect(use(nested.artifacts())).rejects.toThrow("nested deeper than 200 levels");
  }, 10_000);

  test("functions that call two others each, 60 levels deep", async () => {
    const maker = new GraphMaker().placeholder("x");
    for (let level = 0; level < 60; level++) {
      const next = { f: attr.func(`f${level + 1}`) };
      maker.func({
        name: `f${level}`,
        inputs: ["a"],
        returns: ["two:0"],
        nodes: [
          { name: "one", op: "PartitionedCall", input: ["a"], attr: next },
          { name: "two", op: "PartitionedCall", input: ["one:0"], attr: next },
        ],
      });
    }
    maker.func({ name: "f60", inputs: ["a"], returns: ["r:0"], nodes: [{ name: "r", op: "Relu", input: ["a"] }] });
    maker.node("y", "PartitionedCall", ["x"], { f: attr.func("f0") });
    await expect(use(maker.artifacts())).rejects.toThrow("called more than 10000 times");
  }, 30_000);
});
