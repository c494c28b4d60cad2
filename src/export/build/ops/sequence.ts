import { ELEMENT_TYPE } from "../../../onnx/element-type.ts";
import { int } from "../../../onnx/model.ts";
import type { DType } from "../../../tensor.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import type { GraphBuilder } from "../builder.ts";

/** A sequence without tensors. */
export function sequenceEmpty(graph: GraphBuilder, dtype: DType): GraphTensor {
  return graph.op("SequenceEmpty", [], { dtype: int(ELEMENT_TYPE[dtype]) });
}

export function sequenceConstruct(graph: GraphBuilder, tensors: readonly GraphTensor[]): GraphTensor {
  return graph.op("SequenceConstruct", tensors);
}

/** The sequence with a tensor inserted before position `at` (an integer scalar), or appended. */
export function sequenceInsert(
  graph: GraphBuilder,
  sequence: GraphTensor,
  tensor: GraphTensor,
  place: GraphTensor | null = null,
): GraphTensor {
  return graph.op("SequenceInsert", [sequence, tensor, place]);
}

export function sequenceErase(
  graph: GraphBuilder,
  sequence: GraphTensor,
  place: GraphTensor | null = null,
): GraphTensor {
  return graph.op("SequenceErase", [sequence, place]);
}

export function sequenceAt(graph: GraphBuilder, sequence: GraphTensor, place: GraphTensor): GraphTensor {
  return graph.op("SequenceAt", [sequence, place]);
}

/** Number of tensors: an int64 scalar. */
export function sequenceLength(graph: GraphBuilder, sequence: GraphTensor): GraphTensor {
  return graph.op("SequenceLength", [sequence]);
}

/** The tensors concatenated along an axis, or stacked along a new one. */
export function concatFromSequence(
  graph: GraphBuilder,
  sequence: GraphTensor,
  axis: number,
  newAxis: boolean,
): GraphTensor {
  return graph.op("ConcatFromSequence", [sequence], { axis: int(axis), ...(newAxis ? { new_axis: int(1) } : {}) });
}

/** Splits a tensor along an axis into slices of size 1. The slices lose the axis unless it is kept. */
export function splitToSequence(graph: GraphBuilder, input: GraphTensor, axis: number, keep = false): GraphTensor {
  return graph.op("SplitToSequence", [input], { axis: int(axis), keepdims: int(keep ? 1 : 0) });
}
