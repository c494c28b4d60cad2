import { ExportError } from "../../errors.ts";
import { Value } from "../ir/value.ts";

import type { GraphBuilder } from "./builder.ts";
import { reduceTensor, type ReductionOp } from "./ops/reduction.ts";

/**
 * Reduce over some of TF.js's axes, however the tensor is stored. The axes vanish, or stay with size 1 (`keep`).
 * Axes of size 1 need no node, unless the reduction changes single values.
 *
 * @throws {ExportError} for an axis that the input does not have
 */
export function reduce(
  graph: GraphBuilder,
  opType: ReductionOp,
  input: Value,
  axes: readonly number[],
  keep = false,
): Value {
  const { rank } = input;
  const beyond = axes.find((axis) => axis < -rank || axis >= rank);
  if (beyond !== undefined) throw new ExportError(`axis ${beyond} is not one of the input's ${rank}`);
  const places = new Set(axes.map((axis) => (axis < 0 ? rank + axis : axis)));
  const gone = new Set(input.axes.flatMap((axis, place) => (places.has(place) ? axis : [])));
  const value = graph.separate(input, gone);
  const dims = value.stored.flatMap((each, place) => (each.some((factor) => gone.has(factor)) ? [place] : []));
  const seen = value.axes.flatMap((axis, place) => (places.has(place) ? (keep ? [[]] : []) : [axis]));
  if (dims.length === 0) return singly(graph, opType, value).seenAs(seen);
  return new Value(
    reduceTensor(graph, opType, value.tensor, dims, false),
    seen,
    value.stored.filter((_, place) => !dims.includes(place)),
  );
}

/** The reduction of each element alone. */
function singly(graph: GraphBuilder, opType: ReductionOp, value: Value): Value {
  if (opType === "ReduceL1" || opType === "ReduceL2") return graph.unary("Abs", value);
  return opType === "ReduceSumSquare" ? graph.binary("Mul", value, value) : value;
}
