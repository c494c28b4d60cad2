import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";
import { beforeAll, describe, expect, test } from "vitest";

import { UnsupportedOpsError } from "../../../src/errors.ts";
import { exportModel } from "../../../src/export/export-any.ts";
import type { ExportOptions } from "../../../src/export/export-model.ts";
import type { GraphOpConverter } from "../../../src/export/graph/converter.ts";
import { registerOp, unregisterOp } from "../../../src/export/graph/custom-ops.ts";
import { builtInOps } from "../../../src/export/graph/ops/index.ts";

import { readOnnx } from "../../../src/onnx/read.ts";

import { attr, GraphMaker, signature, type NodeSpec } from "./graph-maker.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

const F = { T: attr.type("DT_FLOAT") };

/** Operators that other files convert; here only where they do not yet. */
const known = new Set(builtInOps.flatMap(({ tfOps }) => tfOps));
const arithmetic = (
  [
    ["AddV2", "Add"],
    ["Sub", "Sub"],
    ["Mul", "Mul"],
    ["Less", "Less"],
    ["Greater", "Greater"],
  ] as const
)
  .filter(([op]) => !known.has(op))
  .map(([op, opType]): GraphOpConverter => ({
    tfOps: [op],
    ops: [opType],
    convert: (context) => context.graph.binary(opType, context.tensor(0), context.tensor(1)),
  }));

interface Fed {
  readonly dtype: "float32" | "int32";
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const scalar = (value: number): Fed => ({ dtype: "float32", shape: [], values: [value] });

async function expectSame(
  maker: GraphMaker,
  outputs: readonly string[],
  feeds: Readonly<Record<string, Fed>>,
  options: ExportOptions = {},
  more: Partial<tf.io.ModelArtifacts> = {},
): Promise<readonly number[][]> {
  const artifacts = maker.artifacts({
    ...more,
    signature: signature(Object.fromEntries(outputs.map((name) => [name, `${name}:0`]))),
  });
  const exported = await exportModel(artifacts, { opConverters: arithmetic, ...options });
  const session = await ort.InferenceSession.create(exported.bytes);
  const results = await session.run(
    Object.fromEntries(
      Object.entries(feeds).map(([name, { dtype, shape, values }]) => [
        name,
        new ort.Tensor(dtype, dtype === "int32" ? Int32Array.from(values) : Float32Array.from(values), shape),
      ]),
    ),
  );
  await session.release();
  const model = await tf.loadGraphModel(tf.io.fromMemory(artifacts));
  const tensors = Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, shape, values }]) => [name, tf.tensor([...values], [...shape], dtype)]),
  );
  const executed = await model.executeAsync(tensors, [...outputs]);
  const expected = (Array.isArray(executed) ? executed : [executed]).map((tensor, index) => {
    const ours = results[outputs[index] ?? ""];
    expect(ours?.dims).toEqual(tensor.shape);
    const numbers = Array.from(tensor.dataSync());
    const found = Array.from(ours?.data ?? [], Number);
    numbers.forEach((number, at) => {
      expect(found[at]).toBeCloseTo(number, 4);
    });
    expect(found).toHaveLength(numbers.length);
    return numbers;
  });
  model.dispose();
  return expected;
}

const node = (name: string, op: string, input: readonly string[], attributes: NodeSpec["attr"] = F): NodeSpec => ({
  name,
  op,
  input,
  ...(attributes === undefined ? {} : { attr: attributes }),
});

describe("conditions", () => {
  const graph = (): GraphMaker =>
    new GraphMaker()
      .placeholder("x", "DT_FLOAT", [null])
      .placeholder("p", "DT_FLOAT", [])
      .const("three", "float32", [3])
      .node("less", "Less", ["p", "three"], F)
      .node("s", "Switch", ["x", "less"], F)
      .node("two", "Mul", ["s:1", "three"], F)
      .node("one", "Sub", ["s", "three"], F)
      .node("merge", "Merge", ["one", "two"], F)
      .node("out", "AddV2", ["merge", "x"], F);

  test("Switch and Merge are an If", async () => {
    const x: Fed = { dtype: "float32", shape: [3], values: [1, 2, 5] };
    for (const p of [1, 5]) await expectSame(graph(), ["out"], { x, p: scalar(p) });
  });

  test("two Merges of one condition are one If", async () => {
    const maker = graph()
      .node("three_more", "AddV2", ["s:1", "three"], F)
      .node("merge_2", "Merge", ["one", "three_more"], F)
      .node("both", "Mul", ["out", "merge_2"], F);
    const x: Fed = { dtype: "float32", shape: [3], values: [1, 2, 5] };
    for (const p of [1, 5]) await expectSame(maker, ["both"], { x, p: scalar(p) });
    const { bytes } = await exportModel(maker.artifacts(), { opConverters: arithmetic });
    expect(readOnnx(bytes).graph.nodes.filter(({ opType }) => opType === "If")).toHaveLength(1);
  });

  test("a condition that is constant disappears with the branch that is not taken", async () => {
    const maker = new GraphMaker()
      .placeholder("x", "DT_FLOAT", [null])
      .const("yes", "bool", [1])
      .node("s", "Switch", ["x", "yes"], F)
      .node("two", "Mul", ["s:1", "s:1"], F)
      .node("no", "NotAnOperator", ["s"], F)
      .node("out", "Merge", ["no", "two"], F);
    const { nodes } = await exportModel(maker.artifacts(), { opConverters: arithmetic });
    expect(nodes).toBe(1);
  });
});

describe("loops", () => {
  const loop = (body: Partial<Record<"body" | "cond", readonly NodeSpec[]>> = {}): GraphMaker =>
    new GraphMaker()
      .placeholder("n", "DT_FLOAT", [])
      .placeholder("x", "DT_FLOAT", [null, 2])
      .const("zero", "float32", [0])
      .weight("body/one", "float32", [1])
      .func({
        name: "cond",
        inputs: ["i", "sum", "n"],
        returns: ["less:z:0"],
        nodes: body.cond ?? [node("less", "Less", ["i", "n"])],
      })
      .func({
        name: "body",
        inputs: ["i", "sum", "n"],
        returns: ["add:z:0", "more:z:0", "n"],
        nodes: body.body ?? [
          node("body/one", "Const", [], { dtype: attr.type("DT_FLOAT") }),
          node("add", "AddV2", ["i", "body/one:output:0"]),
          node("more", "AddV2", ["sum", "add:z:0"]),
        ],
      })
      .node("loop", "StatelessWhile", ["zero", "x", "n"], { cond: attr.func("cond"), body: attr.func("body") })
      .node("out", "Identity", ["loop:1"], F);

  test.each([0, 1, 5])("a While of %i iterations", async (n) => {
    await expectSame(loop(), ["out"], { n: scalar(n), x: { dtype: "float32", shape: [2, 2], values: [1, 2, 3, 4] } });
  });
});

/** A loop over the rows of x: TensorListFromTensor, GetItem, a state, SetItem, Stack. */
function rows(write: readonly NodeSpec[], returned: string): GraphMaker {
  const type = { element_dtype: attr.type("DT_FLOAT") };
  return new GraphMaker()
    .placeholder("x", "DT_FLOAT", [null, 2])
    .placeholder("count", "DT_INT32", [])
    .const("zero", "int32", [0])
    .const("row", "float32", [0, 0], [2])
    .const("shape", "int32", [2], [1])
    .weight("b/one", "int32", [1])
    .weight("b/shape", "int32", [2], [1])
    .node("in", "TensorListFromTensor", ["x", "shape"], type)
    .node("made", "TensorListReserve", ["shape", "count"], type)
    .func({
      name: "cond",
      inputs: ["i:DT_INT32", "state", "out", "in", "n"],
      returns: ["less:z:0"],
      nodes: [node("less", "Less", ["i", "n"])],
    })
    .func({
      name: "body",
      inputs: ["i:DT_INT32", "state", "out", "in", "n"],
      returns: ["add:z:0", "sum:z:0", returned, "in", "n"],
      nodes: [
        node("b/one", "Const", [], { dtype: attr.type("DT_INT32") }),
        node("b/shape", "Const", [], { dtype: attr.type("DT_INT32") }),
        node("add", "AddV2", ["i", "b/one:output:0"]),
        node("item", "TensorListGetItem", ["in", "i", "b/shape:output:0"], type),
        node("sum", "AddV2", ["state", "item:item:0"]),
        ...write,
      ],
    })
    .node("loop", "While", ["zero", "row", "made", "in", "count"], { cond: attr.func("cond"), body: attr.func("body") })
    .node("stacked", "TensorListStack", ["loop:2", "shape"], type)
    .node("last", "Identity", ["loop:1"], F);
}

describe("lists", () => {
  const type = { element_dtype: attr.type("DT_FLOAT") };
  const x: Fed = { dtype: "float32", shape: [3, 2], values: [1, 2, 3, 4, 5, 6] };
  const count: Fed = { dtype: "int32", shape: [], values: [3] };

  test("a list that is written once in order is an output of the Loop", async () => {
    const maker = rows([node("write", "TensorListSetItem", ["out", "i", "sum:z:0"], type)], "write:output_handle:0");
    const expected = await expectSame(maker, ["stacked", "last"], { x, count });
    expect(expected[0]).toEqual([1, 2, 4, 6, 9, 12]);
    const { bytes } = await exportModel(maker.artifacts(), { opConverters: arithmetic });
    expect(new TextDecoder("latin1").decode(bytes)).not.toContain("Sequence");
  });

  test("a list that is read as it grows is a sequence", async () => {
    const maker = rows(
      [
        node("write", "TensorListSetItem", ["out", "i", "sum:z:0"], type),
        node("again", "TensorListSetItem", ["write:output_handle:0", "i", "item:item:0"], type),
      ],
      "again:output_handle:0",
    );
    const expected = await expectSame(maker, ["stacked"], { x, count });
    expect(expected[0]).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe("hash tables that the initializer fills", () => {
  /** A table of words, or of numbers, and a lookup whose keys are the model's input. */
  const lookup = (keyType: string): GraphMaker =>
    new GraphMaker()
      .placeholder("x", keyType, [null])
      .node("table", "HashTableV2", [], { key_dtype: attr.type(keyType), value_dtype: attr.type("DT_FLOAT") })
      .const("default", "float32", [-1])
      .weight("values", "float32", [10, 20, 30], [3])
      .node("find", "LookupTableFindV2", ["table", "x", "default"], {
        Tin: attr.type(keyType),
        Tout: attr.type("DT_FLOAT"),
      })
      .node("size", "LookupTableSizeV2", ["table"]);
  const initializer = (keyType: string): object => ({
    node: [
      { name: "table", op: "HashTableV2", attr: { key_dtype: attr.type(keyType), value_dtype: attr.type("DT_FLOAT") } },
      { name: "keys", op: "Const", attr: { dtype: attr.type(keyType) } },
      { name: "values", op: "Const", attr: { dtype: attr.type("DT_FLOAT") } },
      { name: "import", op: "LookupTableImportV2", input: ["table", "keys", "values"] },
    ],
    versions: {},
  });

  test("int32 keys", async () => {
    const maker = lookup("DT_INT32").weight("keys", "int32", [7, -3, 5], [3]);
    const more = { modelInitializer: initializer("DT_INT32") };
    const x: Fed = { dtype: "int32", shape: [4], values: [5, 6, 7, -3] };
    const expected = await expectSame(maker, ["find", "size"], { x }, {}, more);
    expect(expected).toEqual([[30, -1, 10, 20], [3]]);
  });

  test("string keys", async () => {
    const text = new TextEncoder();
    const bytes = ["a", "größer", "c"].flatMap((word) => {
      const own = text.encode(word);
      return [own.length, 0, 0, 0, ...own];
    });
    const maker = lookup("DT_STRING").rawWeight({
      name: "keys",
      dtype: "string",
      shape: [3],
      bytes: Uint8Array.from(bytes),
    });
    const exported = await exportModel(maker.artifacts({ modelInitializer: initializer("DT_STRING") }));
    const session = await ort.InferenceSession.create(exported.bytes);
    const { find } = await session.run({ x: new ort.Tensor("string", ["größer", "nobody", "c"], [3]) }, ["find"]);
    await session.release();
    expect(Array.from(find?.data ?? [], Number)).toEqual([20, -1, 30]);
  });
});

test("an operator of one's own converts once it is registered, and has one converter", async () => {
  const swish: GraphOpConverter = {
    tfOps: ["MySwish"],
    ops: ["Sigmoid", "Mul"],
    convert(context, { attributes }) {
      const { graph } = context;
      const input = context.tensor(0);
      const beta = graph.constantValue("beta", {
        dtype: "float32",
        dims: [],
        data: Float32Array.of(attributes.float("beta", 1)),
      });
      return graph.binary("Mul", input, graph.unary("Sigmoid", graph.binary("Mul", input, beta)));
    },
  };
  const maker = new GraphMaker()
    .placeholder("x", "DT_FLOAT", [null])
    .node("out", "MySwish", ["x"], { ...F, beta: attr.float(2) });
  await expect(exportModel(maker.artifacts())).rejects.toThrow("node out (MySwish): there is no converter");
  registerOp(swish);
  tf.registerOp("MySwish", ({ inputs: [x] }) => tf.tidy(() => tf.mul(x ?? 0, tf.sigmoid(tf.mul(x ?? 0, 2)))));
  expect(() => {
    registerOp(swish);
  }).toThrow("the operator MySwish has a converter already");
  await expectSame(maker, ["out"], { x: { dtype: "float32", shape: [3], values: [-1, 0, 2] } });
  expect(unregisterOp("MySwish")).toBe(true);
  tf.deregisterOp("MySwish");
  await expect(exportModel(maker.artifacts())).rejects.toThrow(UnsupportedOpsError);
  const again = { ...swish, tfOps: ["Identity"] };
  await expect(exportModel(maker.artifacts(), { opConverters: [again] })).rejects.toThrow("Identity has a converter");
});

test("all nodes that cannot be converted are named at once, with reasons", async () => {
  const maker = new GraphMaker()
    .placeholder("x", "DT_STRING", [null])
    .node("a", "StaticRegexReplace", ["x"])
    .node("b", "Nobody", ["a"])
    .node("c", "Nobody", ["x"])
    .node("out", "IdentityN", ["b", "c"]);
  const error: unknown = await exportModel(maker.artifacts()).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(UnsupportedOpsError);
  const found = error instanceof UnsupportedOpsError ? error.ops : [];
  expect(new Map(found.map(({ node: name, op }) => [name, op]))).toEqual(
    new Map([
      ["a", "StaticRegexReplace"],
      ["b", "Nobody"],
      ["c", "Nobody"],
    ]),
  );
  expect(found).toHaveLength(3);
  expect(error instanceof Error && error.message).toContain(
    "node a (StaticRegexReplace): ONNX has no regular expressions",
  );
});

test("a Const without weights is named", async () => {
  const maker = new GraphMaker().node("c", "Const", []).placeholder("x").node("out", "AddV2", ["x", "c"], F);
  await expect(exportModel(maker.artifacts(), { opConverters: arithmetic })).rejects.toThrow(
    'node c (Const): its values are missing: no weight has the name "c"',
  );
});

test("sizes are free, fixed by --batch, and fixed by --input-shape", async () => {
  const maker = new GraphMaker().placeholder("x", "DT_FLOAT", [null, null, null, 3]).node("out", "Identity", ["x"], F);
  const dims = async (options: ExportOptions): Promise<unknown> =>
    (await exportModel(maker.artifacts(), options)).inputs[0]?.dims;
  expect(await dims({})).toEqual(["batch", "height", "width", 3]);
  expect(await dims({ batch: 2 })).toEqual([2, "height", "width", 3]);
  expect(await dims({ inputShapes: { x: [1, 4, 5, 3] } })).toEqual([1, 4, 5, 3]);
  await expect(dims({ inputShapes: { x: [1, 4, 5, 4] } })).rejects.toThrow(
    "does not fit input x of shape [batch, height, width, 3]",
  );
  await expect(dims({ inputShapes: { y: [1] } })).rejects.toThrow('unknown input "y"');
});

test("inputs of unknown rank are named at once, and take the shapes that are given", async () => {
  const maker = new GraphMaker()
    .placeholder("x", "DT_FLOAT", null)
    .placeholder("y", "DT_FLOAT", null)
    .placeholder("z", "DT_FLOAT", [2])
    .node("xy", "AddV2", ["x", "y"], F)
    .node("out", "AddV2", ["xy", "z"], F);
  const refused = exportModel(maker.artifacts(), { opConverters: arithmetic });
  await expect(refused).rejects.toThrow('the number of axes of inputs "x", "y" is not known');
  await expect(refused).rejects.toHaveProperty(
    "hint",
    "give the shapes (a scalar's is --input-shape NAME=), here with made-up sizes: --input-shape x=1,224,224,3 --input-shape y=1,224,224,3",
  );
  const { inputs } = await exportModel(maker.artifacts(), {
    opConverters: arithmetic,
    inputShapes: { x: [3, 2], y: [1, 2] },
  });
  expect(inputs.map(({ dims }) => dims)).toEqual([[3, 2], [1, 2], [2]]);
});
