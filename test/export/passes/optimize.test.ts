import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { convert } from "../../../src/export/convert.ts";
import { finishGraph } from "../../../src/export/build/finish.ts";
import { branch } from "../../../src/export/build/regions.ts";
import type { GraphTensor } from "../../../src/export/ir/graph-tensor.ts";
import { optimize } from "../../../src/export/passes/optimize.ts";
import { inOrder } from "../../../src/export/passes/order.ts";
import { PassGraph } from "../../../src/export/passes/pass-graph.ts";
import type { Pass } from "../../../src/export/passes/pass.ts";
import { pipeline } from "../../../src/export/passes/pipeline.ts";
import { plainFeed } from "../../../src/export/input-feed.ts";
import { builtIn } from "../../../src/export/layers/index.ts";
import { allConverters } from "../../../src/export/registry.ts";
import { readLayersModel } from "../../../src/export/source/layers-model.ts";
import { float, int, ints } from "../../../src/onnx/model.ts";
import { at } from "../../../src/require.ts";
import { randomizeWeights, rawModelOf } from "../../helpers/live-model.ts";
import { chain } from "../layers/single-layer.ts";

import { graphOf, opsOf, type Emit } from "./pass-case.ts";

/** Parts that passes rewrite, one after the other: reshapes, equal nodes, scales between dense layers, joined and padded tensors. */
function chainOf(parts: number): Emit {
  return (g, x) => {
    const [weight, scale] = [[4, 4] as const, [4] as const].map((dims) =>
      g.constant("c", { dtype: "float32", dims, data: new Float32Array(dims.length === 2 ? 16 : 4).fill(0.5) }),
    );
    const fold = (value: GraphTensor): GraphTensor => {
      const dense = g.op("Gemm", [value, weight ?? null]);
      const scaled = g.op("Mul", [dense, scale ?? null]);
      const moved = g.op("Reshape", [g.op("Reshape", [scaled, g.int64s([-1, 2, 2])]), g.int64s([-1, 4])]);
      const twice = g.op("Add", [g.op("Relu", [moved]), g.op("Relu", [moved])]);
      const joined = g.op("Concat", [g.op("Concat", [twice, twice], { axis: int(1) }), twice], { axis: int(1) });
      const sum = g.op("ReduceSum", [joined, g.int64s([1])], { keepdims: int(0) });
      return g.op("Add", [twice, g.op("Unsqueeze", [sum, g.int64s([1])])]);
    };
    return Array.from({ length: parts }).reduce<GraphTensor>(fold, x);
  };
}

/** Steps and hits of all passes on a graph. */
function work(emit: Emit): { readonly nodes: number; readonly steps: number; readonly hits: number } {
  const graph = new PassGraph(graphOf({ shape: ["n", 4], emit }));
  const nodes = [...graph.nodes()].length;
  const before = graph.steps;
  const { hits } = optimize(graph, pipeline);
  graph.toOnnx();
  return { nodes, steps: graph.steps - before, hits: [...hits.values()].reduce((sum, count) => sum + count, 0) };
}

describe("passes take time that grows with the graph", () => {
  test.each<[string, (size: number) => Emit, number]>([
    ["hits of all kinds everywhere", (size) => chainOf(size / 12), 0.3],
    [
      "a long chain of reshapes",
      (size) => (g, x) =>
        Array.from({ length: size }).reduce<GraphTensor>(
          (value, _, index) => g.op("Reshape", [value, g.int64s(index % 2 === 0 ? [-1, 2, 2] : [-1, 4])]),
          x,
        ),
      0.4,
    ],
    [
      "one Concat within the other",
      (size) => (g, x) =>
        Array.from({ length: size }).reduce<GraphTensor>((value) => g.op("Concat", [value, x], { axis: int(0) }), x),
      0,
    ],
    [
      "a tensor that all nodes read",
      (size) => (g, x) =>
        Array.from({ length: size }, (_, index) => g.op("LeakyRelu", [x], { alpha: float(index % 2) })).slice(-2),
      0,
    ],
  ])("%s", (_, emit, leastHits) => {
    const [small, large] = [work(emit(1_000)), work(emit(10_000))];
    expect(large.hits).toBeGreaterThanOrEqual(leastHits * large.nodes);
    expect(large.steps).toBeLessThan(10.5 * small.steps + 100);
    expect(large.steps).toBeLessThan(40 * large.nodes + 100);
  });
});

describe("a graph that passes edit", () => {
  const relu: Emit = (g, x) => g.op("Relu", [g.op("Abs", [x])]);

  test("refuses a node that would give another shape or type", () => {
    const graph = new PassGraph(graphOf({ shape: ["n", 4], emit: relu }));
    const node = at([...graph.nodes()], 1);
    const axes = { axes: ints([0]), keepdims: int(0) };
    expect(() => graph.redefine(node, { opType: "ReduceMean", inputs: node.inputs, attributes: axes })).toThrow(
      "ReduceMean Relu would give float32 [4] in place of float32 [n, 4]",
    );
    expect(() => graph.redefine(node, { opType: "IsNaN", inputs: node.inputs })).toThrow("would give bool");
  });

  test("drops nodes and constants that nothing reads, before and after an edit", () => {
    const emit: Emit = (g, x) => {
      g.op("Exp", [g.op("Add", [x, g.scalar(7)])]);
      return g.op("Relu", [g.op("Mul", [x, g.scalar(3)])]);
    };
    const graph = new PassGraph(graphOf({ shape: ["n", 4], emit }));
    expect(opsOf(graph.toOnnx())).toEqual(["Mul", "Relu"]);
    const node = at([...graph.nodes()], 1);
    graph.redefine(node, { ...node, inputs: [at([...graph.nodes()], 0).inputs[0] ?? null] });
    const onnx = graph.toOnnx();
    expect(opsOf(onnx)).toEqual(["Relu"]);
    expect(onnx.initializers.size).toBe(0);
  });

  test("gives outputs the names asked for: inputs, constants and tensors given twice through an Identity", () => {
    const emit: Emit = (g, x) => {
      const y = g.op("Relu", [x]);
      return [x, y, y, g.constant("c", { dtype: "float32", dims: [1], data: Float32Array.of(1) })];
    };
    const onnx = new PassGraph(graphOf({ shape: ["n", 4], emit })).toOnnx();
    expect(onnx.outputs.map(({ name }) => name)).toEqual(["y0", "y1", "y2", "y3"]);
    expect(onnx.nodes.map(({ opType, inputs, outputs }) => [opType, ...inputs, ...outputs])).toEqual([
      ["Relu", "x", "y1"],
      ["Identity", "x", "y0"],
      ["Identity", "y1", "y2"],
      ["Identity", "c", "y3"],
    ]);
  });

  test("describes every tensor, in bodies too", () => {
    const emit: Emit = (g, x) => {
      const condition = g.constant("condition", { dtype: "bool", dims: [], data: Uint8Array.of(1) });
      const [result] = branch(
        g,
        condition,
        (body) => [body.op("Relu", [body.op("Abs", [x])])],
        (body) => [body.op("Neg", [x])],
      );
      return g.op("Exp", [result ?? null]);
    };
    const onnx = new PassGraph(graphOf({ shape: ["n", 4], emit })).toOnnx();
    const [node] = onnx.nodes;
    const body = node?.attributes["then_branch"];
    expect(onnx.valueInfo?.map(({ dims }) => dims)).toEqual([["n", 4]]);
    expect(body?.type === "graph" ? body.value.valueInfo?.map(({ dims }) => dims) : null).toEqual([["n", 4]]);
  });

  test("passes that undo one another are an internal error, not an endless loop", () => {
    const swap: Pass = {
      name: "swap",
      startsAt: ["Abs", "Neg"],
      apply(node, graph) {
        graph.redefine(node, { ...node, opType: node.opType === "Abs" ? "Neg" : "Abs" });
        return true;
      },
    };
    const graph = new PassGraph(graphOf({ shape: ["n", 4], emit: relu }));
    expect(() => optimize(graph, [[swap]])).toThrow("the passes do not settle; the last one was swap");
  });

  test("a pass that needs a newer opset is left out", () => {
    const never: Pass = { name: "never", startsAt: "all", minOpset: 18, apply: () => expect.unreachable("too old") };
    expect(optimize(new PassGraph(graphOf({ shape: [2], emit: relu })), [[never]]).hits.size).toBe(0);
  });

  test("nodes in a circle are an internal error", () => {
    const needs = new Map([
      ["a", ["b"]],
      ["b", ["a"]],
      ["c", []],
    ]);
    expect(() => inOrder(["c", "a"], (node) => needs.get(node) ?? [])).toThrow("depend on each other in a circle");
    expect(inOrder(["b", "a", "c"], (node) => (node === "b" ? ["c"] : []))).toEqual(["c", "b", "a"]);
  });
});

describe("a pass fires on models of layers", () => {
  const image = [8, 8, 3];
  const { layers } = tf;
  test.each<[string, readonly tf.layers.Layer[], readonly (number | null)[]]>([
    ["foldPadIntoConv", [layers.zeroPadding2d({ padding: 1 }), layers.conv2d({ filters: 2, kernelSize: 3 })], image],
    ["foldScaleIntoWeights", [layers.conv2d({ filters: 2, kernelSize: 3 }), layers.batchNormalization()], image],
    ["scaleBeforeBias", [layers.dense({ units: 4 }), layers.batchNormalization()], [null, 3]],
    ["foldScaleIntoNext", [layers.batchNormalization(), layers.dense({ units: 4 })], [6]],
    [
      "absorbTransposeIntoDense",
      [
        layers.dense({ units: 24 }),
        layers.reshape({ targetShape: [2, 3, 4] }),
        layers.conv2d({ filters: 2, kernelSize: 2 }),
      ],
      [6],
    ],
    ["guardPaddedPooling", [layers.zeroPadding2d({ padding: 1 }), layers.maxPooling2d({ poolSize: 2 })], image],
  ])("%s", async (name, stack, shape) => {
    const model = chain(stack, shape);
    randomizeWeights(model);
    const source = readLayersModel(await rawModelOf(model));
    const converted = convert(source, {
      opset: 17,
      recurrentForm: "native",
      refusals: new Map(),
      registry: allConverters(builtIn),
      batch: null,
      inputShapes: new Map(),
      outputs: null,
      everyLayer: false,
      feed: plainFeed,
    });
    const graph = new PassGraph(finishGraph(converted.graph, "model", converted.inputs, converted.outputs));
    expect([...optimize(graph, pipeline).hits.keys()]).toContain(name);
  });
});
