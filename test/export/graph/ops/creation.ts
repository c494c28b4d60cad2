import { axes, bools, floats, given, ints, RANKS, scalar } from "../case-values.ts";
import { attr, graphCase, node, opCase, type OpCase } from "../op-case.ts";

const SHAPES = [[], [3], [2, 3], [2, 1, 3, 2], [0, 2]];

const filled: OpCase[] = SHAPES.flatMap((shape) => [
  opCase("Fill", `float32 [${shape.join()}]`, [axes(shape), scalar(2.5, "float32")], {
    attrs: { T: attr.type("float32") },
  }),
  opCase("Fill", `int32 [${shape.join()}]`, [axes(shape), scalar(-3)], { attrs: { T: attr.type("int32") } }),
  opCase("Fill", `bool [${shape.join()}]`, [axes(shape), scalar(1, "bool")], { attrs: { T: attr.type("bool") } }),
  opCase("Fill", `fed value [${shape.join()}]`, [axes(shape), given("float32", [1.25], [])], {
    attrs: { T: attr.type("float32") },
  }),
  opCase("Zeros", `[${shape.join()}]`, [axes(shape)], { attrs: { T: attr.type("float32") } }),
  opCase("Zeros", `int32 [${shape.join()}]`, [axes(shape)], { attrs: { T: attr.type("int32") } }),
  opCase("Ones", `[${shape.join()}]`, [axes(shape)], { attrs: { T: attr.type("float32") } }),
  opCase("Ones", `int32 [${shape.join()}]`, [axes(shape)], { attrs: { T: attr.type("int32") } }),
]);

const fedShape: OpCase[] = [
  opCase("Fill", "fed shape", [given("int32", [2, 3]), scalar(2.5, "float32")], {
    attrs: { T: attr.type("float32") },
    free: ["fixed"],
  }),
  graphCase(
    "Fill",
    "of an input's shape",
    { x: floats([2, 3, 4]), value: scalar(0.5, "float32") },
    [node("Shape", "shape", ["x"]), node("Fill", "op", ["shape", "value"], { T: attr.type("float32") })],
    { fetch: ["op"] },
  ),
  opCase("Zeros", "fed shape", [given("int32", [2, 3])], { attrs: { T: attr.type("float32") }, free: ["fixed"] }),
  opCase("Ones", "fed shape", [given("int32", [2, 3])], { attrs: { T: attr.type("float32") }, free: ["fixed"] }),
];

const like: OpCase[] = ["ZerosLike", "OnesLike"].flatMap((op) => [
  ...RANKS.map((shape) => opCase(op, `[${shape.join()}]`, [floats(shape)])),
  opCase(op, "int32", [ints([2, 3])]),
  opCase(op, "bool", [bools([2, 3])]),
  opCase(op, "of NaN", [given("float32", [Number.NaN, Number.POSITIVE_INFINITY])]),
]);

const oneHots: OpCase[] = SHAPES.flatMap((shape) => [
  opCase("OneHot", `[${shape.join()}]`, [ints(shape, 0, 3), scalar(4), scalar(1, "float32"), scalar(0, "float32")], {
    attrs: { T: attr.type("float32"), axis: attr.int(-1) },
  }),
]);

const otherOneHots: OpCase[] = [
  opCase("OneHot", "own values", [ints([5], 0, 3), scalar(4), scalar(2.5, "float32"), scalar(-1, "float32")], {
    attrs: { T: attr.type("float32") },
  }),
  opCase("OneHot", "int32", [ints([5], 0, 3), scalar(4), scalar(1), scalar(0)], { attrs: { T: attr.type("int32") } }),
  opCase("OneHot", "bool", [ints([5], 0, 3), scalar(4), scalar(1, "bool"), scalar(0, "bool")], {
    attrs: { T: attr.type("bool") },
  }),
  // In ONNX, -1 is the last class; in TF.js, no class.
  opCase(
    "OneHot",
    "indices out of range",
    [given("int32", [-1, 0, 4, 3, -5]), scalar(4), scalar(1, "float32"), scalar(0, "float32")],
    { attrs: { T: attr.type("float32") } },
  ),
  // TF.js ignores the axis: the classes always come last.
  opCase("OneHot", "axis 0", [ints([5], 0, 3), scalar(4), scalar(1, "float32"), scalar(0, "float32")], {
    attrs: { T: attr.type("float32"), axis: attr.int(0) },
  }),
  opCase(
    "OneHot",
    "fed depth",
    [ints([5], 0, 3), given("int32", [4], []), scalar(1, "float32"), scalar(0, "float32")],
    {
      attrs: { T: attr.type("float32") },
    },
  ),
];

const spaced: OpCase[] = [
  { start: 0, stop: 1, count: 5 },
  { start: -2, stop: 3, count: 1 },
  { start: 5, stop: -1, count: 4 },
  { start: 2, stop: 2, count: 3 },
].map(({ start, stop, count }) =>
  opCase("LinSpace", `${start} to ${stop} in ${count}`, [
    scalar(start, "float32"),
    scalar(stop, "float32"),
    scalar(count),
  ]),
);

const ranges: OpCase[] = [
  { start: 0, stop: 5, step: 1 },
  { start: 2, stop: 11, step: 3 },
  { start: 5, stop: 0, step: -2 },
  { start: 3, stop: 3, step: 1 },
].flatMap(({ start, stop, step }) => [
  opCase("Range", `${start} ${stop} ${step}`, [scalar(start), scalar(stop), scalar(step)], {
    attrs: { Tidx: attr.type("int32") },
  }),
  opCase(
    "Range",
    `fed ${start} ${stop} ${step}`,
    [given("int32", [start], []), given("int32", [stop], []), given("int32", [step], [])],
    { attrs: { Tidx: attr.type("int32") } },
  ),
  opCase(
    "Range",
    `float32 ${start} ${stop} ${step}`,
    [scalar(start, "float32"), scalar(stop, "float32"), scalar(step / 2, "float32")],
    { attrs: { Tidx: attr.type("float32") } },
  ),
]);

const backwards: OpCase = opCase("Range", "that leads nowhere", [scalar(0), scalar(5), scalar(-1)], {
  attrs: { Tidx: attr.type("int32") },
});

const spacedFed: OpCase = opCase("LinSpace", "fed", [
  given("float32", [0], []),
  given("float32", [2], []),
  given("int32", [5], []),
]);

/** Random ops give other numbers at every run, in TF.js and in ONNX Runtime: only their shapes can be compared. */
const RANDOM = ["RandomStandardNormal", "RandomUniform", "TruncatedNormal", "RandomUniformInt"] as const;

const random: OpCase[] = RANDOM.map((op) => {
  const limits = op === "RandomUniformInt" ? { minval: attr.int(2), maxval: attr.int(9) } : {};
  return graphCase(
    op,
    "shape",
    { shape: axes([2, 3]) },
    [
      node(op, "numbers", ["shape"], { dtype: attr.type(op === "RandomUniformInt" ? "int32" : "float32"), ...limits }),
      node("Shape", "op", ["numbers"]),
    ],
    { fetch: ["op"], free: ["fixed"] },
  );
});

const multinomial: OpCase[] = [
  graphCase(
    "Multinomial",
    "shape",
    { logits: floats([2, 3]), count: scalar(5) },
    [
      node("Multinomial", "numbers", ["logits", "count"], { seed: attr.int(1), output_dtype: attr.type("int32") }),
      node("Shape", "op", ["numbers"]),
    ],
    { fetch: ["op"], free: ["fixed"] },
  ),
  opCase("Multinomial", "certain", [given("float32", [-100, 100, -100, 100, -100, -100], [2, 3]), scalar(4)], {
    attrs: { seed: attr.int(1), output_dtype: attr.type("int32") },
  }),
];

export const creation: readonly OpCase[] = [
  ...filled,
  ...fedShape,
  ...like,
  ...oneHots,
  ...otherOneHots,
  ...spaced,
  spacedFed,
  ...ranges,
  backwards,
  ...random,
  ...multinomial,
];
