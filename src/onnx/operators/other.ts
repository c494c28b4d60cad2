import { dim } from "../dim.ts";

import { INDICES, one, type Rule } from "./rule.ts";

const randomLike: Rule = (call) => {
  const { shape } = call.input(0);
  return one("float32", shape);
};

const random: Rule = (call) => one("float32", call.ints("shape")?.map(dim) ?? null);

const multinomial: Rule = (call) => {
  const shape = call.ranked(0, 2);
  const dtype = call.elementType("dtype", "int32");
  const batch = shape === null ? call.unknownSize("batch") : call.size(shape, 0);
  return one(dtype, [batch, dim(call.int("sample_size", 1))]);
};

const constant: Rule = (call) => {
  const value = call.attributes["value"];
  if (value?.type !== "tensor") throw call.error("attribute value must be a tensor");
  return one(value.value.dtype, value.value.dims.map(dim));
};

const sequenceEmpty: Rule = (call) => [{ dtype: call.elementType("dtype", "float32"), shape: null, isSequence: true }];

const sequenceConstruct: Rule = (call) => {
  const dtype = call.sameType();
  const [first, ...others] = call.all().map(({ shape }) => shape);
  const alike = first !== undefined && others.every((shape) => shape !== null && first !== null && same(shape, first));
  return [{ dtype, shape: alike ? first : null, isSequence: true }];
};

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** The sequence with one element more, or fewer. */
const sequenceChanged: Rule = (call) => {
  const { dtype, shape, isSequence } = call.input(0);
  if (isSequence !== true) throw call.error("its first input must be a sequence");
  const added = call.opType === "SequenceInsert" ? call.input(1) : null;
  const kept = added === null || (shape !== null && added.shape !== null && same(shape, added.shape));
  return [{ dtype: added?.dtype ?? dtype, shape: kept ? shape : null, isSequence: true }];
};

const sequenceAt: Rule = (call) => {
  const { dtype, shape, isSequence } = call.input(0);
  if (isSequence !== true) throw call.error("its first input must be a sequence");
  call.typed(1, INDICES);
  return one(dtype, shape);
};

const concatFromSequence: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  if (shape === null) return one(dtype, null);
  const adds = call.int("new_axis", 0) === 1;
  const axis = call.axis(call.int("axis", 0), shape.length + (adds ? 1 : 0));
  const along = call.unknownSize("joined");
  return one(dtype, adds ? shape.toSpliced(axis, 0, along) : shape.with(axis, along));
};

const splitToSequence: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  if (shape === null) return [{ dtype, shape: null, isSequence: true }];
  const axis = call.axis(call.int("axis", 0), shape.length);
  const keeps = call.int("keepdims", 1) === 1 || call.optional(1) !== null;
  const part = call.optional(1) === null ? dim(1) : call.unknownSize("part");
  return [{ dtype, shape: keeps ? shape.with(axis, part) : shape.toSpliced(axis, 1), isSequence: true }];
};

const scalarInt64: Rule = () => one("int64", []);

const quantized: Rule = (call) => {
  const { shape } = call.input(0);
  return one(call.optional(2)?.dtype ?? "uint8", shape);
};

const dequantized: Rule = (call) => {
  const { shape } = call.input(0);
  return one(call.input(1).dtype, shape);
};

const stringSplit: Rule = (call) => {
  const { shape } = call.input(0);
  return [
    { dtype: "string", shape: shape === null ? null : [...shape, call.unknownSize("parts")] },
    { dtype: "int64", shape },
  ];
};

export const other: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["RandomNormalLike", randomLike],
  ["RandomUniformLike", randomLike],
  ["RandomNormal", random],
  ["RandomUniform", random],
  ["Multinomial", multinomial],
  ["Constant", constant],
  ["SequenceEmpty", sequenceEmpty],
  ["SequenceConstruct", sequenceConstruct],
  ["SequenceInsert", sequenceChanged],
  ["SequenceErase", sequenceChanged],
  ["SequenceAt", sequenceAt],
  ["SequenceLength", scalarInt64],
  ["ConcatFromSequence", concatFromSequence],
  ["SplitToSequence", splitToSequence],
  ["QuantizeLinear", quantized],
  ["DequantizeLinear", dequantized],
  ["StringSplit", stringSplit],
]);
