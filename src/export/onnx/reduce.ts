import { ExportError } from "../../errors.ts";
import { int, ints } from "../../onnx/model.ts";

import type { GraphBuilder } from "./builder.ts";
import type { Value } from "./value.ts";

export type Reduction = "ReduceMax" | "ReduceMin" | "ReduceMean" | "ReduceSum" | "ReduceL2" | "ReduceLogSumExp";

/**
 * Reduce over some of TF.js's axes, however the tensor is stored. The axes vanish, or stay with size 1 (`keep`).
 * Axes of size 1 need no node, unless the reduction changes single values.
 *
 * @throws {ExportError} for an axis that the input does not have
 */
export function reduce(
  graph: GraphBuilder,
  opType: Reduction,
  input: Value,
  axes: readonly number[],
  keep = false,
): Value {
  const rank = input.axes.length;
  const places = new Set(axes.map((axis) => (axis < 0 ? rank + axis : axis)));
  const beyond = axes.find((axis) => axis < -rank || axis >= rank);
  if (beyond !== undefined) throw new ExportError(`axis ${beyond} is not one of the input's ${rank}`);
  const gone = new Set(input.axes.flatMap((axis, place) => (places.has(place) ? axis : [])));
  const value = graph.separate(input, gone);
  const dims = value.stored.flatMap((dim, place) => (dim.some((factor) => gone.has(factor)) ? [place] : []));
  const seen = value.axes.flatMap((axis, place) => (places.has(place) ? (keep ? [[]] : []) : [axis]));
  if (dims.length === 0) {
    const single = opType === "ReduceL2" ? graph.unary("Abs", value) : value;
    return { ...single, axes: seen };
  }
  // Axes became an input in opset 13 for sums, in 18 for the others.
  const asInput = graph.opset >= (opType === "ReduceSum" ? 13 : 18);
  const name = asInput
    ? graph.op(opType, [value.name, graph.int64s(dims)], { keepdims: int(0) })
    : graph.op(opType, [value.name], { axes: ints(dims), keepdims: int(0) });
  const result: Value = {
    ...value,
    name,
    axes: seen,
    stored: value.stored.filter((_, place) => !dims.includes(place)),
  };
  graph.learnSymbols(result);
  return result;
}
