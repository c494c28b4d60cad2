import { bools, constant, floats, given, ints, RANKS, scalar } from "../case-values.ts";
import { attr, opCase, type CaseInput, type OpCase } from "../op-case.ts";

/** Boxes y1 x1 y2 x2 that overlap in part, some with corners the other way round. */
const BOXES = [
  [0, 0, 1, 1],
  [0, 0.1, 1, 1.1],
  [0, -0.1, 1, 0.9],
  [0, 10, 1, 11],
  [0, 10.1, 1, 11.1],
  [0, 100, 1, 101],
  [1, 1, 0, 0],
  [2, 2, 3, 3],
  [2, 2, 3, 2],
].flat();
const SCORES = [0.9, 0.75, 0.6, 0.95, 0.5, 0.3, 0.2, 0.55, 0.45];

function boxes(): readonly [CaseInput, CaseInput] {
  return [given("float32", BOXES, [9, 4]), given("float32", SCORES)];
}

const LIMITS = [
  { most: 3, iou: 0.5, score: 0 },
  { most: 100, iou: 0.5, score: 0 },
  { most: 100, iou: 0.95, score: 0.5 },
  { most: 100, iou: 0, score: 0 },
  { most: 100, iou: 1, score: 0 },
  { most: 0, iou: 0.5, score: 0 },
  { most: 5, iou: 0.5, score: 0.99 },
] as const;

const suppressed: OpCase[] = LIMITS.flatMap(({ most, iou, score }) => {
  const name = `${most} overlap ${iou} score ${score}`;
  const common = [...boxes(), scalar(most), scalar(iou, "float32")];
  const threshold = scalar(score, "float32");
  const empty = most === 0 || score === 0.99;
  return [
    ...(score === 0 ? [opCase("NonMaxSuppressionV2", name, common)] : []),
    opCase("NonMaxSuppressionV3", name, [...common, threshold]),
    opCase("NonMaxSuppressionV4", `${name} padded`, [...common, threshold], {
      attrs: { pad_to_max_output_size: attr.bool(true) },
      outputs: 2,
    }),
    opCase("NonMaxSuppressionV4", name, [...common, threshold], {
      attrs: { pad_to_max_output_size: attr.bool(false) },
      outputs: 2,
    }),
    opCase("NonMaxSuppressionV5", name, [...common, threshold, scalar(0, "float32")], { outputs: 2 }),
    ...(empty
      ? []
      : [
          opCase("NonMaxSuppressionV5", `${name} soft`, [...common, threshold, scalar(0.5, "float32")], { outputs: 2 }),
        ]),
  ];
});

const otherSuppressed: OpCase[] = [
  opCase("NonMaxSuppressionV3", "equal scores", [
    given("float32", BOXES, [9, 4]),
    given(
      "float32",
      Array.from({ length: 9 }, () => 0.5),
    ),
    scalar(9),
    scalar(0.5, "float32"),
    scalar(0, "float32"),
  ]),
  opCase("NonMaxSuppressionV3", "no boxes", [
    floats([0, 4]),
    floats([0]),
    scalar(5),
    scalar(0.5, "float32"),
    scalar(0, "float32"),
  ]),
  opCase("NonMaxSuppressionV3", "fed limits", [
    ...boxes(),
    given("int32", [4], []),
    given("float32", [0.5], []),
    given("float32", [0.1], []),
  ]),
  opCase("NonMaxSuppressionV3", "negative scores", [
    given("float32", BOXES, [9, 4]),
    given(
      "float32",
      SCORES.map((score) => score - 0.6),
    ),
    scalar(9),
    scalar(0.5, "float32"),
    scalar(-0.2, "float32"),
  ]),
  opCase(
    "NonMaxSuppressionV5",
    "soft, few",
    [...boxes(), scalar(4), scalar(0.5, "float32"), scalar(0.3, "float32"), scalar(0.3, "float32")],
    { outputs: 2 },
  ),
];

const found: OpCase[] = [
  ...RANKS.filter((shape) => shape.length > 0).map((shape) => opCase("Where", `[${shape.join()}]`, [bools(shape)])),
  opCase("Where", "nothing", [given("bool", [0, 0, 0])]),
  opCase("Where", "everything", [given("bool", [1, 1, 1, 1], [2, 2])]),
  opCase("Where", "int32", [ints([2, 4], -1, 1)]),
  opCase("Where", "float32", [given("float32", [0, 0.5, -0, Number.NaN])]),
  opCase("Where", "constant", [constant(bools([2, 3]))]),
];

const differences: OpCase[] = [
  opCase("ListDiff", "", [given("int32", [1, 2, 3, 4, 5, 6, 3]), given("int32", [1, 3, 5])], { outputs: 2 }),
  opCase("ListDiff", "float32", [given("float32", [1.5, 2.5, 3.5, 1.5]), given("float32", [2.5])], { outputs: 2 }),
  opCase("ListDiff", "nothing left", [given("int32", [1, 2]), given("int32", [2, 1, 3])], { outputs: 2 }),
  opCase("ListDiff", "nothing taken", [given("int32", [1, 2]), given("int32", [])], { outputs: 2 }),
  opCase("ListDiff", "of nothing", [given("int32", []), given("int32", [1])], { outputs: 2 }),
];

export const dynamic: readonly OpCase[] = [...suppressed, ...otherSuppressed, ...found, ...differences];
