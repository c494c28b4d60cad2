import * as ort from "onnxruntime-node";
import { expect } from "vitest";

import { GraphBuilder } from "../../../src/export/build/builder.ts";
import { finishGraph } from "../../../src/export/build/finish.ts";
import { GraphTensor } from "../../../src/export/ir/graph-tensor.ts";
import { viewOf } from "../../../src/export/ir/value.ts";
import { optimize } from "../../../src/export/passes/optimize.ts";
import type { Pass } from "../../../src/export/passes/pass.ts";
import { PassGraph, type GraphToOptimize } from "../../../src/export/passes/pass-graph.ts";
import type { DimLike } from "../../../src/onnx/dim.ts";
import type { OnnxGraph } from "../../../src/onnx/model.ts";
import { concatenate, writeOnnx } from "../../../src/onnx/write.ts";
import { sizeOf } from "../../../src/tensor.ts";

/** Makes the nodes of a small graph from its only input. */
export type Emit = (g: GraphBuilder, x: GraphTensor) => GraphTensor | readonly GraphTensor[];

/** What a pass makes of a small graph. */
export interface PassCase {
  readonly name: string;
  /** Shape of the input x; "n" is run as 2. */
  readonly shape: readonly DimLike[];
  readonly emit: Emit;
  /** Operators before and after, in order; those of bodies come after the node that has them. */
  readonly before: string;
  readonly after: string;
  readonly opset?: number;
}

/** The graph of a case, not optimised. */
export function graphOf({ shape, emit, opset = 17 }: Pick<PassCase, "shape" | "emit" | "opset">): GraphToOptimize {
  const builder = new GraphBuilder(opset);
  const input = builder.input("x", "float32", shape);
  const made = emit(builder, input.tensor);
  const outputs = made instanceof GraphTensor ? [made] : made;
  const named = outputs.map((tensor, index) => ({ name: `y${index}`, value: viewOf(tensor) }));
  return finishGraph(builder, "case", [{ name: "x", value: input }], named);
}

export function opsOf(graph: OnnxGraph): readonly string[] {
  return graph.nodes.flatMap((node) => [
    node.opType,
    ...Object.values(node.attributes).flatMap((each) => (each.type === "graph" ? opsOf(each.value) : [])),
  ]);
}

/** Runs a graph in ONNX Runtime, without its own optimiser, on the numbers -2 to 2. */
export async function run(
  graph: OnnxGraph,
  shape: readonly DimLike[],
  opset = 17,
): Promise<readonly (readonly number[])[]> {
  const model = { irVersion: 8, opset, producerName: "", producerVersion: "", graph, metadata: new Map() };
  const session = await ort.InferenceSession.create(concatenate(writeOnnx(model)), {
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 3,
    intraOpNumThreads: 1,
  });
  const dims = shape.map((size) => (typeof size === "number" ? size : 2));
  const data = Float32Array.from({ length: sizeOf(dims) }, (_, index) => ((index * 7919) % 41) / 10 - 2);
  const results = await session.run({ x: new ort.Tensor("float32", data, dims) });
  return graph.outputs.map(({ name }) => {
    const result = results[name]?.data;
    if (!(result instanceof Float32Array)) throw new TypeError(`${name} is not float32`);
    return [...result];
  });
}

/** The pass makes of the graph what it should, and the numbers stay. */
export async function expectPass(passes: readonly Pass[], each: PassCase): Promise<void> {
  const graph = graphOf(each);
  const plain = new PassGraph(graph).toOnnx();
  const edited = new PassGraph(graph);
  const { hits } = optimize(edited, [passes]);
  const after = edited.toOnnx();
  expect({ before: opsOf(plain).join(" "), after: opsOf(after).join(" ") }).toEqual({
    before: each.before,
    after: each.after,
  });
  expect(hits.size > 0).toBe(each.before !== each.after);
  const [expected, actual] = [await run(plain, each.shape, each.opset), await run(after, each.shape, each.opset)];
  const differences = expected.map((values, index) =>
    Math.max(...values.map((value, place) => Math.abs((actual[index]?.[place] ?? Number.NaN) - value))),
  );
  expect(actual.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  expect(differences.filter((difference) => !(difference < 1e-5))).toEqual([]);
}
