import type { GraphBuilder } from "../../build/builder.ts";
import { constantOfShape, expand, scatterNd, shapeOf, unsqueeze } from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";

/** How often each of 0, 1, ... occurs: int64 [length] of int64 [n]. `length` is int64 [1]. */
export function countsOf(graph: GraphBuilder, values: GraphTensor, length: GraphTensor): GraphTensor {
  const none = constantOfShape(graph, length, { dtype: "int64", dims: [1], data: BigInt64Array.of(0n) });
  const ones = expand(graph, graph.int64s([1]), shapeOf(graph, values));
  return scatterNd(graph, none, unsqueeze(graph, values, [1]), ones, "add");
}
