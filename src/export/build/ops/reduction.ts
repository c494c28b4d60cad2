import { int, ints, type Attributes } from "../../../onnx/model.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import type { GraphBuilder } from "../builder.ts";

export type ReductionOp =
  | "ReduceL1"
  | "ReduceL2"
  | "ReduceLogSumExp"
  | "ReduceMax"
  | "ReduceMean"
  | "ReduceMin"
  | "ReduceProd"
  | "ReduceSum"
  | "ReduceSumSquare";

/** Over `axes` of the stored tensor. Axes became an input in opset 13 for sums, in 18 for the others. */
export function reduceTensor(
  graph: GraphBuilder,
  opType: ReductionOp,
  input: GraphTensor,
  axes: readonly number[],
  keep: boolean,
): GraphTensor {
  const kept: Attributes = { keepdims: int(keep ? 1 : 0) };
  return graph.opset >= (opType === "ReduceSum" ? 13 : 18)
    ? graph.op(opType, [input, graph.int64s(axes)], kept)
    : graph.op(opType, [input], { axes: ints(axes), ...kept });
}

/** Place of the largest or smallest element along an axis, the first of equal ones: int64. */
export function argument(
  graph: GraphBuilder,
  opType: "ArgMax" | "ArgMin",
  input: GraphTensor,
  axis: number,
  keep = false,
): GraphTensor {
  return graph.op(opType, [input], { axis: int(axis), keepdims: int(keep ? 1 : 0) });
}
