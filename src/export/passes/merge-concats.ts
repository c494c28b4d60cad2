import type { Pass } from "./pass.ts";
import type { PassGraph, PassNode, PassTensor } from "./pass-graph.ts";

/** Merges a Concat into the Concat along the same axis that is its only reader. */
export const mergeConcats: Pass = {
  name: "mergeConcats",
  startsAt: ["Concat"],
  apply(node, graph) {
    const reader = graph.soleReader(node);
    // The last one of them takes all others at once.
    if (reader?.opType === "Concat" && axisOf(reader) === axisOf(node)) return false;
    const inputs = partsOf(graph, node);
    if (inputs.length === node.inputs.length) return false;
    graph.redefine(node, { ...node, inputs });
    return true;
  },
};

/** What a node joins, at any depth. */
function partsOf(graph: PassGraph, node: PassNode): readonly (PassTensor | null)[] {
  const parts: (PassTensor | null)[] = [];
  const pending = [{ of: node, next: 0 }];
  for (let current = pending.at(-1); current !== undefined; current = pending.at(-1)) {
    const { of, next } = current;
    const tensor = of.inputs[next];
    if (tensor === undefined) {
      pending.pop();
      continue;
    }
    current.next++;
    const inner = graph.soleProducer(of, next);
    if (inner?.opType === "Concat" && axisOf(inner) === axisOf(node)) pending.push({ of: inner, next: 0 });
    else parts.push(tensor);
  }
  return parts;
}

/** The axis, from the start where the number of axes is known. */
function axisOf({ attributes, outputs }: PassNode): number | null {
  const axis = attributes["axis"];
  const rank = outputs[0]?.shape?.length;
  if (axis?.type !== "int") return null;
  return axis.value < 0 && rank !== undefined ? axis.value + rank : axis.value;
}
