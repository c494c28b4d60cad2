import { InternalError } from "../../errors.ts";
import { last } from "../../require.ts";

/**
 * The nodes so that each comes after those it depends on, otherwise in the given order. Takes time that grows with the number of
 * nodes and dependencies.
 *
 * @throws {InternalError} when nodes depend on each other in a circle
 */
export function inOrder<T>(nodes: Iterable<T>, dependencies: (node: T) => Iterable<T, undefined>): readonly T[] {
  const ordered: T[] = [];
  const states = new Map<T, "begun" | "done">();
  for (const root of nodes) {
    if (states.has(root)) continue;
    const stack: { readonly node: T; readonly open: Iterator<T, undefined> }[] = [];
    stack.push({ node: root, open: dependencies(root)[Symbol.iterator]() });
    states.set(root, "begun");
    while (stack.length > 0) {
      const { node, open } = last(stack);
      const next = open.next();
      if (next.done === true) {
        stack.pop();
        states.set(node, "done");
        ordered.push(node);
        continue;
      }
      const needed = next.value;
      const state = states.get(needed);
      if (state === "begun") throw new InternalError("nodes depend on each other in a circle");
      if (state === "done") continue;
      states.set(needed, "begun");
      stack.push({ node: needed, open: dependencies(needed)[Symbol.iterator]() });
    }
  }
  return ordered;
}
