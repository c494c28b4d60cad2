import { axes, floats, given, ints, scalar } from "../case-values.ts";
import { opCase, type OpCase } from "../op-case.ts";

const filled: OpCase[] = [
  opCase(
    "SparseFillEmptyRows",
    "",
    [
      given("int32", [0, 0, 1, 0, 1, 3, 1, 4, 3, 2, 3, 3], [6, 2]),
      given("float32", [0, 10, 13, 14, 32, 33]),
      axes([5, 6]),
      scalar(-1, "float32"),
    ],
    { outputs: 4 },
  ),
  opCase(
    "SparseFillEmptyRows",
    "int32, no empty row",
    [given("int32", [0, 0, 1, 0], [2, 2]), given("int32", [3, 4]), axes([2, 2]), scalar(-1)],
    { outputs: 4 },
  ),
  opCase(
    "SparseFillEmptyRows",
    "rows out of order",
    [given("int32", [2, 0, 0, 1, 2, 1], [3, 2]), given("int32", [3, 4, 5]), axes([4, 2]), scalar(-1)],
    { outputs: 4 },
  ),
  opCase("SparseFillEmptyRows", "no values", [ints([0, 2]), ints([0]), axes([3, 2]), scalar(-1)], { outputs: 4 }),
];

const reshaped: OpCase[] = [
  { indices: [0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 2, 3], from: [2, 3, 6], to: [9, -1] },
  { indices: [0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 2, 3], from: [2, 3, 6], to: [36] },
  { indices: [0, 1, 2, 3], from: [3, 4], to: [2, 3, -1] },
  { indices: [0, 1, 2, 3], from: [3, 4], to: [3, 4] },
].map(({ indices, from, to }) =>
  opCase(
    "SparseReshape",
    `[${from.join()}] to [${to.join()}]`,
    [given("int32", indices, [indices.length / from.length, from.length]), axes(from), axes(to)],
    { outputs: 2 },
  ),
);

const segments: OpCase[] = ["SparseSegmentMean", "SparseSegmentSum"].flatMap((op) => [
  opCase(op, "", [floats([4, 3]), given("int32", [0, 1, 3, 0]), given("int32", [0, 0, 1, 1])]),
  opCase(op, "a segment left out", [floats([4, 3]), given("int32", [0, 1, 3]), given("int32", [0, 0, 2])]),
  opCase(op, "vectors", [floats([5]), given("int32", [4, 1, 2]), given("int32", [0, 1, 1])]),
  opCase(op, "rank 3", [floats([4, 2, 3]), given("int32", [2, 1, 2]), given("int32", [0, 1, 1])]),
  opCase(op, "nothing", [floats([4, 3]), given("int32", []), given("int32", [])]),
  opCase(op, "constant segments", [floats([4, 3]), axes([0, 1, 3, 0]), axes([0, 0, 1, 1])]),
]);

const wholeSegments: OpCase[] = [
  opCase("SparseSegmentSum", "int32", [ints([4, 3]), given("int32", [0, 1, 3]), given("int32", [0, 0, 1])]),
  opCase("SparseSegmentMean", "int32", [ints([4, 3]), given("int32", [0, 1, 3]), given("int32", [0, 0, 1])]),
];

export const sparse: readonly OpCase[] = [...filled, ...reshaped, ...segments, ...wholeSegments];
