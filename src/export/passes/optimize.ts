import { InternalError } from "../../errors.ts";

import type { Pass } from "./pass.ts";
import type { PassGraph, PassNode } from "./pass-graph.ts";

/** What came of running passes. */
export interface Optimized {
  /** How often each pass changed the graph, by its name; those that did not are left out. */
  readonly hits: ReadonlyMap<string, number>;
}

/** Hits for each node from which on passes are taken to undo one another. */
const MOST_HITS = 50;

/**
 * Run passes until none of them changes anything: the first group, then the next one. Each node is looked at once, and again
 * whenever something next to it has changed; before a group ends, all nodes are looked at once more.
 *
 * @throws {InternalError} when passes undo one another
 */
export function optimize(graph: PassGraph, groups: readonly (readonly Pass[])[]): Optimized {
  const hits = new Map<string, number>();
  let left = MOST_HITS * ([...graph.nodes()].length + 20);
  for (const passes of groups) {
    const passesAt = byOperator(passes.filter(({ minOpset = 0 }) => graph.opset >= minOpset));
    let isChanged = true;
    while (isChanged) {
      isChanged = false;
      const queue = new Set<PassNode>(graph.nodes());
      // A set is iterated in the order of insertion, those inserted meanwhile included.
      for (const node of queue) {
        queue.delete(node);
        for (const pass of graph.isRemoved(node) ? [] : passesAt(node)) {
          if (!pass.apply(node, graph)) continue;
          hits.set(pass.name, (hits.get(pass.name) ?? 0) + 1);
          if (left-- === 0) throw new InternalError(`the passes do not settle; the last one was ${pass.name}`);
          isChanged = true;
          for (const touched of graph.takeTouched()) queue.add(touched);
          if (!graph.isRemoved(node)) queue.add(node);
          break;
        }
      }
    }
  }
  return { hits };
}

/** The passes that begin at a node, in their order. */
function byOperator(passes: readonly Pass[]): (node: PassNode) => readonly Pass[] {
  const known = new Map<string, readonly Pass[]>();
  return ({ opType, domain }) => {
    const key = domain === "" ? opType : `${domain}:${opType}`;
    let found = known.get(key);
    if (found === undefined) {
      found = passes.filter(({ startsAt }) => startsAt === "all" || (domain === "" && startsAt.includes(opType)));
      known.set(key, found);
    }
    return found;
  };
}
