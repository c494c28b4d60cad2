import { at, first } from "../../../require.ts";
import { unique } from "../../build/ops/shape.ts";
import { reduce } from "../../build/reduce.ts";
import { insertAxis, viewOf, type Value } from "../../ir/value.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";

import { defineOp } from "./define.ts";
import { sameTypes } from "./operands.ts";

/** How many of the sorted elements of a row are less than each value, or no more than it. */
function bound(tfOp: string, op: "Less" | "LessOrEqual"): GraphOpConverter {
  return defineOp([tfOp], [op, "Cast", "ReduceSum"], (context) => {
    const { graph } = context;
    const values = sameTypes(graph, [context.tensor(0), context.tensor(1)]);
    const [sorted, asked] = [at(values, 0), at(values, 1)];
    const rows = insertAxis(sorted, sorted.rank - 1);
    const hits = graph.binary(op, rows, insertAxis(asked, asked.rank));
    return reduce(graph, "ReduceSum", graph.cast(hits, "int32"), [-1]);
  });
}

/** In the order in which they come first. ONNX Runtime has no kernel for int32. */
function distinct(context: OpContext, axis: number | null): readonly Value[] {
  const { graph } = context;
  const input = context.tensor(0);
  const wide = input.dtype === "int32" || input.dtype === "bool" ? graph.cast(input, "int64") : input;
  const made = unique(graph, graph.plain(wide), { sorted: false, ...(axis === null ? {} : { axis }) });
  const values = viewOf(at(made, 0));
  const places = graph.cast(viewOf(at(made, 2)), "int32");
  return [input.dtype === wide.dtype ? values : graph.cast(values, input.dtype), places];
}

export const evaluations: readonly GraphOpConverter[] = [
  bound("LowerBound", "Less"),
  bound("UpperBound", "LessOrEqual"),
  defineOp(["Unique"], ["Unique", "Cast"], (context) => distinct(context, 0)),
  defineOp(["UniqueV2"], ["Unique", "Cast"], (context) => distinct(context, first(context.integers(1, "the axis")))),
];
