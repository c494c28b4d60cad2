import { dim, multiply, type Dim } from "../dim.ts";

import { NUMBERS, one, unknownShape, type OperatorCall, type Rule } from "./rule.ts";

const reduce: Rule = (call) => {
  const { dtype, shape, elements } = call.typed(0, NUMBERS);
  const keeps = call.int("keepdims", 1) === 1;
  if (shape === null) return one(dtype, null);
  const given = call.optional(1);
  const axes = call.ints("axes") ?? call.constantInts(1);
  if (given !== null && axes === null) return one(dtype, keeps ? unknownShape(call, shape.length, "reduced") : null);
  const none = axes === null || axes.length === 0;
  if (none && call.int("noop_with_empty_axes", 0) === 1) return one(dtype, shape);
  const gone = new Set(none ? shape.keys() : axes.map((axis) => call.axis(axis, shape.length)));
  const result = shape.flatMap((size, axis) => (gone.has(axis) ? (keeps ? [dim(1)] : []) : [size]));
  return one(
    dtype,
    result,
    call.opType === "ReduceProd" && elements !== null && gone.size > 0 ? [multiply(...elements)] : null,
  );
};

const argument: Rule = (call) => {
  const { shape } = call.typed(0, NUMBERS);
  if (shape === null) return one("int64", null);
  const at = call.axis(call.int("axis", 0), shape.length);
  const keeps = call.int("keepdims", 1) === 1;
  return one("int64", keeps ? shape.with(at, dim(1)) : shape.toSpliced(at, 1));
};

const topK: Rule = (call) => {
  const { dtype, shape } = call.typed(0, NUMBERS);
  const count = countOf(call);
  const result = shape === null ? null : shape.with(call.axis(call.int("axis", -1), shape.length), count);
  return [
    { dtype, shape: result },
    { dtype: "int64", shape: result },
  ];
};

function countOf(call: OperatorCall): Dim {
  const count = call.input(1).elements?.[0];
  if (count !== undefined) return count;
  const known = call.constantInts(1)?.[0];
  return known === undefined ? call.unknownSize("top") : dim(known);
}

const unique: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  const axis = call.attributes["axis"];
  const found = call.unknownSize("unique");
  const values =
    axis?.type === "int" && shape !== null ? shape.with(call.axis(axis.value, shape.length), found) : [found];
  return [
    { dtype, shape: values },
    { dtype: "int64", shape: [found] },
    {
      dtype: "int64",
      shape: [shape === null || axis?.type === "int" ? call.unknownSize("inverse") : multiply(...shape)],
    },
    { dtype: "int64", shape: [found] },
  ];
};

const REDUCTIONS = [
  "ReduceL1",
  "ReduceL2",
  "ReduceLogSum",
  "ReduceLogSumExp",
  "ReduceMax",
  "ReduceMean",
  "ReduceMin",
  "ReduceProd",
  "ReduceSum",
  "ReduceSumSquare",
] as const;

export const reductions: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...REDUCTIONS.map((name) => [name, reduce] as const),
  ["ArgMax", argument],
  ["ArgMin", argument],
  ["TopK", topK],
  ["Unique", unique],
]);
