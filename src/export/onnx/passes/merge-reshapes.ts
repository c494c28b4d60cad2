import type { OnnxGraph, OnnxNode } from "../../../onnx/model.ts";

import { withReplaced } from "./drop-unused.ts";
import { freshName, int64Constant, soleProducer, wiringOf } from "./wiring.ts";

/** A node that only cuts its input's elements differently. */
type Cut =
  | { readonly kind: "reshape"; readonly shape: readonly number[] }
  | { readonly kind: "squeeze" | "unsqueeze"; readonly axes: readonly number[] };

/** Size of a dimension: fixed, -1 for what is left, or that of a dimension of the input. */
type Size = number | { readonly copyOf: number };

/** A Reshape, Squeeze or Unsqueeze of what another one makes: one Reshape does both. */
export function mergeReshapes(graph: OnnxGraph): OnnxGraph {
  let current = graph;
  for (;;) {
    const next = mergeOnce(current);
    if (next === null) return current;
    current = next;
  }
}

function mergeOnce(graph: OnnxGraph): OnnxGraph | null {
  const wiring = wiringOf(graph);
  const replaced = new Map<OnnxNode, OnnxNode | null>();
  const initializers = new Map(graph.initializers);
  for (const node of graph.nodes) {
    const second = readCut(graph, node);
    const before = soleProducer(wiring, node.inputs[0] ?? "");
    if (second === null || before === null || replaced.has(before)) continue;
    const first = readCut(graph, before);
    const shape = first === null ? null : merge(first, second);
    if (shape === null) continue;
    const name = freshName(initializers, `${node.name}/shape`);
    initializers.set(name, { dtype: "int64", dims: [shape.length], data: BigInt64Array.from(shape, BigInt) });
    replaced.set(before, null);
    replaced.set(node, { ...node, opType: "Reshape", inputs: [before.inputs[0] ?? "", name], attributes: {} });
  }
  return replaced.size === 0 ? null : withReplaced(graph, replaced, initializers);
}

function readCut(graph: OnnxGraph, node: OnnxNode): Cut | null {
  if (!["Reshape", "Squeeze", "Unsqueeze"].includes(node.opType) || Object.keys(node.attributes).length > 0)
    return null;
  const numbers = int64Constant(graph, node.inputs[1] ?? "");
  if (numbers === null) return null;
  if (node.opType === "Reshape") return { kind: "reshape", shape: numbers };
  if (numbers.some((axis) => axis < 0)) return null;
  return { kind: node.opType === "Squeeze" ? "squeeze" : "unsqueeze", axes: numbers.toSorted((a, b) => a - b) };
}

/** The shape that does both, where ONNX can say it. */
function merge(first: Cut, second: Cut): number[] | null {
  const sizes = sizesAfter(first, second);
  if (sizes === null) return null;
  const shape = sizes.map((size, index) => (typeof size === "number" ? size : size.copyOf === index ? 0 : -1));
  return shape.filter((size) => size === -1).length > 1 ? null : shape;
}

function sizesAfter(first: Cut, second: Cut): Size[] | null {
  if (second.kind === "reshape")
    return second.shape.map((size, index) => (size === 0 ? sizeAfter(first, index) : size));
  if (first.kind !== "reshape") return null;
  const sizes = first.shape.map((_, index) => sizeAfter(first, index));
  if (second.kind === "squeeze") return sizes.filter((_, index) => !second.axes.includes(index));
  for (const axis of second.axes) sizes.splice(axis, 0, 1);
  return sizes;
}

/** Size of one of the dimensions that a node makes. */
function sizeAfter(cut: Cut, index: number): Size {
  if (cut.kind === "reshape") {
    const size = cut.shape[index] ?? 0;
    return size === 0 ? { copyOf: index } : size;
  }
  if (cut.kind === "unsqueeze") {
    return cut.axes.includes(index) ? 1 : { copyOf: index - cut.axes.filter((axis) => axis < index).length };
  }
  let source = index;
  for (const axis of cut.axes) if (axis <= source) source++;
  return { copyOf: source };
}
