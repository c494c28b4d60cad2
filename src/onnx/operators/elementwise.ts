import { add, asNumber, divideExactly, floorDivide, max, min, multiply, subtract, type Dim } from "../dim.ts";
import type { DType } from "../../tensor.ts";

import { BOOL, FLOATS, INTEGERS, NUMBERS, one, type OperatorCall, type Rule } from "./rule.ts";

const SIGNED: ReadonlySet<DType> = new Set<DType>([...FLOATS, "int8", "int16", "int32", "int64"]);
const ANY: ReadonlySet<DType> = new Set<DType>([...NUMBERS, "bool", "string"]);

/** One output of the input's type and shape. */
function unary(allowed: ReadonlySet<DType>): Rule {
  return (call) => {
    const { dtype, shape } = call.typed(0, allowed);
    return one(dtype, shape);
  };
}

/** One output of bools with the input's shape. */
function question(allowed: ReadonlySet<DType>): Rule {
  return (call) => one("bool", call.typed(0, allowed).shape);
}

/** Operands of one type, broadcast together. */
function arithmetic(allowed: ReadonlySet<DType>, ofSizes?: (a: Dim, b: Dim) => Dim | null): Rule {
  return (call) => {
    const dtype = call.sameType();
    call.inputs.forEach((_, index) => call.typed(index, allowed));
    const shape = call.broadcast(call.all().map((operand) => operand.shape));
    return one(dtype, shape, ofSizes === undefined ? null : sizesOf(call, ofSizes));
  };
}

/** Arithmetic on tensors whose elements are known as sizes. */
function sizesOf(call: OperatorCall, compute: (a: Dim, b: Dim) => Dim | null): readonly Dim[] | null {
  const lists = call.all().map(({ elements }) => elements);
  const length = Math.max(...lists.map((list) => list?.length ?? 0));
  const results = Array.from({ length }, (_, index) => {
    const parts = lists.map((list) => list?.[list.length === 1 ? 0 : index] ?? null);
    return parts.reduce((a, b) => (a === null || b === null ? null : compute(a, b)));
  });
  return lists.includes(null) || results.includes(null) ? null : results.filter((size) => size !== null);
}

function comparison(allowed: ReadonlySet<DType>): Rule {
  return (call) => {
    call.sameType();
    call.typed(0, allowed);
    return one("bool", call.broadcast(call.all().map(({ shape }) => shape)));
  };
}

/** ONNX divides integers towards zero; sizes are 0 or more, where that is the floor. */
function divideSizes(a: Dim, b: Dim): Dim | null {
  const by = asNumber(b);
  if (by !== null && by >= 1) return floorDivide(a, by);
  return by === null ? divideExactly(a, b) : null;
}

const logical: Rule = (call) => {
  call.typed(0, BOOL);
  call.typed(1, BOOL);
  return one("bool", call.broadcast(call.all().map(({ shape }) => shape)));
};

const cast: Rule = (call) => {
  const { shape, elements } = call.input(0);
  const to = call.elementType("to");
  return one(to, shape, INTEGERS.has(to) ? elements : null);
};

const where: Rule = (call) => {
  call.typed(0, BOOL);
  const dtype = call.sameType([1, 2]);
  return one(dtype, call.broadcast(call.all().map(({ shape }) => shape)), chosen(call));
};

/** `Where` over known sizes with a constant condition. */
function chosen(call: OperatorCall): readonly Dim[] | null {
  const condition = call.constantInts(0);
  const [, yes, no] = call.all().map(({ elements }) => elements);
  if (condition === null || yes === undefined || no === undefined || yes === null || no === null) return null;
  const length = Math.max(condition.length, yes.length, no.length);
  const at = <T>(list: readonly T[], index: number): T | undefined => list[list.length === 1 ? 0 : index];
  const picked = Array.from({ length }, (_, index) => at(at(condition, index) === 0 ? no : yes, index));
  return picked.includes(undefined) ? null : picked.filter((size) => size !== undefined);
}

/** The slope of a PRelu is broadcast to the input, never the input to the slope. */
const prelu: Rule = (call) => {
  const { shape } = call.typed(0, SIGNED);
  const slope = call.input(1).shape;
  if (shape !== null && slope !== null && slope.length > shape.length) throw call.error("its slope has too many axes");
  call.broadcast([shape, slope]);
  return one(call.sameType(), shape);
};

const clip: Rule = (call) => {
  const { dtype, shape } = call.typed(0, NUMBERS);
  for (const bound of [call.optional(1), call.optional(2)]) {
    if (bound !== null && (bound.dtype !== dtype || (bound.shape !== null && bound.shape.length > 0))) {
      throw call.error(`bounds must be ${dtype} scalars`);
    }
  }
  return one(dtype, shape);
};

const mod: Rule = (call) => {
  const dtype = call.sameType();
  if (FLOATS.has(dtype) && call.int("fmod", 0) !== 1) throw call.error("floats need fmod");
  return one(dtype, call.broadcast(call.all().map(({ shape }) => shape)));
};

const pow: Rule = (call) => {
  call.typed(1, NUMBERS);
  return one(call.typed(0, SIGNED).dtype, call.broadcast(call.all().map(({ shape }) => shape)));
};

function named(names: readonly string[], rule: Rule): (readonly [string, Rule])[] {
  return names.map((name) => [name, rule] as const);
}

/** Of sequences as well. */
const identity: Rule = (call) => {
  const { dtype, shape, elements, isSequence } = call.input(0);
  return [{ dtype, shape, elements, ...(isSequence === undefined ? {} : { isSequence }) }];
};

export const elementwise: ReadonlyMap<string, Rule> = new Map([
  ...named(
    [
      "Acos",
      "Acosh",
      "Asin",
      "Asinh",
      "Atan",
      "Atanh",
      "Celu",
      "Cos",
      "Cosh",
      "Elu",
      "Erf",
      "Exp",
      "Gelu",
      "HardSigmoid",
      "HardSwish",
      "LeakyRelu",
      "Log",
      "Mish",
      "Reciprocal",
      "Round",
      "Selu",
      "Sigmoid",
      "Sin",
      "Sinh",
      "Softplus",
      "Softsign",
      "Sqrt",
      "Tan",
      "Tanh",
      "ThresholdedRelu",
      "Ceil",
      "Floor",
      "Shrink",
    ],
    unary(FLOATS),
  ),
  ...named(["Abs", "Sign"], unary(NUMBERS)),
  ...named(["Neg", "Relu"], unary(SIGNED)),
  ...named(["Not"], unary(BOOL)),
  ...named(["BitwiseNot"], unary(INTEGERS)),
  ["Identity", identity],
  ...named(["IsNaN", "IsInf"], question(FLOATS)),
  ["Add", arithmetic(NUMBERS, (a, b) => add(a, b))],
  ["Sub", arithmetic(NUMBERS, subtract)],
  ["Mul", arithmetic(NUMBERS, (a, b) => multiply(a, b))],
  ["Div", arithmetic(NUMBERS, divideSizes)],
  ["Max", arithmetic(NUMBERS, (a, b) => max(a, b))],
  ["Min", arithmetic(NUMBERS, min)],
  ...named(["Sum", "Mean"], arithmetic(NUMBERS)),
  ...named(["BitwiseAnd", "BitwiseOr", "BitwiseXor"], arithmetic(INTEGERS)),
  ["BitShift", arithmetic(INTEGERS)],
  ["Equal", comparison(ANY)],
  ...named(["Less", "Greater", "LessOrEqual", "GreaterOrEqual"], comparison(NUMBERS)),
  ...named(["And", "Or", "Xor"], logical),
  ["Cast", cast],
  ["Where", where],
  ["PRelu", prelu],
  ["Clip", clip],
  ["Mod", mod],
  ["Pow", pow],
]);
