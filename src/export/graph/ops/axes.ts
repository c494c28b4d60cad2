import { ExportError } from "../../../errors.ts";
import type { Dim } from "../../../onnx/dim.ts";
import { at } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { newAxis, Value } from "../../ir/value.ts";

/** An axis counted from the start. @throws {ExportError} when the value does not have it */
export function placeOf(value: Value, axis: number): number {
  const place = axis < 0 ? axis + value.rank : axis;
  if (Number.isInteger(place) && place >= 0 && place < value.rank) return place;
  throw new ExportError(`there is no axis ${axis} in a tensor with ${value.rank} axes`);
}

/**
 * What a node that changes the size of one axis alone makes of a value, whatever it is stored as: `make` is given the
 * tensor and the stored dimension that the axis is.
 */
export function alongAxis(
  graph: GraphBuilder,
  input: Value,
  axis: number,
  make: (tensor: GraphTensor, dim: number) => GraphTensor,
): Value {
  const place = placeOf(input, axis);
  const { value, dim } = graph.isolate(input, place);
  return withAxis(value, place, dim, make(value.tensor, dim));
}

/** The value with another tensor, whose stored dimension `dim` is the axis `place`, with a size of its own. */
export function withAxis(value: Value, place: number, dim: number, tensor: GraphTensor): Value {
  const axis = newAxis(sizeAt(tensor, dim));
  return new Value(tensor, value.axes.with(place, axis), value.stored.with(dim, axis));
}

function sizeAt({ shape, name }: GraphTensor, dim: number): Dim {
  if (shape === null) throw new ExportError(`the number of axes of ${name} is only known when the model runs`);
  return at(shape, dim);
}
