import { type NodeMaker, type Ref, type TensorType, typeAttribute } from "./graph.ts";
import { FLOAT, INT32 } from "./native.ts";
import type { Distribution } from "./random.ts";

/** The placeholder of [seed, step], int32 [2]. */
export const SEED_INPUT = "seed";

const OPS = {
  uniform: "StatelessRandomUniform",
  normal: "StatelessRandomNormal",
  truncatedNormal: "StatelessTruncatedNormal",
} as const;

/** Spreads the seeds of the random operations of one step (2^32 / golden ratio). */
const STRIDE = 0x9e3779b9;

/** Random numbers that depend on nothing but [seed, step] and on which random operation of the step this is. */
export function randomNode(
  maker: NodeMaker,
  seed: Ref,
  index: number,
  { kind, scale, offset }: Distribution,
  type: TensorType,
): Ref {
  const seedType = { dtype: INT32, shape: [2] };
  const salt = maker.constant(Int32Array.of(Math.imul(STRIDE, index + 1), 0), seedType);
  const own = maker.one("AddV2", [seed, salt], { T: typeAttribute(INT32) }, seedType);
  const shape = maker.constant(Int32Array.from(type.shape), { dtype: INT32, shape: [type.shape.length] });
  const attributes = { dtype: typeAttribute(FLOAT), T: typeAttribute(INT32), Tseed: typeAttribute(INT32) };
  const raw = maker.one(OPS[kind], [shape, own], attributes, type);
  const scaled = scale === 1 ? raw : arithmetic(maker, "Mul", raw, scale, type);
  return offset === 0 ? scaled : arithmetic(maker, "AddV2", scaled, offset, type);
}

function arithmetic(maker: NodeMaker, op: "Mul" | "AddV2", value: Ref, operand: number, type: TensorType): Ref {
  const constant = maker.constant(Float32Array.of(operand), { dtype: FLOAT, shape: [] });
  return maker.one(op, [value, constant], { T: typeAttribute(FLOAT) }, type);
}
