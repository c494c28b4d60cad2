import { axes, floats, given, ints, scalar } from "../case-values.ts";
import { attr, opCase, type OpCase } from "../op-case.ts";

const bounds: OpCase[] = ["LowerBound", "UpperBound"].flatMap((op) => [
  opCase(op, "", [
    given("float32", [0, 3, 9, 9, 10, 1, 2, 2, 4, 5], [2, 5]),
    given("float32", [2, 4, 9, -1, 100, 2, 0, 6], [2, 4]),
  ]),
  opCase(op, "int32", [
    given("int32", [0, 3, 9, 9, 10, 1, 2, 2, 4, 5], [2, 5]),
    given("int32", [9, 3, -1, 2, 5, 6], [2, 3]),
  ]),
  opCase(op, "one row", [given("float32", [1, 2, 2, 3], [1, 4]), given("float32", [2, 2.5, 0, 3], [1, 4])]),
]);

const top: OpCase[] = [
  ...[[6], [2, 5], [2, 3, 4], [2, 2, 2, 5]].flatMap((shape) =>
    [1, 3].flatMap((k) =>
      [true, false].map((sorted) =>
        opCase("TopKV2", `${k} of [${shape.join()}]${sorted ? "" : " unsorted"}`, [floats(shape), scalar(k)], {
          attrs: { sorted: attr.bool(sorted) },
          outputs: 2,
          ...(sorted || k === 1
            ? {}
            : { skipped: "unsorted: any order is right, and TF.js's is that of its selection" }),
        }),
      ),
    ),
  ),
  opCase("TopKV2", "ties", [given("float32", [1, 3, 3, 2, 3, 0]), scalar(4)], {
    attrs: { sorted: attr.bool(true) },
    outputs: 2,
  }),
  opCase("TopKV2", "int32", [ints([2, 6]), scalar(3)], { attrs: { sorted: attr.bool(true) }, outputs: 2 }),
  opCase("TopKV2", "all", [floats([2, 4]), scalar(4)], { attrs: { sorted: attr.bool(true) }, outputs: 2 }),
  opCase("TopKV2", "none", [floats([2, 4]), scalar(0)], { attrs: { sorted: attr.bool(true) }, outputs: 2 }),
  opCase("TopKV2", "fed k", [floats([2, 4]), given("int32", [2], [])], {
    attrs: { sorted: attr.bool(true) },
    outputs: 2,
  }),
  opCase(
    "TopKV2",
    "infinite",
    [given("float32", [1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0]), scalar(3)],
    {
      attrs: { sorted: attr.bool(true) },
      outputs: 2,
    },
  ),
];

const unique: OpCase[] = [
  opCase("Unique", "", [given("int32", [1, 1, 2, 4, 4, 4, 7, 8, 8])], { outputs: 2 }),
  opCase("Unique", "unsorted", [given("int32", [5, 1, 5, 3, 1])], { outputs: 2 }),
  opCase("Unique", "float32", [given("float32", [2.5, 1, 2.5, -0.5, 1])], { outputs: 2 }),
  opCase("Unique", "of nothing", [given("int32", [])], { outputs: 2 }),
  opCase("UniqueV2", "axis 0", [given("int32", [1, 0, 0, 1, 0, 0, 2, 0, 0], [3, 3]), axes([0])], { outputs: 2 }),
  opCase("UniqueV2", "axis 1", [given("int32", [1, 0, 0, 1, 0, 0, 2, 0, 0], [3, 3]), axes([1])], { outputs: 2 }),
  opCase("UniqueV2", "of a vector", [given("float32", [3, 1, 3, 2]), axes([0])], { outputs: 2 }),
];

export const evaluation: readonly OpCase[] = [...bounds, ...top, ...unique];
