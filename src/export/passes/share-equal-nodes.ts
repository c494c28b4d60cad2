import type { Pass } from "./pass.ts";

/** Nodes that do the same to the same tensors become one: two embeddings convert their ids once. */
export const shareEqualNodes: Pass = {
  name: "shareEqualNodes",
  startsAt: "all",
  apply(node, graph) {
    const same = graph.equalNode(node);
    return same !== null && graph.replaceOutputs(node, same.outputs);
  },
};
