import { ELEMENT_TYPE } from "../../../onnx/element-type.ts";
import { float, int } from "../../../onnx/model.ts";
import type { DType } from "../../../tensor.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import type { GraphBuilder } from "../builder.ts";

type Unary = (graph: GraphBuilder, input: GraphTensor) => GraphTensor;
type Binary = (graph: GraphBuilder, a: GraphTensor, b: GraphTensor) => GraphTensor;

const unary =
  (opType: string): Unary =>
  (graph, input) =>
    graph.op(opType, [input]);
const binary =
  (opType: string): Binary =>
  (graph, a, b) =>
    graph.op(opType, [a, b]);

export const abs: Unary = unary("Abs");
export const ceil: Unary = unary("Ceil");
export const cos: Unary = unary("Cos");
export const erf: Unary = unary("Erf");
export const exp: Unary = unary("Exp");
export const floor: Unary = unary("Floor");
export const identity: Unary = unary("Identity");
export const isInf: Unary = unary("IsInf");
export const isNaN: Unary = unary("IsNaN");
export const log: Unary = unary("Log");
export const neg: Unary = unary("Neg");
export const not: Unary = unary("Not");
export const reciprocal: Unary = unary("Reciprocal");
export const relu: Unary = unary("Relu");
/** Half to even. */
export const round: Unary = unary("Round");
export const sigmoid: Unary = unary("Sigmoid");
/** -1, 0 or 1. */
export const sign: Unary = unary("Sign");
export const sin: Unary = unary("Sin");
export const softplus: Unary = unary("Softplus");
export const sqrt: Unary = unary("Sqrt");
export const tanh: Unary = unary("Tanh");

export const add: Binary = binary("Add");
export const and: Binary = binary("And");
/** Integers are divided towards zero. */
export const div: Binary = binary("Div");
export const equal: Binary = binary("Equal");
export const greater: Binary = binary("Greater");
export const greaterOrEqual: Binary = binary("GreaterOrEqual");
export const less: Binary = binary("Less");
export const lessOrEqual: Binary = binary("LessOrEqual");
export const max: Binary = binary("Max");
export const min: Binary = binary("Min");
export const mul: Binary = binary("Mul");
export const or: Binary = binary("Or");
export const pow: Binary = binary("Pow");
export const sub: Binary = binary("Sub");
export const xor: Binary = binary("Xor");

/** Convert elements; no node when they have that type already. Floats are cut towards zero. */
export function cast(graph: GraphBuilder, input: GraphTensor, dtype: DType): GraphTensor {
  return input.dtype === dtype ? input : graph.op("Cast", [input], { to: int(ELEMENT_TYPE[dtype]) });
}

/** Elements of `yes` where the condition holds, of `no` elsewhere. */
export function where(graph: GraphBuilder, condition: GraphTensor, yes: GraphTensor, no: GraphTensor): GraphTensor {
  return graph.op("Where", [condition, yes, no]);
}

/** Bounds are scalars of the input's type; null: none. */
export function clip(
  graph: GraphBuilder,
  input: GraphTensor,
  least: GraphTensor | null,
  most: GraphTensor | null,
): GraphTensor {
  return graph.op("Clip", [input, least, most]);
}

export function leakyRelu(graph: GraphBuilder, input: GraphTensor, alpha: number): GraphTensor {
  return graph.op("LeakyRelu", [input], { alpha: float(alpha) });
}

export function elu(graph: GraphBuilder, input: GraphTensor, alpha = 1): GraphTensor {
  return graph.op("Elu", [input], alpha === 1 ? {} : { alpha: float(alpha) });
}

/** `max(0, min(1, alpha * x + beta))` */
export function hardSigmoid(graph: GraphBuilder, input: GraphTensor, alpha = 0.2, beta = 0.5): GraphTensor {
  const isDefault = alpha === 0.2 && beta === 0.5;
  return graph.op("HardSigmoid", [input], isDefault ? {} : { alpha: float(alpha), beta: float(beta) });
}

/** The slope is broadcast to the input. */
export function prelu(graph: GraphBuilder, input: GraphTensor, slope: GraphTensor): GraphTensor {
  return graph.op("PRelu", [input, slope]);
}

/** The remainder with the sign of the divisor; with `truncated`, of the dividend (and for floats). */
export function mod(graph: GraphBuilder, a: GraphTensor, b: GraphTensor, truncated = false): GraphTensor {
  return graph.op("Mod", [a, b], truncated ? { fmod: int(1) } : {});
}
