import { bools, BROADCASTS, constant, floats, given, ints, RANKS, scalar, specials } from "../case-values.ts";
import { attr, graphCase, node, opCase, type OpCase } from "../op-case.ts";

/** Unary ops of float32 and the domain their random inputs come from. */
const FLOAT_DOMAINS: Readonly<Record<string, readonly [number, number]>> = {
  Abs: [-3, 3],
  Acos: [-1, 1],
  Acosh: [1, 5],
  Asin: [-1, 1],
  Asinh: [-4, 4],
  Atan: [-4, 4],
  Atanh: [-0.95, 0.95],
  Ceil: [-5, 5],
  Cos: [-7, 7],
  Cosh: [-3, 3],
  Elu: [-3, 3],
  Erf: [-3, 3],
  Exp: [-4, 3],
  Expm1: [-3, 3],
  Floor: [-5, 5],
  IsFinite: [-3, 3],
  IsInf: [-3, 3],
  IsNan: [-3, 3],
  LeakyRelu: [-3, 3],
  Log: [0.01, 5],
  Log1p: [-0.9, 5],
  Neg: [-3, 3],
  Reciprocal: [0.3, 4],
  Relu: [-3, 3],
  Relu6: [-9, 9],
  Round: [-5, 5],
  Rsqrt: [0.1, 5],
  Selu: [-3, 3],
  Sigmoid: [-6, 6],
  Sign: [-3, 3],
  Sin: [-7, 7],
  Sinh: [-3, 3],
  Softplus: [-6, 6],
  Sqrt: [0, 5],
  Square: [-3, 3],
  Tan: [-1.4, 1.4],
  Tanh: [-3, 3],
};

const unary = Object.entries(FLOAT_DOMAINS).flatMap(([op, [low, high]]) => [
  ...RANKS.map((shape) => opCase(op, `[${shape.join()}]`, [floats(shape, low, high)])),
  opCase(op, "specials", [specials()], {
    elementwise: true,
    ...(op === "Sign" ? { skipped: "TF.js has 0 for the sign of NaN; TensorFlow and ONNX have NaN" } : {}),
  }),
  opCase(op, "constant", [constant(floats([2, 3], low, high))]),
]);

/** TF.js takes int32 for these, and cuts what it computes to an int32. */
const INT_TO_INT = [
  "Abs",
  "Acos",
  "Acosh",
  "Asin",
  "Asinh",
  "Atan",
  "Atanh",
  "Expm1",
  "Log1p",
  "Neg",
  "Reciprocal",
  "Relu",
  "Relu6",
  "Round",
  "Selu",
  "Sign",
  "Sinh",
  "Softplus",
  "Square",
] as const;
/** And for these, of which it gives float32 or bool. */
const INT_TO_OTHER = ["Erf", "Exp", "LeakyRelu", "IsFinite", "IsInf", "IsNan"] as const;
const FLOAT_ONLY = [
  "Ceil",
  "Cos",
  "Cosh",
  "Elu",
  "Floor",
  "Log",
  "Rsqrt",
  "Sigmoid",
  "Sin",
  "Sqrt",
  "Tan",
  "Tanh",
] as const;
/** TensorFlow has none of these of bool, and TF.js's backends disagree on them. */
const NOT_OF_BOOL = INT_TO_INT.filter((op) => op !== "Abs" && op !== "Sign");

const whole: OpCase[] = [
  ...[...INT_TO_INT, ...INT_TO_OTHER].flatMap((op) => [
    opCase(op, "int32", [given("int32", [-9, -3, -2, -1, 0, 1, 2, 3, 7])]),
    ...[[], [2, 3], [2, 1, 3, 2], [0]].map((shape) => opCase(op, `int32 [${shape.join()}]`, [ints(shape, -3, 4)])),
  ]),
  ...FLOAT_ONLY.map((op) => opCase(op, "int32", [ints([3])], { tfjsThrows: /must be float32/ })),
  ...NOT_OF_BOOL.map((op) => opCase(op, "bool", [bools([4])], { refused: /bool/ })),
];

/** Beyond 2^24, a float32 no longer holds every integer. */
const LARGE_INTS = [2_147_483_647, -2_147_483_647, 16_777_217, -16_777_219, 33_554_433];

const ROUNDS = { skipped: "TF.js computes it in float32 and rounds; TensorFlow and this exporter are exact" };

const large: OpCase[] = [
  ...["Neg", "Relu", "Sign", "Round"].map((op) => opCase(op, "large int32", [given("int32", LARGE_INTS)])),
  opCase("Relu6", "large int32", [given("int32", LARGE_INTS)]),
  opCase("Abs", "large int32", [given("int32", LARGE_INTS)], ROUNDS),
  opCase("Square", "large int32", [given("int32", [46_340, -46_340, 4_097])], ROUNDS),
];

const HALVES = [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 0.49999997, -0.49999997];

const parametric: OpCase[] = [
  ...[0, 0.1, 0.3, 1, 2.5, -0.5].map((alpha) =>
    opCase("LeakyRelu", `alpha ${alpha}`, [floats([2, 5])], { attrs: { alpha: attr.float(alpha) } }),
  ),
  opCase("LeakyRelu", "specials alpha 0.3", [specials()], { attrs: { alpha: attr.float(0.3) }, elementwise: true }),
  ...[
    [[2, 3], [3]],
    [[2, 4, 5, 3], [3]],
    [
      [2, 4, 5, 3],
      [1, 1, 3],
    ],
    [
      [2, 4, 5, 3],
      [4, 5, 3],
    ],
    [[2, 3], []],
  ].flatMap(([x = [], alpha = []]) => [
    opCase("Prelu", `[${x.join()}] [${alpha.join()}]`, [floats(x), floats(alpha, 0, 1)]),
    opCase("Prelu", `[${x.join()}] constant [${alpha.join()}]`, [floats(x), constant(floats(alpha, -1, 1))]),
  ]),
  opCase("Prelu", "specials", [specials(), constant(given("float32", [0.25], [1]))], { elementwise: true }),
  ...[
    [-1, 1],
    [0, 6],
    [0.5, 0.5],
    [Number.NEGATIVE_INFINITY, 0],
    [0, Number.POSITIVE_INFINITY],
  ].flatMap(([low = 0, high = 0]) => [
    opCase("ClipByValue", `${low} to ${high}`, [
      floats([2, 5], -8, 8),
      scalar(low, "float32"),
      scalar(high, "float32"),
    ]),
    opCase("ClipByValue", `specials ${low} to ${high}`, [specials(), scalar(low, "float32"), scalar(high, "float32")], {
      elementwise: true,
      ...(low === high ? { skipped: "TF.js fills the tensor, NaN included, where both limits are equal" } : {}),
    }),
  ]),
  opCase("ClipByValue", "computed limits", [
    floats([2, 5], -8, 8),
    given("float32", [-1.5], []),
    given("float32", [2], []),
  ]),
  opCase("ClipByValue", "int32", [ints([2, 5]), scalar(-3), scalar(4)]),
  opCase("ClipByValue", "int32, float limits", [ints([2, 5]), scalar(-2.5, "float32"), scalar(3.5, "float32")]),
  ...RANKS.map((shape) =>
    opCase("ClipByValue", `[${shape.join()}]`, [floats(shape), scalar(-1, "float32"), scalar(1, "float32")]),
  ),
  opCase("Round", "halves", [given("float32", HALVES)]),
  opCase("Relu6", "edges", [given("float32", [-1, -0, 0, 5.999999, 6, 6.000001, 7])]),
];

const binary: OpCase[] = [
  ...BROADCASTS.map(([a, b]) => opCase("Atan2", `[${a.join()}] [${b.join()}]`, [floats(a), floats(b)])),
  opCase("Atan2", "specials", [
    given("float32", [0, -0, 1, -1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 2], [8, 1]),
    given("float32", [0, -0, 1, -1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 3]),
  ]),
];

const complex: OpCase[] = [[], [3], [2, 3], [2, 2, 2, 2], [0, 2]].flatMap((shape) => {
  const parts = (): Record<string, ReturnType<typeof floats>> => ({ re: floats(shape), im: floats(shape) });
  const z = node("Complex", "z", ["re", "im"]);
  const name = `[${shape.join()}]`;
  return [
    graphCase("Complex", name, parts(), [z, node("Real", "r", ["z"]), node("Imag", "i", ["z"])], { fetch: ["r", "i"] }),
    graphCase("Real", name, parts(), [z, node("Real", "r", ["z"])], { fetch: ["r"] }),
    graphCase("Imag", name, parts(), [z, node("Imag", "i", ["z"])], { fetch: ["i"] }),
    graphCase("ComplexAbs", name, parts(), [z, node("ComplexAbs", "a", ["z"])], { fetch: ["a"] }),
  ];
});

export const basicMath: readonly OpCase[] = [...unary, ...whole, ...large, ...parametric, ...binary, ...complex];
