import type { OnnxGraph, OnnxNode } from "../../../onnx/model.ts";
import type { Tensor } from "../../../tensor.ts";

import { countUses, readsOf } from "./wiring.ts";

/** Without the nodes and constants that no output needs. */
export function dropUnused(graph: OnnxGraph): OnnxGraph {
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const nodes: OnnxNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of readsOf(node)) needed.add(input);
    nodes.push(node);
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  return { ...graph, nodes: nodes.toReversed(), initializers };
}

/** The graph with some nodes replaced, null leaving them out, and without what nothing needs any more. */
export function withReplaced(
  graph: OnnxGraph,
  replaced: ReadonlyMap<OnnxNode, OnnxNode | null>,
  initializers: ReadonlyMap<string, Tensor>,
): OnnxGraph {
  const nodes = graph.nodes.flatMap((node) => {
    const other = replaced.get(node);
    return other === undefined ? [node] : other === null ? [] : [other];
  });
  return dropUnused({ ...graph, nodes, initializers });
}

const OPTIONAL_OUTPUTS: ReadonlySet<string> = new Set(["LSTM", "GRU", "RNN"]);

/** Recurrent nodes do not give what nothing reads: every step's output, or the states after the last. */
export function dropUnusedOutputs(graph: OnnxGraph): OnnxGraph {
  const uses = countUses(graph);
  const nodes = graph.nodes.map((node) => {
    if (!OPTIONAL_OUTPUTS.has(node.opType)) return node;
    const outputs = node.outputs.map((output) => (uses.has(output) ? output : ""));
    while (outputs.at(-1) === "") outputs.pop();
    return { ...node, outputs };
  });
  return { ...graph, nodes };
}
