import type { OnnxGraph, OnnxNode } from "../../../onnx/model.ts";

import { withReplaced } from "./drop-unused.ts";
import { soleProducer, wiringOf, type Wiring } from "./wiring.ts";

/** A Concat of what only it takes from another Concat along the same axis: one Concat of all. */
export function mergeConcats(graph: OnnxGraph): OnnxGraph {
  const wiring = wiringOf(graph);
  const replaced = new Map<OnnxNode, OnnxNode | null>();
  for (const node of graph.nodes) {
    if (node.opType !== "Concat") continue;
    const inputs = node.inputs.flatMap((input) => partsOf(wiring, input, axisOf(node)));
    if (inputs.length > node.inputs.length) replaced.set(node, { ...node, inputs });
  }
  return replaced.size === 0 ? graph : withReplaced(graph, replaced, graph.initializers);
}

/** What a tensor is joined from along an axis, at any depth; itself when it is not. */
function partsOf(wiring: Wiring, tensor: string, axis: number): string[] {
  const inner = soleProducer(wiring, tensor);
  if (inner?.opType !== "Concat" || axisOf(inner) !== axis) return [tensor];
  return inner.inputs.flatMap((input) => partsOf(wiring, input, axis));
}

function axisOf({ attributes }: OnnxNode): number {
  const axis = attributes["axis"];
  return axis?.type === "int" ? axis.value : Number.NaN;
}
