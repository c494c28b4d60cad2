import { axes, bools, constant, floats, given, ints, RANKS, scalar, specials } from "../case-values.ts";
import { attr, opCase, type CaseAttrs, type CaseInput, type CaseSettings, type OpCase } from "../op-case.ts";

const NUMERIC = ["Max", "Mean", "Min", "Sum", "Prod", "EuclideanNorm"] as const;
const ALL_ANY = ["All", "Any"] as const;

/** Shape, axes. No axes: all of them. */
const REDUCTIONS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[5], [0]],
  [[2, 3], [0]],
  [[2, 3], [1]],
  [[2, 3], [-1]],
  [
    [2, 3],
    [0, 1],
  ],
  [
    [2, 3, 4],
    [0, 2],
  ],
  [
    [2, 3, 4],
    [2, 0],
  ],
  [[2, 3, 4], [-2]],
  [
    [2, 3, 4, 5],
    [1, 2],
  ],
  [
    [2, 3, 4, 5],
    [-3, -1],
  ],
  [
    [2, 3, 1, 2, 2],
    [1, 3],
  ],
  [
    [2, 1, 2, 3, 1, 2],
    [5, 0],
  ],
];

const KEPT: readonly (readonly [string, CaseAttrs])[] = [
  ["", {}],
  [" kept", { keep_dims: attr.bool(true) }],
];

function reduced(op: string, kind: string, make: (shape: readonly number[]) => CaseInput): OpCase[] {
  return KEPT.flatMap(([suffix, attrs]) =>
    REDUCTIONS.map(([shape, along]) =>
      opCase(op, `${kind} [${shape.join()}] over ${along.join()}${suffix}`, [make(shape), axes(along)], { attrs }),
    ),
  );
}

const small = (shape: readonly number[]): CaseInput => ints(shape, -3, 3);

const numeric: OpCase[] = NUMERIC.flatMap((op) => [
  ...reduced(op, "float32", (shape) => floats(shape)),
  ...(op === "EuclideanNorm" ? [] : reduced(op, "int32", small)),
  opCase(op, "scalar axis", [floats([2, 3]), scalar(1)]),
  opCase(
    op,
    "without axes",
    [floats([2, 3, 2]), axes([])],
    op === "EuclideanNorm" ? { tfjsThrows: /invalid axis/ } : {},
  ),
  opCase(op, "of a scalar", [floats([]), axes([])]),
  opCase(op, "of a constant", [constant(floats([2, 3])), axes([1])]),
  opCase(op, "computed axes", [floats([2, 3, 4]), given("int32", [0, 2])], { free: ["fixed"], refused: /axes|axis/i }),
]);

const SKIPS_NAN = { skipped: "ONNX Runtime's reduction to the largest or smallest passes over a NaN" };

const special: OpCase[] = ["Max", "Min", "Sum", "Mean"].flatMap((op) => [
  opCase(
    op,
    "NaN in a row",
    [given("float32", [1, Number.NaN, 3, 4, 5, 6, Number.NaN, 0, 1], [3, 3]), axes([1])],
    op.startsWith("M") && op !== "Mean" ? SKIPS_NAN : {},
  ),
  opCase(op, "infinite", [
    given("float32", [1, Number.POSITIVE_INFINITY, 3, Number.NEGATIVE_INFINITY, 5, 6], [2, 3]),
    axes([1]),
  ]),
  opCase(op, "all specials", [specials(), axes([0])]),
]);

/** TF.js's kernels read past the end of an empty tensor: Max and Min give NaN, All gives false. */
const READS_PAST: Readonly<Record<string, string>> = {
  Max: "TF.js gives NaN; TensorFlow and ONNX Runtime -Infinity",
  Min: "TF.js gives NaN; TensorFlow and ONNX Runtime Infinity",
  All: "TF.js gives false; TensorFlow and this exporter true",
};

const empty: OpCase[] = [...NUMERIC, ...ALL_ANY].flatMap((op) => {
  const make = ALL_ANY.some((name) => name === op) ? bools : floats;
  const reason = READS_PAST[op];
  const settings = reason === undefined ? {} : { skipped: reason };
  return [
    opCase(op, "of nothing", [make([0]), axes([0])], settings),
    opCase(op, "of no rows", [make([0, 3]), axes([1])]),
    opCase(op, "over no rows", [make([0, 3]), axes([0])], settings),
  ];
});

const truth: OpCase[] = ALL_ANY.flatMap((op) => [
  ...reduced(op, "bool", (shape) => bools(shape)),
  opCase(op, "without axes", [bools([2, 3]), axes([])]),
  opCase(op, "of a scalar", [bools([]), axes([])]),
]);

const extremes: OpCase[] = ["ArgMax", "ArgMin"].flatMap((op) => [
  ...RANKS.filter((shape) => shape.length > 0 && !shape.includes(0)).flatMap((shape) =>
    shape.flatMap((_, axis) => [
      opCase(op, `[${shape.join()}] over ${axis}`, [floats(shape), scalar(axis)]),
      opCase(op, `[${shape.join()}] over ${axis - shape.length}`, [floats(shape), scalar(axis - shape.length)]),
    ]),
  ),
  opCase(op, "ties", [given("float32", [1, 3, 3, 0, 0, 3], [2, 3]), scalar(1)]),
  opCase(op, "int32", [ints([3, 4]), scalar(1)]),
  opCase(op, "int32 ties", [given("int32", [5, 5, -1, -1, 5, -1], [2, 3]), scalar(0)]),
  opCase(op, "NaN", [given("float32", [1, Number.NaN, 3, Number.NaN, 2, 5, 0, 1, Number.NaN], [3, 3]), scalar(1)]),
  opCase(op, "infinite", [
    given("float32", [Number.NEGATIVE_INFINITY, 1, Number.POSITIVE_INFINITY, 0], [1, 4]),
    scalar(1),
  ]),
  opCase(op, "without an axis", [floats([2, 3])], { tfjsThrows: /split/ }),
  opCase(op, "no rows", [floats([0, 3]), scalar(1)]),
]);

const FLAGS: readonly CaseAttrs[] = [
  {},
  { exclusive: attr.bool(true) },
  { reverse: attr.bool(true) },
  { exclusive: attr.bool(true), reverse: attr.bool(true) },
];

const cumulative: OpCase[] = ["Cumsum", "Cumprod"].flatMap((op) =>
  FLAGS.flatMap((attrs) => {
    const flags = Object.keys(attrs).join(" ");
    return [
      ...RANKS.filter((shape) => shape.length > 0).flatMap((shape) => {
        // ONNX Runtime's Scan must run at least once.
        const isIdle = op === "Cumprod" && shape[0] === 0;
        const own: CaseSettings = { attrs, ...(isIdle ? { free: ["fixed"] } : {}) };
        return [
          opCase(op, `[${shape.join()}] over 0 ${flags}`, [floats(shape), scalar(0)], own),
          opCase(op, `[${shape.join()}] over -1 ${flags}`, [floats(shape), scalar(-1)], {
            attrs,
            skipped: "TF.js loses a size of the shape with a negative axis",
          }),
          opCase(op, `[${shape.join()}] over the last ${flags}`, [floats(shape), scalar(shape.length - 1)], own),
        ];
      }),
      opCase(op, `[2,3,4] over 1 ${flags}`, [floats([2, 3, 4]), scalar(1)], { attrs }),
      opCase(op, `int32 ${flags}`, [ints([2, 4], -3, 3), scalar(1)], { attrs }),
      opCase(op, `with zeros ${flags}`, [given("float32", [2, 0, 3, 4, 0, 5]), scalar(0)], { attrs }),
    ];
  }),
);

const counts: OpCase[] = [
  opCase("Bincount", "", [ints([9], 0, 4), scalar(5), axes([])]),
  opCase("Bincount", "beyond its size", [ints([9], 0, 7), scalar(4), axes([])]),
  opCase("Bincount", "float32 weights", [ints([9], 0, 4), scalar(5), floats([9])]),
  opCase("Bincount", "int32 weights", [ints([9], 0, 4), scalar(5), ints([9])]),
  opCase("Bincount", "of nothing", [ints([0]), scalar(3), axes([])]),
  ...[[7], [3, 5]].flatMap((shape) =>
    [false, true].flatMap((binary) => {
      const attrs = { binary_output: attr.bool(binary) };
      const suffix = `[${shape.join()}]${binary ? " binary" : ""}`;
      return [
        opCase("DenseBincount", suffix, [ints(shape, 0, 4), scalar(6), axes([])], { attrs }),
        opCase("DenseBincount", `beyond its size ${suffix}`, [ints(shape, 0, 9), scalar(4), axes([])], { attrs }),
        opCase("DenseBincount", `float32 weights ${suffix}`, [ints(shape, 0, 4), scalar(6), floats(shape)], { attrs }),
        opCase("DenseBincount", `int32 weights ${suffix}`, [ints(shape, 0, 4), scalar(6), ints(shape)], { attrs }),
      ];
    }),
  ),
];

export const reduction: readonly OpCase[] = [
  ...numeric.filter(({ op }) => op !== "EuclideanNorm"),
  ...special,
  ...empty.filter(({ op }) => op !== "EuclideanNorm"),
  ...truth,
  ...extremes,
  ...cumulative,
  ...counts,
];

export const euclideanNorm: readonly OpCase[] = [...numeric, ...empty].filter(({ op }) => op === "EuclideanNorm");
