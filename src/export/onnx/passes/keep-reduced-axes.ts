import { int, type OnnxGraph, type OnnxNode } from "../../../onnx/model.ts";

import { withReplaced } from "./drop-unused.ts";
import { int64Constant, rankOf, soleProducer, wiringOf } from "./wiring.ts";

const GLOBAL_POOLING: ReadonlyMap<string, string> = new Map([
  ["ReduceMean", "GlobalAveragePool"],
  ["ReduceMax", "GlobalMaxPool"],
]);

/** A reduction whose axes are put back with size 1 by a Reshape or Unsqueeze: it keeps them itself. */
export function keepReducedAxes(graph: OnnxGraph): OnnxGraph {
  const wiring = wiringOf(graph);
  const replaced = new Map<OnnxNode, OnnxNode | null>();
  for (const node of graph.nodes) {
    const reduction = soleProducer(wiring, node.inputs[0] ?? "");
    const axes = reduction === null ? null : reducedAxes(graph, reduction);
    if (reduction === null || axes === null) continue;
    const rank = rankOf(graph, wiring, reduction.inputs[0] ?? "");
    if (rank === null || !putsBack(graph, node, axes, rank)) continue;
    replaced.set(reduction, { ...keeping(reduction, axes, rank), outputs: node.outputs });
    replaced.set(node, null);
  }
  return replaced.size === 0 ? graph : withReplaced(graph, replaced, graph.initializers);
}

/** The reduction with its axes kept; over all spatial axes the pooling that runtimes have for it. */
function keeping(reduction: OnnxNode, axes: readonly number[], rank: number): OnnxNode {
  const pooling = GLOBAL_POOLING.get(reduction.opType);
  const spatial = rank > 2 && axes.length === rank - 2 && !axes.includes(0) && !axes.includes(1);
  if (pooling === undefined || !spatial) {
    return { ...reduction, attributes: { ...reduction.attributes, keepdims: int(1) } };
  }
  return { ...reduction, opType: pooling, inputs: reduction.inputs.slice(0, 1), attributes: {} };
}

/** The axes that a Reduce node drops. */
function reducedAxes(graph: OnnxGraph, { opType, inputs, attributes }: OnnxNode): readonly number[] | null {
  const keep = attributes["keepdims"];
  if (!opType.startsWith("Reduce") || keep?.type !== "int" || keep.value !== 0) return null;
  const given = attributes["axes"];
  const axes = given?.type === "ints" ? given.value : int64Constant(graph, inputs[1] ?? "");
  return axes === null || axes.some((axis) => axis < 0) ? null : axes;
}

/** Sizes are not known, but that of the first axis when it keeps its place; then that of one more follows. */
function putsBack(graph: OnnxGraph, node: OnnxNode, axes: readonly number[], rank: number): boolean {
  const numbers = int64Constant(graph, node.inputs[1] ?? "");
  if (numbers === null || Object.keys(node.attributes).length > 0) return false;
  if (node.opType === "Unsqueeze") {
    return numbers.length === axes.length && axes.every((axis) => numbers.includes(axis));
  }
  if (node.opType !== "Reshape" || numbers.length !== rank || axes.some((axis) => numbers[axis] !== 1)) return false;
  const left = rank - axes.length;
  return left === 1 || (left === 2 && !axes.includes(0) && numbers[0] === 0);
}
