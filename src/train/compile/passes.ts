import type { Graph } from "./graph.ts";

/** How often each rewrite was applied. */
export type PassCounts = Readonly<Record<string, number>>;

export function optimise(graph: Graph): { readonly graph: Graph; readonly counts: PassCounts } {
  return { graph, counts: {} };
}
