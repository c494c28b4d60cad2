import type { OnnxGraph, OnnxNode } from "../../../onnx/model.ts";

import { readsOf } from "./wiring.ts";

/** Nodes that do the same to the same tensors become one: two embeddings convert their ids once. */
export function shareEqualNodes(graph: OnnxGraph): OnnxGraph {
  const kept = new Set([...graph.outputs.map(({ name }) => name), ...graph.nodes.flatMap(readsOfBodies)]);
  const known = new Map<string, OnnxNode>();
  const renamed = new Map<string, string>();
  const nodes: OnnxNode[] = [];
  for (const node of graph.nodes) {
    const current = { ...node, inputs: node.inputs.map((input) => renamed.get(input) ?? input) };
    const key = node.outputs.some((output) => kept.has(output)) ? null : keyOf(current);
    const same = key === null ? undefined : known.get(key);
    if (same === undefined) {
      nodes.push(current);
      if (key !== null) known.set(key, current);
    } else {
      node.outputs.forEach((output, index) => renamed.set(output, same.outputs[index] ?? output));
    }
  }
  return renamed.size === 0 ? graph : { ...graph, nodes };
}

/** What a node computes; null when that cannot be compared, or differs each time. */
function keyOf({ opType, domain, inputs, outputs, attributes }: OnnxNode): string | null {
  if (/^(Random|Bernoulli|Multinomial)/.test(opType)) return null;
  const given = Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (given.some(([, { type }]) => type === "graph" || type === "tensor")) return null;
  return JSON.stringify([opType, domain, inputs, outputs.length, given]);
}

/** What the bodies of a node take from outside, where names are not changed. */
function readsOfBodies(node: OnnxNode): string[] {
  return readsOf(node).slice(node.inputs.length);
}
