import { ExportError } from "../../../errors.ts";
import { float } from "../../../onnx/model.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import type { Value } from "../../ir/value.ts";
import { isComplex, type GraphOpConverter } from "../converter.ts";

import { activate } from "./activation.ts";
import { defineOp } from "./define.ts";
import { choose, expectNumbers, number, numberWith, sameTypes, toInt32, withNumber } from "./operands.ts";

type Compute = (graph: GraphBuilder, input: Value) => Value;

/** An operator on floats alone: TF.js throws for others. */
function ofFloats(tfOp: string, ops: readonly string[], compute: Compute): GraphOpConverter {
  return defineOp([tfOp], ops, (context) => {
    const { graph } = context;
    const input = context.tensor(0);
    if (input.dtype !== "float32") throw new ExportError(`its input must be float32, as in TF.js; got ${input.dtype}`);
    return compute(graph, input);
  });
}

/**
 * An operator on numbers whose result has the type of the input. TF.js computes that of an int32 in float64 and cuts it
 * to an int32; `whole` says when that needs no detour.
 */
function ofNumbers(tfOp: string, ops: readonly string[], compute: Compute, whole?: Compute): GraphOpConverter {
  return defineOp([tfOp], whole === undefined ? [...ops, "Cast", "Where"] : ops, (context) => {
    const { graph } = context;
    const input = expectNumbers(context.tensor(0));
    if (input.dtype === "float32") return compute(graph, input);
    if (whole !== undefined) return whole(graph, input);
    return toInt32(graph, compute(graph, graph.cast(input, "float32")));
  });
}

/** An operator whose result is float32 whatever the input. */
function toFloats(tfOp: string, ops: readonly string[], compute: Compute): GraphOpConverter {
  return defineOp([tfOp], ops, (context) => compute(context.graph, context.graph.cast(context.tensor(0), "float32")));
}

const simple =
  (opType: string): Compute =>
  (graph, input) =>
    graph.unary(opType, input);

const itself: Compute = (_graph, input) => input;
const squared: Compute = (graph, input) => graph.binary("Mul", input, input);

/** tanh(x / 2) (e^x + 1), which keeps the digits of small numbers. */
function expm1(graph: GraphBuilder, input: Value): Value {
  const half = graph.unary("Tanh", withNumber(graph, "Mul", input, 0.5));
  return graph.binary("Mul", half, withNumber(graph, "Add", graph.unary("Exp", input), 1));
}

/** In float64, which keeps the digits of small numbers. */
function log1p(graph: GraphBuilder, input: Value): Value {
  const wide = withNumber(graph, "Add", graph.cast(input, "float64"), 1);
  return graph.cast(graph.unary("Log", wide), "float32");
}

function rsqrt(graph: GraphBuilder, input: Value): Value {
  return graph.unary("Reciprocal", graph.unary("Sqrt", input));
}

/** Neither infinite nor NaN. */
function isFinite(graph: GraphBuilder, input: Value): Value {
  return withNumber(graph, "Less", graph.unary("Abs", input), Number.POSITIVE_INFINITY);
}

/** Relu takes integers from opset 14 on. */
function reluOfIntegers(graph: GraphBuilder, input: Value): Value {
  return graph.opset < 14 ? withNumber(graph, "Max", input, 0) : graph.unary("Relu", input);
}

const TINY = 1e-38;
const HUGE = 3.4e38;

/** ONNX has the arc tangent of one number. Signs, those of zeros included, are put back at the end. */
function atan2(graph: GraphBuilder, y: Value, x: Value): Value {
  const bounded = (value: Value, least: number): Value =>
    value.replacedBy(
      graph.op("Clip", [
        graph.op("Abs", [value.tensor]),
        number(graph, least, "float32"),
        number(graph, HUGE, "float32"),
      ]),
    );
  const slope = graph.binary("Div", bounded(y, 0), bounded(x, TINY));
  const acute = graph.unary("Atan", slope);
  const angle = choose(graph, isNegative(graph, x), numberWith(graph, "Sub", Math.PI, acute), acute);
  return choose(graph, isNegative(graph, y), graph.unary("Neg", angle), angle);
}

/** Whether the sign is negative; that of -0 is. */
function isNegative(graph: GraphBuilder, value: Value): Value {
  const below = withNumber(graph, "Less", value, 0);
  const inverse = withNumber(graph, "Less", graph.unary("Reciprocal", value), 0);
  return graph.binary("Or", below, inverse);
}

const clipByValue = defineOp(["ClipByValue"], ["Clip", "Min", "Max"], (context) => {
  const { graph } = context;
  const input = expectNumbers(context.tensor(0));
  const [low, high] = [context.tensor(1), context.tensor(2)];
  if (input.dtype === "int32") return clipIntegers(graph, input, low, high);
  const bound = (value: Value): ReturnType<GraphBuilder["plain"]> =>
    graph.plain(graph.reshape(graph.cast(value, "float32"), []));
  return input.replacedBy(graph.op("Clip", [input.tensor, bound(low), bound(high)]));
});

/** Bounds may have a fraction, which TF.js drops as it writes them to an int32. */
function clipIntegers(graph: GraphBuilder, input: Value, low: Value, high: Value): Value {
  const whole = (value: Value): Value => graph.reshape(value.dtype === "int32" ? value : toInt32(graph, value), []);
  if (low.dtype === "int32" && high.dtype === "int32") {
    return graph.binary("Min", graph.binary("Max", input, whole(low)), whole(high));
  }
  const above = graph.binary("Greater", graph.cast(input, "float32"), graph.reshape(graph.cast(high, "float32"), []));
  const below = graph.binary("Less", graph.cast(input, "float32"), graph.reshape(graph.cast(low, "float32"), []));
  return choose(graph, above, whole(high), choose(graph, below, whole(low), input));
}

const prelu = defineOp(["Prelu"], ["PRelu", "Mul", "Less", "Where"], (context) => {
  const { graph } = context;
  const slope = graph.cast(context.tensor(1), "float32");
  return activate(graph, graph.cast(context.tensor(0), "float32"), { name: "prelu", slope });
});

const leakyRelu = defineOp(["LeakyRelu"], ["LeakyRelu"], (context, { attributes }) => {
  const input = context.graph.cast(context.tensor(0), "float32");
  return context.graph.unary("LeakyRelu", input, { alpha: float(attributes.float("alpha", 0.2)) });
});

const arcTangent = defineOp(["Atan2"], ["Atan", "Div", "Clip", "Where"], (context) => {
  const { graph } = context;
  const [y, x] = sameTypes(graph, [context.tensor(0), context.tensor(1)]);
  if (y === undefined || x === undefined || y.dtype !== "float32") {
    throw new ExportError(`its inputs must be float32; got ${context.tensor(0).dtype} and ${context.tensor(1).dtype}`);
  }
  return atan2(graph, y, x);
});

const complex: readonly GraphOpConverter[] = [
  defineOp(["Complex"], [], (context) => ({ kind: "complex", real: context.tensor(0), imaginary: context.tensor(1) })),
  defineOp(["Real"], [], (context) => {
    const value = context.numeric(0);
    return isComplex(value) ? value.real : value;
  }),
  defineOp(["Imag"], ["Sub"], (context) => {
    const { graph } = context;
    const value = context.numeric(0);
    return isComplex(value) ? value.imaginary : graph.binary("Sub", value, value);
  }),
  defineOp(["Abs", "ComplexAbs"], ["Abs", "Mul", "Add", "Sqrt"], (context) => {
    const { graph } = context;
    const value = context.numeric(0);
    if (!isComplex(value)) return value.dtype === "bool" ? value : graph.unary("Abs", expectNumbers(value));
    const total = graph.binary("Add", squared(graph, value.real), squared(graph, value.imaginary));
    return graph.unary("Sqrt", total);
  }),
  defineOp(["Neg"], ["Neg"], (context) => {
    const { graph } = context;
    const value = context.numeric(0);
    if (!isComplex(value)) return graph.unary("Neg", expectNumbers(value));
    return {
      kind: "complex",
      real: graph.unary("Neg", value.real),
      imaginary: graph.unary("Neg", value.imaginary),
    };
  }),
];

export const basicMath: readonly GraphOpConverter[] = [
  ...["Ceil", "Cos", "Cosh", "Elu", "Floor", "Log", "Sigmoid", "Sin", "Sqrt", "Tan", "Tanh"].map((op) =>
    ofFloats(op, [op], simple(op)),
  ),
  ...["Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Reciprocal", "Selu", "Sinh", "Softplus"].map((op) =>
    ofNumbers(op, [op], simple(op)),
  ),
  ofNumbers("Relu", ["Relu", "Max"], simple("Relu"), reluOfIntegers),
  ofNumbers("Sign", ["Sign"], simple("Sign"), simple("Sign")),
  ofFloats("Rsqrt", ["Sqrt", "Reciprocal"], rsqrt),
  ofNumbers("Expm1", ["Exp", "Tanh", "Mul", "Add"], expm1),
  ofNumbers("Log1p", ["Add", "Log", "Cast"], log1p),
  ofNumbers("Round", ["Round"], simple("Round"), itself),
  ofNumbers("Square", ["Mul"], squared, squared),
  ofNumbers(
    "Relu6",
    ["Clip"],
    (graph, input) => activate(graph, input, { name: "relu6" }),
    (graph, input) => activate(graph, input, { name: "relu6" }),
  ),
  toFloats("Erf", ["Erf"], simple("Erf")),
  toFloats("Exp", ["Exp"], simple("Exp")),
  toFloats("IsNan", ["IsNaN"], simple("IsNaN")),
  toFloats("IsInf", ["IsInf"], simple("IsInf")),
  toFloats("IsFinite", ["Abs", "Less"], isFinite),
  clipByValue,
  leakyRelu,
  prelu,
  arcTangent,
  ...complex,
];
