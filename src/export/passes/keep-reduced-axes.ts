import { asNumber, isNumber, multiply } from "../../onnx/dim.ts";
import { int } from "../../onnx/model.ts";
import { at } from "../../require.ts";

import { ELEMENTWISE, int64Constant, intAttribute, intsAttribute } from "./match.ts";
import type { Pass } from "./pass.ts";
import type { NodeSpec, PassNode, PassTensor } from "./pass-graph.ts";

const GLOBAL_POOLING: ReadonlyMap<string, string> = new Map([
  ["ReduceMean", "GlobalAveragePool"],
  ["ReduceMax", "GlobalMaxPool"],
]);

/** ONNX Runtime's GlobalAveragePool adds up one element after the other: over more than this, ReduceMean is more exact. */
const MOST_POOLED = 64;

/** Elementwise nodes between the reduction and the node that puts its axes back. */
const LONGEST = 4;

/**
 * A reduction whose axes are put back with size 1 by a Reshape or Unsqueeze: it keeps them itself. Elementwise nodes on single
 * numbers, such as the root of a variance, may be in between.
 */
export const keepReducedAxes: Pass = {
  name: "keepReducedAxes",
  startsAt: ["Reshape", "Unsqueeze"],
  apply(node, graph) {
    const between: PassNode[] = [];
    let reduction = graph.soleProducer(node);
    while (reduction !== null && between.length < LONGEST && operandOf(reduction) !== null) {
      between.push(reduction);
      reduction = before(reduction);
    }
    const axes = reduction === null ? null : droppedAxes(reduction);
    const shape = reduction?.inputs[0]?.shape ?? null;
    const result = node.outputs[0]?.shape ?? null;
    if (reduction === null || axes === null || shape === null || result?.length !== shape.length) return false;
    const putsBack = result.every((size, axis) => (axes.includes(axis) ? isNumber(size, 1) : size === shape[axis]));
    if (!putsBack) return false;
    let spec = keeping(reduction, axes, shape.length);
    for (const each of between.toReversed()) {
      const [kept] = graph.add(node, spec);
      const operand = operandOf(each);
      spec = { ...each, inputs: each.inputs.map((input) => (input === operand ? (kept ?? null) : input)) };
    }
    graph.redefine(node, spec);
    return true;
  },
};

const WITH_A_NUMBER = new Set(["Add", "Div", "Max", "Min", "Mul", "Pow", "Sub"]);
const ON_NUMBERS = new Set([...ELEMENTWISE, "Log", "Neg", "Reciprocal"]);

/** What an elementwise node reads beside a number; null where the node is no such node. */
function operandOf({ opType, domain, inputs }: PassNode): PassTensor | null {
  const [first, second, ...others] = inputs;
  if (domain !== "" || first == null) return null;
  if (ON_NUMBERS.has(opType)) return second == null || opType === "Clip" ? first : null;
  if (!WITH_A_NUMBER.has(opType) || second == null || others.length > 0) return null;
  if (second.constant !== null && second.shape?.length === 0) return first;
  return first.constant !== null && first.shape?.length === 0 ? second : null;
}

/** The node that makes what an elementwise node reads, and that nothing else reads. */
function before(node: PassNode): PassNode | null {
  const operand = operandOf(node);
  const producer = operand?.producer ?? null;
  return operand?.uses === 1 && producer?.region === node.region ? producer : null;
}

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
