import type { PassGraph, PassNode } from "./pass-graph.ts";

/**
 * One way to rewrite a graph: the same numbers with fewer or cheaper nodes.
 *
 * A pass is asked about one node at a time. It looks at the nodes and tensors around that node. Their types, shapes, constants and
 * readers are known: see {@link PassNode} and `PassTensor`. It then leaves everything as it is, or edits the graph through
 * {@link PassGraph}, which keeps these facts up to date:
 *
 * - `graph.redefine(node, { opType, inputs, attributes })`: the node's outputs are made in another way from now on;
 * - `graph.add(near, { opType, inputs, attributes })`: one more node, beside `near`;
 * - `graph.replaceOutputs(node, tensors)`: whatever reads the node's outputs reads these tensors instead;
 * - `graph.constant(stem, data)`: one more constant.
 *
 * Nodes and constants that nothing reads any more disappear by themselves. Bodies of If, Loop and Scan are graphs as the
 * outermost one: `graph.soleProducer` finds a node only within the same body, so that nothing moves into a loop.
 *
 * The driver (optimize.ts) asks about every node, and again about the nodes around every edit, until no pass changes anything. So
 * a pass needs no loop of its own, and must take time that does not grow with the graph.
 *
 * To add a pass: a file beside this one, an entry in pipeline.ts (in graph/patterns.ts where only Graph
 * models have what it rewrites), and a case in test/export/passes/.
 */
export interface Pass {
  /** Names the pass in tests and in errors. */
  readonly name: string;
  /** Operators of ONNX's own set that the pass begins at; "all": every node. */
  readonly startsAt: readonly string[] | "all";
  /** Oldest opset that has what the pass writes. */
  readonly minOpset?: number;
  /** It computes new weights. It is left out where weights must stay as the model stores them, because they are quantised. */
  readonly changesWeights?: boolean;
  /** Rewrites the graph around a node, if it can. @returns whether it did */
  apply(node: PassNode, graph: PassGraph): boolean;
}
