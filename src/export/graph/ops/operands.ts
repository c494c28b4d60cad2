import { ExportError, InternalError } from "../../../errors.ts";
import type { DType, Tensor } from "../../../tensor.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import type { Value } from "../../ir/value.ts";

/** What converters of several families do with their operands. */

/** TF.js brings operands of two types to the wider one. */
const WIDTH: ReadonlyMap<DType, number> = new Map<DType, number>([
  ["bool", 0],
  ["int32", 1],
  ["float32", 2],
]);

/**
 * Values of the widest of their types, as TF.js computes with them.
 *
 * @throws {ExportError} when one is a string and another is not
 */
export function sameTypes(graph: GraphBuilder, values: readonly Value[]): readonly Value[] {
  const types = new Set(values.map(({ dtype }) => dtype));
  if (types.size <= 1) return values;
  const widths = values.map(({ dtype }) => WIDTH.get(dtype));
  if (widths.includes(undefined))
    throw new ExportError(`inputs of types ${[...types].join(" and ")} have no common type`);
  const widest = values.reduce((a, b) => ((WIDTH.get(a.dtype) ?? -1) >= (WIDTH.get(b.dtype) ?? -1) ? a : b));
  return values.map((value) => graph.cast(value, widest.dtype));
}

/** @throws {ExportError} for arithmetic of bools, which TensorFlow has none of and TF.js's backends disagree on */
export function expectNumbers(value: Value): Value {
  if (value.dtype === "float32" || value.dtype === "int32") return value;
  throw new ExportError(`it computes with numbers; got ${value.dtype}`, {
    hint: "put a Cast before it, as TensorFlow demands",
  });
}

/** A number without axes, of a given type. */
export function number(graph: GraphBuilder, value: number, dtype: DType): GraphTensor {
  return graph.constant("scalar", scalarTensor(value, dtype));
}

function scalarTensor(value: number, dtype: DType): Tensor {
  if (dtype === "float32") return { dtype, dims: [], data: Float32Array.of(value) };
  if (dtype === "float64") return { dtype, dims: [], data: Float64Array.of(value) };
  if (dtype === "int32") return { dtype, dims: [], data: Int32Array.of(value) };
  if (dtype === "int64") return { dtype, dims: [], data: BigInt64Array.of(BigInt(value)) };
  if (dtype === "bool") return { dtype, dims: [], data: Uint8Array.of(value) };
  throw new InternalError(`no number of type ${dtype} is ever needed`);
}

/** An elementwise operator with a number on the right, of the value's type. */
export function withNumber(graph: GraphBuilder, opType: string, value: Value, by: number): Value {
  return value.replacedBy(graph.op(opType, [value.tensor, number(graph, by, value.dtype)]));
}

/** An elementwise operator with a number on the left, of the value's type. */
export function numberWith(graph: GraphBuilder, opType: string, by: number, value: Value): Value {
  return value.replacedBy(graph.op(opType, [number(graph, by, value.dtype), value.tensor]));
}

/** The elements of `yes` where the condition holds, of `no` elsewhere; all are broadcast. */
export function choose(graph: GraphBuilder, condition: Value, yes: Value, no: Value): Value {
  return graph.elementwise([condition, yes, no], (tensors) => graph.op("Where", tensors));
}

/** The value where the condition, stored alike, holds; a number elsewhere. */
export function keepWhere(graph: GraphBuilder, condition: Value, value: Value, otherwise: number): Value {
  const other = number(graph, otherwise, value.dtype);
  return graph.elementwise([condition, value], ([test, kept]) =>
    graph.op("Where", [test ?? null, kept ?? null, other]),
  );
}

/** The number, where the condition holds; the value elsewhere. */
export function replaceWhere(graph: GraphBuilder, condition: Value, by: number, value: Value): Value {
  const other = number(graph, by, value.dtype);
  return graph.elementwise([condition, value], ([test, kept]) =>
    graph.op("Where", [test ?? null, other, kept ?? null]),
  );
}

/** From this on, every float32 is a multiple of 2^32. */
const WHOLE_WORDS = 2 ** 56;

/**
 * Floats as JavaScript puts them into an Int32Array: cut towards zero, the lowest 32 bits, 0 for what is not finite. In C++,
 * numbers out of range give whatever the machine gives.
 */
export function toInt32(graph: GraphBuilder, value: Value): Value {
  const fits = withNumber(graph, "Less", graph.unary("Abs", value), WHOLE_WORDS);
  return graph.cast(graph.cast(keepWhere(graph, fits, value, 0), "int64"), "int32");
}
