import { ExportError } from "../../../errors.ts";
import { lowerBound } from "../../../onnx/dim.ts";
import { int } from "../../../onnx/model.ts";
import { at } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { Value } from "../../ir/value.ts";
import { isComplex, type ComplexValue, type GraphOpConverter, type OpContext } from "../converter.ts";

import { defineOp } from "./define.ts";
import { expectNumbers, replaceWhere, sameTypes, toInt32, withNumber } from "./operands.ts";

type Compute = (graph: GraphBuilder, a: Value, b: Value) => Value;

/** An operator over two values of one numeric type. */
function binary(tfOps: readonly string[], ops: readonly string[], compute: Compute): GraphOpConverter {
  return defineOp(tfOps, ops, (context) => {
    const { graph } = context;
    return compute(graph, ...operands(context));
  });
}

function operands(context: OpContext): readonly [Value, Value] {
  const { graph } = context;
  const values = sameTypes(graph, [context.tensor(0), context.tensor(1)]);
  return [expectNumbers(at(values, 0)), expectNumbers(at(values, 1))];
}

/** Complex numbers are two tensors each. */
function complexBinary(
  tfOps: readonly string[],
  ops: readonly string[],
  real: Compute,
  complex: (graph: GraphBuilder, a: ComplexValue, b: ComplexValue) => ComplexValue,
): GraphOpConverter {
  return defineOp(tfOps, ops, (context) => {
    const [a, b] = [context.numeric(0), context.numeric(1)];
    const { graph } = context;
    if (!isComplex(a) && !isComplex(b)) return real(graph, ...operands(context));
    return complex(graph, asComplex(graph, a), asComplex(graph, b));
  });
}

function asComplex(graph: GraphBuilder, value: Value | ComplexValue): ComplexValue {
  if (isComplex(value)) return value;
  const real = graph.cast(value, "float32");
  return { kind: "complex", real, imaginary: graph.binary("Sub", real, real) };
}

/** Part by part. */
function partwise(opType: string): (graph: GraphBuilder, a: ComplexValue, b: ComplexValue) => ComplexValue {
  return (graph, a, b) => ({
    kind: "complex",
    real: graph.binary(opType, a.real, b.real),
    imaginary: graph.binary(opType, a.imaginary, b.imaginary),
  });
}

/** (a + bi)(c + di) = (ac - bd) + (ad + bc)i */
function complexProduct(graph: GraphBuilder, a: ComplexValue, b: ComplexValue): ComplexValue {
  const times = (x: Value, y: Value): Value => graph.binary("Mul", x, y);
  return {
    kind: "complex",
    real: graph.binary("Sub", times(a.real, b.real), times(a.imaginary, b.imaginary)),
    imaginary: graph.binary("Add", times(a.real, b.imaginary), times(a.imaginary, b.real)),
  };
}

const simple =
  (opType: string): Compute =>
  (graph, a, b) =>
    graph.binary(opType, a, b);

/** TF.js divides int32 to the next lower integer. */
function divide(graph: GraphBuilder, a: Value, b: Value): Value {
  return a.dtype === "int32" ? floorDivideIntegers(graph, a, b) : graph.binary("Div", a, b);
}

/** TF.js gives int32, whatever the operands: 0 where the quotient is not finite. It divides in float64. */
function floorDivide(graph: GraphBuilder, a: Value, b: Value): Value {
  if (a.dtype === "int32") return floorDivideIntegers(graph, a, b);
  const quotient = graph.binary("Div", graph.cast(a, "float64"), graph.cast(b, "float64"));
  return toInt32(graph, graph.unary("Floor", quotient));
}

/** ONNX divides towards zero: what the remainder, of the divisor's sign, leaves is a multiple. By 0: 0. */
function floorDivideIntegers(graph: GraphBuilder, a: Value, b: Value): Value {
  if (isNoLess(a, 0) && isNoLess(b, 1)) return graph.binary("Div", a, b);
  if (!mayBeZero(b)) return graph.binary("Div", graph.binary("Sub", a, graph.binary("Mod", a, b)), b);
  const zero = withNumber(graph, "Equal", b, 0);
  const divisor = replaceWhere(graph, zero, 1, b);
  const quotient = graph.binary("Div", graph.binary("Sub", a, graph.binary("Mod", a, divisor)), divisor);
  return replaceWhere(graph, zero, 0, quotient);
}

/** Whether all elements are known to be at least `least`: sizes, and constants. */
function isNoLess({ tensor: { elements, constant } }: Value, least: number): boolean {
  if (constant !== null && constant.dtype === "int32") return constant.data.every((element) => element >= least);
  return elements !== null && elements.every((element) => lowerBound(element) >= least);
}

function mayBeZero({ tensor: { constant } }: Value): boolean {
  return constant === null || constant.dtype !== "int32" || constant.data.includes(0);
}

/** The remainder has the sign of the divisor. TF.js computes it in float64; an integer by 0 gives 0. */
function remainder(graph: GraphBuilder, a: Value, b: Value): Value {
  if (a.dtype === "int32") {
    return graph.binary("Mod", a, mayBeZero(b) ? replaceWhere(graph, withNumber(graph, "Equal", b, 0), 1, b) : b);
  }
  const [x, y] = [graph.cast(a, "float64"), graph.cast(b, "float64")];
  const truncated = (p: Value, q: Value): Value =>
    graph.elementwise([p, q], (tensors) => graph.op("Mod", tensors, { fmod: int(1) }));
  const rest = truncated(x, y);
  const moved = truncated(graph.binary("Add", rest, y), y);
  const alike = graph.binary("Equal", withNumber(graph, "Less", x, 0), withNumber(graph, "Less", y, 0));
  const result = graph.elementwise([alike, rest, moved], (tensors) => graph.op("Where", tensors));
  return graph.cast(result, "float32");
}

function squaredDifference(graph: GraphBuilder, a: Value, b: Value): Value {
  const difference = graph.binary("Sub", a, b);
  return graph.binary("Mul", difference, difference);
}

/** 0 where the divisor is 0. */
function divideNoNan(graph: GraphBuilder, a: Value, b: Value): Value {
  if (a.dtype === "int32") return floorDivideIntegers(graph, a, b);
  return replaceWhere(graph, withNumber(graph, "Equal", b, 0), 0, graph.binary("Div", a, b));
}

function power(graph: GraphBuilder, a: Value, b: Value): Value {
  const { constant } = b.tensor;
  if (constant !== null && constant.data.length === 1 && Number(constant.data[0]) === 2 && b.rank <= a.rank) {
    return graph.binary("Mul", a, a);
  }
  if (a.dtype === "int32") return integerPower(graph, a, b);
  const result = graph.binary("Pow", a, b);
  if (constant !== null && constant.dtype === "float32" && constant.data.every(Number.isFinite)) return result;
  // In JavaScript, 1 to a power that is not finite is not a number; in C++ it is 1.
  const one = withNumber(graph, "Equal", graph.unary("Abs", a), 1);
  const finite = withNumber(graph, "Less", graph.unary("Abs", b), Number.POSITIVE_INFINITY);
  return replaceWhere(graph, graph.binary("And", one, graph.unary("Not", finite)), Number.NaN, result);
}

/** 0 to a negative power is infinite, which JavaScript writes to an int32 as 0. */
function integerPower(graph: GraphBuilder, a: Value, b: Value): Value {
  if (isNoLess(b, 0)) return graph.binary("Pow", a, b);
  const infinite = graph.binary("And", withNumber(graph, "Equal", a, 0), withNumber(graph, "Less", b, 0));
  return replaceWhere(graph, infinite, 0, graph.binary("Pow", replaceWhere(graph, infinite, 2, a), b));
}

function sum(context: OpContext): Value {
  const { graph } = context;
  const values = sameTypes(graph, context.tensors()).map(expectNumbers);
  const [head, ...rest] = values;
  if (head === undefined) throw new ExportError("it has no inputs to add");
  if (rest.length < 2 || head.dtype !== "float32") return rest.reduce((a, b) => graph.binary("Add", a, b), head);
  return graph.elementwise(values, (operandsAlike) => graph.op("Sum", operandsAlike));
}

export const arithmetic: readonly GraphOpConverter[] = [
  complexBinary(["Add", "AddV2"], ["Add"], simple("Add"), partwise("Add")),
  complexBinary(["Sub"], ["Sub"], simple("Sub"), partwise("Sub")),
  complexBinary(["Mul"], ["Mul"], simple("Mul"), complexProduct),
  // The data format says nothing to TF.js: the bias is spread over the last axis.
  binary(["BiasAdd"], ["Add"], simple("Add")),
  binary(["Maximum"], ["Max"], simple("Max")),
  binary(["Minimum"], ["Min"], simple("Min")),
  binary(["SquaredDifference"], ["Sub", "Mul"], squaredDifference),
  binary(["RealDiv", "Div"], ["Div"], divide),
  binary(["DivNoNan"], ["Div", "Equal", "Where"], divideNoNan),
  binary(["FloorDiv"], ["Div", "Mod", "Floor", "Cast"], floorDivide),
  binary(["FloorMod", "Mod"], ["Mod"], remainder),
  binary(["Pow"], ["Pow", "Mul"], power),
  defineOp(["AddN"], ["Add", "Sum"], sum),
];
