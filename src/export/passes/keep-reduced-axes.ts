import { asNumber, isNumber, multiply } from "../../onnx/dim.ts";
import { int } from "../../onnx/model.ts";
import { at } from "../../require.ts";

import { int64Constant, intAttribute, intsAttribute } from "./match.ts";
import type { Pass } from "./pass.ts";
import type { NodeSpec, PassNode } from "./pass-graph.ts";

const GLOBAL_POOLING: ReadonlyMap<string, string> = new Map([
  ["ReduceMean", "GlobalAveragePool"],
  ["ReduceMax", "GlobalMaxPool"],
]);

/** ONNX Runtime's GlobalAveragePool adds up one element after the other: over more than this, ReduceMean is more exact. */
const MOST_POOLED = 64;

/** A reduction whose axes are put back with size 1 by a Reshape or Unsqueeze: it keeps them itself. */
export const keepReducedAxes: Pass = {
  name: "keepReducedAxes",
  startsAt: ["Reshape", "Unsqueeze"],
  apply(node, graph) {
    const reduction = graph.soleProducer(node);
    const axes = reduction === null ? null : droppedAxes(reduction);
    const shape = reduction?.inputs[0]?.shape ?? null;
    const result = node.outputs[0]?.shape ?? null;
    if (reduction === null || axes === null || shape === null || result?.length !== shape.length) return false;
    const putsBack = result.every((size, axis) => (axes.includes(axis) ? isNumber(size, 1) : size === shape[axis]));
    if (!putsBack) return false;
    graph.redefine(node, keeping(reduction, axes, shape.length));
    return true;
  },
};

/** The reduction with its axes kept; over all spatial axes the pooling that runtimes have for it. */
function keeping(reduction: PassNode, axes: readonly number[], rank: number): NodeSpec {
  const pooling = GLOBAL_POOLING.get(reduction.opType);
  const isSpatial = rank > 2 && axes.length === rank - 2 && !axes.includes(0) && !axes.includes(1);
  const input = at(reduction.inputs, 0);
  const count = asNumber(multiply(...axes.map((axis) => input?.shape?.[axis] ?? 1)));
  const isExact = reduction.opType === "ReduceMax" || count === null || count <= MOST_POOLED;
  if (pooling === undefined || !isSpatial || !isExact || input?.dtype !== "float32") {
    return { ...reduction, attributes: { ...reduction.attributes, keepdims: int(1) } };
  }
  return { opType: pooling, name: reduction.name, inputs: [input] };
}

/** The axes that a Reduce node drops, counted from the start. */
function droppedAxes(node: PassNode): readonly number[] | null {
  const rank = node.inputs[0]?.shape?.length;
  if (!node.opType.startsWith("Reduce") || rank === undefined || intAttribute(node, "keepdims", 1) !== 0) return null;
  const axes = intsAttribute(node, "axes") ?? int64Constant(node.inputs[1]);
  return axes?.map((axis) => (axis < 0 ? axis + rank : axis)) ?? null;
}
