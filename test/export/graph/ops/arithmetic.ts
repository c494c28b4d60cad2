import { BROADCASTS, constant, floats, given, ints, bools, specials, SPECIALS } from "../case-values.ts";
import { attr, opCase, type CaseInput, type OpCase } from "../op-case.ts";

const BINARY = ["Add", "AddV2", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference"] as const;
const DIVISIONS = ["RealDiv", "Div", "DivNoNan", "FloorDiv", "Mod", "FloorMod"] as const;

/** Every special value beside every other. */
function crossed(op: string): OpCase {
  const column = given("float32", SPECIALS, [SPECIALS.length, 1]);
  return opCase(op, "specials", [column, specials()], { elementwise: true });
}

function named([a, b]: readonly [readonly number[], readonly number[]]): string {
  return `[${a.join()}] [${b.join()}]`;
}

/** Signs, zeros and exact multiples of integer division. */
const WHOLE = [-7, -6, -3, -2, -1, 0, 1, 2, 3, 6, 7, 100_000, -100_001];

function wholeDivision(op: string): OpCase {
  const column = given("int32", WHOLE, [WHOLE.length, 1]);
  return opCase(op, "int32 signs", [column, given("int32", WHOLE)]);
}

const broadcasts = BINARY.flatMap((op) =>
  BROADCASTS.flatMap(([a, b]) => [
    opCase(op, `float32 ${named([a, b])}`, [floats(a), floats(b)]),
    opCase(op, `int32 ${named([a, b])}`, [ints(a), ints(b)]),
  ]),
);

const divided = DIVISIONS.flatMap((op) =>
  BROADCASTS.flatMap(([a, b]) => [
    opCase(op, `float32 ${named([a, b])}`, [floats(a, -9, 9), floats(b, 0.5, 3)]),
    opCase(op, `int32 ${named([a, b])}`, [ints(a, -50, 50), ints(b, 1, 9)]),
  ]),
);

function constants(op: string): OpCase[] {
  return [
    opCase(op, "with a constant", [floats([2, 3]), constant(floats([3], 0.5, 2))]),
    opCase(op, "of a constant", [constant(floats([3], 0.5, 2)), floats([2, 3], 0.5, 2)]),
    opCase(op, "of constants", [constant(floats([2, 3], 0.5, 2)), constant(floats([3], 0.5, 2))]),
    opCase(op, "int32 with a scalar", [ints([2, 3]), constant(given("int32", [3], []))]),
  ];
}

const pow: OpCase[] = [
  ...BROADCASTS.map(([a, b]) => opCase("Pow", `float32 ${named([a, b])}`, [floats(a, 0.1, 3), floats(b, -2, 2)])),
  crossed("Pow"),
  opCase("Pow", "int32", [ints([3, 4], -5, 5), ints([4], 0, 5)]),
  opCase("Pow", "int32 of negative powers", [
    given("int32", [-2, -1, 1, 2, 3], [5, 1]),
    given("int32", [-2, -1, 0, 1, 2]),
  ]),
  ...[0, 1, 2, 3, -1, 0.5, -0.5, 2.5].map((power) =>
    opCase("Pow", `constant ${power}`, [floats([2, 3], 0.1, 3), constant(given("float32", [power], []))]),
  ),
  opCase("Pow", "specials with constant 2", [specials(), constant(given("float32", [2], []))], { elementwise: true }),
  opCase("Pow", "specials with constant 0.5", [specials(), constant(given("float32", [0.5], []))], {
    elementwise: true,
  }),
];

const biasAdd: OpCase[] = [
  ...[[2], [4, 3], [2, 5, 3], [2, 4, 5, 3], [2, 2, 4, 5, 3]].map((shape) =>
    opCase("BiasAdd", `[${shape.join()}]`, [floats(shape), floats([shape.at(-1) === 3 ? 3 : 2])]),
  ),
  opCase("BiasAdd", "constant", [floats([2, 4, 5, 3]), constant(floats([3]))]),
  opCase("BiasAdd", "int32", [ints([2, 3]), ints([3])]),
  // TF.js ignores the data format of BiasAdd: the bias is spread over the last axis.
  opCase("BiasAdd", "NCHW", [floats([2, 4, 5, 3]), floats([3])], {
    attrs: { data_format: attr.string("NCHW") },
  }),
];

function sums(count: number, make: (shape: readonly number[]) => CaseInput, shape: readonly number[]): CaseInput[] {
  return Array.from({ length: count }, () => make(shape));
}

const addN: OpCase[] = [1, 2, 3, 5].flatMap((count) => [
  opCase("AddN", `${count} float32`, sums(count, floats, [2, 3])),
  opCase("AddN", `${count} int32`, sums(count, ints, [4])),
  opCase("AddN", `${count} scalars`, sums(count, floats, [])),
  opCase("AddN", `${count} empty`, sums(count, floats, [0, 2])),
]);

/** TF.js brings operands of two dtypes to the wider one: bool to int32 to float32. */
const mixed: OpCase[] = [...BINARY, ...DIVISIONS, "Pow"].flatMap((op) => [
  opCase(op, "int32 and float32", [ints([2, 3]), floats([3], 0.5, 2)]),
  opCase(op, "float32 and int32", [floats([2, 3], 0.5, 2), ints([3], 1, 4)]),
  opCase(op, "bool and float32", [bools([2, 3]), floats([3], 0.5, 2)]),
  opCase(op, "bool and int32", [bools([2, 3]), ints([3], 1, 4)]),
  // TensorFlow has no arithmetic of bool; TF.js keeps the lowest 8 bits in a bool.
  opCase(op, "bool and bool", [bools([2, 3]), given("bool", [1, 1, 1])], { refused: /bool/ }),
]);

export const arithmetic: readonly OpCase[] = [
  ...broadcasts,
  ...divided,
  ...[...BINARY, ...DIVISIONS].map(crossed),
  ...["FloorDiv", "Mod", "FloorMod", "RealDiv", "Div", "DivNoNan"].map(wholeDivision),
  ...[...BINARY, ...DIVISIONS].flatMap(constants),
  ...pow,
  ...biasAdd,
  ...addN,
  ...mixed,
];
