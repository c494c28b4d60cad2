import {
  bools,
  BROADCASTS,
  constant,
  floats,
  given,
  ints,
  RANKS,
  SPECIALS,
  specials,
  strings,
} from "../case-values.ts";
import { opCase, type OpCase } from "../op-case.ts";

const COMPARISONS = ["Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"] as const;
const CONNECTIVES = ["LogicalAnd", "LogicalOr"] as const;

const compared: OpCase[] = COMPARISONS.flatMap((op) => [
  ...BROADCASTS.flatMap(([a, b]) => [
    opCase(op, `float32 [${a.join()}] [${b.join()}]`, [floats(a), floats(b)]),
    opCase(op, `int32 [${a.join()}] [${b.join()}]`, [ints(a, -2, 2), ints(b, -2, 2)]),
  ]),
  opCase(op, "specials", [given("float32", SPECIALS, [SPECIALS.length, 1]), specials()]),
  opCase(op, "large int32", [given("int32", [16_777_217, 16_777_216]), given("int32", [16_777_216, 16_777_217])]),
  opCase(op, "int32 and float32", [ints([3, 2], -2, 2), given("float32", [-0.5, 1])]),
  opCase(op, "bool", [bools([2, 3]), bools([3])]),
  opCase(op, "with a constant", [ints([2, 3], -2, 2), constant(given("int32", [0], []))]),
]);

const texts: OpCase[] = (["Equal", "NotEqual"] as const).map((op) =>
  opCase(op, "string", [strings(["a", "b", "", "é"]), strings(["a", "c", "", "e"])], { refused: /opset 19/ }),
);

const connected: OpCase[] = CONNECTIVES.flatMap((op) => [
  ...BROADCASTS.map(([a, b]) => opCase(op, `[${a.join()}] [${b.join()}]`, [bools(a), bools(b)])),
  opCase(op, "table", [given("bool", [0, 0, 1, 1]), given("bool", [0, 1, 0, 1])]),
]);

const negated: OpCase[] = RANKS.map((shape) => opCase("LogicalNot", `[${shape.join()}]`, [bools(shape)]));

/** Select spreads a condition of rank 1 over the first axis in TensorFlow; TF.js spreads it over the last, as numpy does. */
const selected: OpCase[] = (["Select", "SelectV2"] as const).flatMap((op) => [
  ...RANKS.flatMap((shape) => [
    opCase(op, `float32 [${shape.join()}]`, [bools(shape), floats(shape), floats(shape)]),
    opCase(op, `int32 [${shape.join()}]`, [bools(shape), ints(shape), ints(shape)]),
  ]),
  opCase(op, "spread condition", [bools([2, 1]), floats([2, 3]), floats([2, 3])]),
  opCase(op, "spread scalar condition", [bools([]), floats([2, 3]), floats([2, 3])]),
  opCase(op, "spread values", [bools([2, 3]), floats([3]), floats([])]),
  opCase(op, "all spread", [bools([2, 1, 1]), floats([3, 1]), floats([4])]),
  opCase(op, "condition of rank 1", [bools([3]), floats([3, 3]), floats([3, 3])]),
  opCase(op, "bool", [bools([4]), bools([4]), bools([4])]),
  opCase(op, "keeps NaN away", [
    given("bool", [1, 0, 1]),
    given("float32", [1, Number.NaN, 3]),
    given("float32", [Number.NaN, 2, Number.POSITIVE_INFINITY]),
  ]),
  opCase(op, "int32 and float32", [bools([2, 3]), ints([2, 3]), floats([2, 3])]),
]);

/** TF.js's op list calls the inputs x and y, its executor asks for a and b: no BitwiseAnd ever runs in TF.js. */
const bits: OpCase[] = [
  opCase("BitwiseAnd", "", [given("int32", [12, -1, 7]), given("int32", [10, 255, -8])], {
    tfjsThrows: /'x' passed to 'bitwiseAnd' must be a Tensor/,
  }),
];

export const logical: readonly OpCase[] = [...compared, ...texts, ...connected, ...negated, ...selected, ...bits];
