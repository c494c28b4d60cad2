import type { GraphSource } from "../export/graph/source/graph-model.ts";
import type { GraphNode } from "../export/graph/source/node.ts";

import type { InputDomain } from "./input-domains.ts";

const DEEPEST = 64;

/** Operators that give the whole numbers they are given, or some of them, with the inputs they take them from. */
const CARRYING = new Set([
  "Cast",
  "ConcatV2",
  "ExpandDims",
  "GatherV2",
  "Identity",
  "Pack",
  "Pad",
  "PadV2",
  "Reshape",
  "Slice",
  "Squeeze",
  "StopGradient",
  "StridedSlice",
  "Tile",
  "Transpose",
]);

/** Operators that use whole numbers as indices into another input: which input has the indices, and which is indexed. */
const INDEXING: ReadonlyMap<string, { readonly indices: number; readonly table: number }> = new Map([
  ["Gather", { indices: 1, table: 0 }],
  ["GatherV2", { indices: 1, table: 0 }],
  ["ResourceGather", { indices: 1, table: 0 }],
]);

/** Values to feed the inputs of a Graph model with: indices in range where an input looks up rows of a weight. */
export function graphDomains({ nodes, inputs, weights }: GraphSource): ReadonlyMap<string, InputDomain> {
  const users = new Map<string, { readonly node: GraphNode; readonly position: number }[]>();
  for (const node of nodes.values()) {
    node.inputs.forEach(({ node: input }, position) => {
      users.set(input, [...(users.get(input) ?? []), { node, position }]);
    });
  }
  /** Rows of a weight, read through Identity nodes; null for what is computed. */
  const rowsOf = (name: string, depth = 0): number | null => {
    const weight = weights.get(name);
    if (weight !== undefined) return weight.dims[0] ?? null;
    const node = nodes.get(name);
    const [first] = node?.inputs ?? [];
    return node?.op === "Identity" && first !== undefined && depth < DEEPEST ? rowsOf(first.node, depth + 1) : null;
  };
  const boundOf = (placeholder: string): number => {
    let below = Infinity;
    const seen = new Set<string>();
    const waiting = [placeholder];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      for (const { node, position } of users.get(next) ?? []) {
        const lookup = INDEXING.get(node.op);
        const table = lookup?.indices === position ? node.inputs[lookup.table] : undefined;
        if (table !== undefined) below = Math.min(below, rowsOf(table.node) ?? below);
        else if (CARRYING.has(node.op)) waiting.push(node.name);
      }
    }
    return below;
  };
  return new Map(
    inputs.flatMap(({ name, node }): [string, InputDomain][] => {
      const below = boundOf(node);
      return Number.isFinite(below) ? [[name, { kind: "integers", below: Math.max(1, below) }]] : [];
    }),
  );
}
