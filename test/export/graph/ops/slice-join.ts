import { axes, bools, constant, floats, given, ints, RANKS, scalar, strings } from "../case-values.ts";
import { attr, opCase, type CaseInput, type CaseSettings, type OpCase } from "../op-case.ts";

/** How many axes an index has must be known, so that the result's rank is. */
const FIXED_DEPTH: CaseSettings = { free: ["fixed"] };

const concatenated: OpCase[] = [
  { shapes: [[3], [2]], axis: 0 },
  {
    shapes: [
      [2, 3],
      [2, 3],
    ],
    axis: 0,
  },
  {
    shapes: [
      [2, 3],
      [2, 1],
      [2, 2],
    ],
    axis: 1,
  },
  {
    shapes: [
      [2, 3],
      [2, 1],
    ],
    axis: -1,
  },
  {
    shapes: [
      [2, 3, 4],
      [2, 2, 4],
    ],
    axis: -2,
  },
  {
    shapes: [
      [2, 3, 4, 5],
      [2, 3, 4, 2],
    ],
    axis: 3,
  },
  {
    shapes: [
      [2, 3, 1, 2, 2],
      [2, 3, 1, 1, 2],
    ],
    axis: 3,
  },
  {
    shapes: [
      [2, 1, 2, 1, 2, 2],
      [2, 1, 2, 1, 2, 1],
    ],
    axis: 5,
  },
  {
    shapes: [
      [0, 3],
      [2, 3],
    ],
    axis: 0,
  },
  {
    shapes: [
      [2, 0],
      [2, 0],
    ],
    axis: 1,
  },
  { shapes: [[2, 3]], axis: 0 },
].flatMap(({ shapes, axis }) => {
  const name = `${shapes.map((shape) => `[${shape.join()}]`).join(" ")} along ${axis}`;
  const attrs = { N: attr.int(shapes.length) };
  return [
    opCase("ConcatV2", name, [...shapes.map((shape) => floats(shape)), scalar(axis)], { attrs }),
    opCase("ConcatV2", `int32 ${name}`, [...shapes.map((shape) => ints(shape)), scalar(axis)], { attrs }),
    opCase("Concat", name, [scalar(axis), ...shapes.map((shape) => floats(shape))], { attrs }),
  ];
});

const otherConcats: OpCase[] = [
  opCase("ConcatV2", "bool", [bools([3]), bools([2]), scalar(0)], { attrs: { N: attr.int(2) } }),
  opCase("ConcatV2", "string", [strings(["a"]), strings(["b", "c"]), scalar(0)], { attrs: { N: attr.int(2) } }),
  opCase("ConcatV2", "a constant", [floats([2, 3]), constant(floats([1, 3])), scalar(0)], {
    attrs: { N: attr.int(2) },
  }),
];

const gathered: OpCase[] = [
  { x: [5], indices: [3], axis: 0 },
  { x: [5, 3], indices: [2], axis: 0 },
  { x: [5, 3], indices: [2, 4], axis: 0 },
  { x: [5, 3], indices: [4], axis: 1 },
  { x: [5, 3], indices: [4], axis: -1 },
  { x: [2, 3, 4], indices: [2, 2], axis: 1 },
  { x: [2, 3, 4, 2], indices: [3], axis: 2 },
  { x: [5, 3], indices: [], axis: 0 },
  { x: [5, 3], indices: [0], axis: 0 },
].flatMap(({ x, indices, axis }) => {
  const size = x.at(axis) ?? 1;
  const picked = (): CaseInput => ints(indices, 0, size - 1);
  const name = `[${x.join()}] by [${indices.join()}] along ${axis}`;
  return [
    opCase("GatherV2", name, [floats(x), picked(), scalar(axis)]),
    opCase("GatherV2", `int32 ${name}`, [ints(x), constant(picked()), scalar(axis)]),
    ...(axis === 0 ? [opCase("Gather", name, [floats(x), picked()])] : []),
  ];
});

const otherGathers: OpCase[] = [
  opCase("GatherV2", "batch dims", [floats([2, 5, 3]), ints([2, 4], 0, 4), scalar(1)], {
    attrs: { batch_dims: attr.int(1) },
  }),
  opCase("GatherV2", "batch dims, later axis", [floats([2, 5, 3]), ints([2, 4], 0, 2), scalar(2)], {
    attrs: { batch_dims: attr.int(1) },
  }),
  opCase("GatherV2", "two batch dims", [floats([2, 3, 4, 2]), ints([2, 3, 5], 0, 3), scalar(2)], {
    attrs: { batch_dims: attr.int(2) },
  }),
  opCase("GatherV2", "negative batch dims", [floats([2, 5, 3]), ints([2, 4], 0, 4), scalar(1)], {
    attrs: { batch_dims: attr.int(-1) },
  }),
  opCase("GatherV2", "float32 indices", [floats([5, 3]), given("float32", [0, 2, 4]), scalar(0)]),
  opCase("GatherV2", "string", [strings(["a", "b", "c"]), given("int32", [2, 0]), scalar(0)], {
    tfjsThrows: /must be numeric/,
  }),
  opCase("GatherV2", "bool", [bools([4]), given("int32", [2, 0]), scalar(0)]),
  opCase("Gather", "an index out of range", [floats([5, 3]), constant(given("int32", [9]))], { tfjsThrows: /./ }),
];

const reversed: OpCase[] = [
  { shape: [5], along: [0] },
  { shape: [2, 3], along: [1] },
  { shape: [2, 3], along: [-1] },
  { shape: [2, 3, 4], along: [0, 2] },
  { shape: [2, 3, 4], along: [] },
  { shape: [2, 3, 1, 4], along: [-2, 3] },
  { shape: [0, 3], along: [0] },
].flatMap(({ shape, along }) => [
  opCase("ReverseV2", `[${shape.join()}] along ${along.join()}`, [floats(shape), axes(along)]),
  opCase("ReverseV2", `int32 [${shape.join()}] along ${along.join()}`, [ints(shape), axes(along)]),
  opCase("Reverse", `[${shape.join()}] along ${along.join()}`, [
    floats(shape),
    constant(
      given(
        "bool",
        shape.map((_, axis) => (along.some((at) => at === axis || at + shape.length === axis) ? 1 : 0)),
      ),
    ),
  ]),
]);

const sliced: OpCase[] = [
  { shape: [5], begin: [1], size: [3] },
  { shape: [5], begin: [2], size: [-1] },
  { shape: [2, 3], begin: [0, 1], size: [2, 1] },
  { shape: [2, 3, 4], begin: [1, 0, 2], size: [1, -1, 2] },
  { shape: [2, 3, 4, 5], begin: [0, 1, 0, 2], size: [-1, 2, 4, 3] },
  { shape: [2, 3, 4], begin: [0, 0, 0], size: [-1, -1, -1] },
  { shape: [5], begin: [5], size: [0] },
  { shape: [0, 3], begin: [0, 1], size: [0, 2] },
].flatMap(({ shape, begin, size }) => {
  const name = `[${shape.join()}] from ${begin.join()} size ${size.join()}`;
  return [
    opCase("Slice", name, [floats(shape), axes(begin), axes(size)]),
    opCase("Slice", `int32 ${name}`, [ints(shape), axes(begin), axes(size)]),
    opCase("Slice", `fed ${name}`, [floats(shape), given("int32", begin), given("int32", size)], { free: ["fixed"] }),
  ];
});

interface Strided {
  readonly shape: readonly number[];
  readonly begin: readonly number[];
  readonly end: readonly number[];
  readonly strides: readonly number[];
  readonly masks?: Readonly<Record<string, number>>;
}

const STRIDED: readonly Strided[] = [
  { shape: [6], begin: [1], end: [5], strides: [2] },
  { shape: [6], begin: [-4], end: [-1], strides: [1] },
  { shape: [6], begin: [5], end: [1], strides: [-2] },
  { shape: [6], begin: [0], end: [0], strides: [-1], masks: { begin_mask: 1, end_mask: 1 } },
  { shape: [6], begin: [2], end: [100], strides: [1] },
  { shape: [6], begin: [3], end: [3], strides: [1] },
  { shape: [4, 5], begin: [1, 0], end: [3, 5], strides: [1, 2] },
  { shape: [4, 5], begin: [0, 1], end: [0, 3], strides: [1, 1], masks: { begin_mask: 1, end_mask: 1 } },
  { shape: [4, 5], begin: [2], end: [3], strides: [1], masks: { shrink_axis_mask: 1 } },
  { shape: [4, 5], begin: [0, -1], end: [4, 0], strides: [1, 1], masks: { shrink_axis_mask: 2 } },
  { shape: [4, 5], begin: [1, 2], end: [2, 3], strides: [1, 1], masks: { shrink_axis_mask: 3 } },
  { shape: [4, 5], begin: [0, 0, 1], end: [4, 1, 3], strides: [1, 1, 1], masks: { new_axis_mask: 2 } },
  {
    shape: [4, 5],
    begin: [0, 0],
    end: [0, 0],
    strides: [1, 1],
    masks: { new_axis_mask: 1, begin_mask: 2, end_mask: 2 },
  },
  { shape: [2, 3, 4, 5], begin: [0, 1], end: [0, 3], strides: [1, 1], masks: { ellipsis_mask: 1 } },
  {
    shape: [2, 3, 4, 5],
    begin: [1, 0, 2],
    end: [2, 0, 4],
    strides: [1, 1, 1],
    masks: { ellipsis_mask: 2, shrink_axis_mask: 1 },
  },
  {
    shape: [2, 3, 4],
    begin: [0, 0, 1],
    end: [0, 0, 2],
    strides: [1, 1, 1],
    masks: { ellipsis_mask: 1, new_axis_mask: 2, shrink_axis_mask: 4 },
  },
  { shape: [2, 3, 4], begin: [0, 2, 0], end: [2, 0, 4], strides: [1, -1, 3] },
  { shape: [0, 3], begin: [0, 0], end: [0, 2], strides: [1, 1] },
  { shape: [2, 1, 3, 2, 2], begin: [0, 0, 1, 0, 0], end: [2, 1, 3, 1, 2], strides: [1, 1, 1, 1, 1] },
];

const strided: OpCase[] = STRIDED.flatMap(({ shape, begin, end, strides, masks = {} }) => {
  const attrs = Object.fromEntries(Object.entries(masks).map(([key, value]) => [key, attr.int(value)]));
  const suffix = Object.entries(masks)
    .map(([key, value]) => ` ${key}=${value}`)
    .join("");
  const name = `[${shape.join()}] ${begin.join()} to ${end.join()} by ${strides.join()}${suffix}`;
  return [
    opCase("StridedSlice", name, [floats(shape), axes(begin), axes(end), axes(strides)], { attrs }),
    opCase("StridedSlice", `int32 ${name}`, [ints(shape), axes(begin), axes(end), axes(strides)], { attrs }),
  ];
});

const reversedLimits: OpCase = opCase(
  "StridedSlice",
  "an end before its begin",
  [floats([6]), axes([4]), axes([2]), axes([1])],
  { tfjsThrows: /Negative size values/ },
);

const fedStrided: OpCase = opCase(
  "StridedSlice",
  "fed limits",
  [floats([6, 4]), given("int32", [1, 0]), given("int32", [5, 3]), axes([2, 1])],
  { free: ["fixed"] },
);

const packed: OpCase[] = [
  { shape: [], axis: 0 },
  { shape: [3], axis: 0 },
  { shape: [3], axis: 1 },
  { shape: [3], axis: -1 },
  { shape: [2, 3], axis: 1 },
  { shape: [2, 3], axis: -1 },
  { shape: [2, 3, 4], axis: 2 },
  { shape: [0, 2], axis: 0 },
].flatMap(({ shape, axis }) =>
  [1, 3].flatMap((count) => {
    const attrs = { N: attr.int(count), axis: attr.int(axis) };
    const name = `${count} of [${shape.join()}] at ${axis}`;
    return [
      opCase(
        "Pack",
        name,
        Array.from({ length: count }, () => floats(shape)),
        { attrs },
      ),
      opCase(
        "Pack",
        `int32 ${name}`,
        Array.from({ length: count }, () => ints(shape)),
        { attrs },
      ),
    ];
  }),
);

const packedOdd: OpCase = opCase("Pack", "shapes that differ in sizes of 1", [floats([2, 3]), floats([2, 1, 3])], {
  attrs: { N: attr.int(2), axis: attr.int(0) },
  free: ["fixed"],
});

const unpacked: OpCase[] = [
  { shape: [3], axis: 0 },
  { shape: [3, 2], axis: 0 },
  { shape: [2, 3], axis: 1 },
  { shape: [2, 3, 4], axis: -1 },
  { shape: [2, 3, 4], axis: -2 },
  { shape: [1, 3], axis: 0 },
].map(({ shape, axis }) => {
  const count = shape.at(axis) ?? 1;
  return opCase("Unpack", `[${shape.join()}] at ${axis}`, [floats(shape)], {
    attrs: { axis: attr.int(axis), num: attr.int(count) },
    outputs: count,
  });
});

const tiled: OpCase[] = [
  { shape: [3], reps: [2] },
  { shape: [2, 3], reps: [2, 1] },
  { shape: [2, 3], reps: [3, 2] },
  { shape: [2, 3], reps: [1, 1] },
  { shape: [2, 3, 2], reps: [1, 2, 3] },
  { shape: [2, 1, 3, 1], reps: [1, 2, 1, 4] },
  { shape: [2, 3], reps: [0, 2] },
  { shape: [0, 3], reps: [2, 2] },
].flatMap(({ shape, reps }) => [
  opCase("Tile", `[${shape.join()}] by ${reps.join()}`, [floats(shape), axes(reps)]),
  opCase("Tile", `int32 [${shape.join()}] by ${reps.join()}`, [ints(shape), axes(reps)]),
  opCase("Tile", `fed [${shape.join()}] by ${reps.join()}`, [floats(shape), given("int32", reps)], { free: ["fixed"] }),
]);

const split: OpCase[] = [
  { shape: [6], parts: 3, axis: 0 },
  { shape: [2, 4], parts: 2, axis: 1 },
  { shape: [2, 4], parts: 2, axis: -1 },
  { shape: [2, 3, 4], parts: 3, axis: 1 },
  { shape: [2, 3], parts: 1, axis: 0 },
].map(({ shape, parts, axis }) =>
  opCase("Split", `[${shape.join()}] in ${parts} along ${axis}`, [scalar(axis), floats(shape)], {
    attrs: { num_split: attr.int(parts) },
    outputs: parts,
  }),
);

const splitV: OpCase[] = [
  { shape: [6], parts: [1, 2, 3], axis: 0 },
  { shape: [2, 5], parts: [2, 3], axis: 1 },
  { shape: [2, 5], parts: [2, -1], axis: -1 },
  { shape: [2, 5, 3], parts: [1, 4], axis: 1 },
  { shape: [4], parts: [0, 4], axis: 0 },
].map(({ shape, parts, axis }) =>
  opCase("SplitV", `[${shape.join()}] in ${parts.join()} along ${axis}`, [floats(shape), axes(parts), scalar(axis)], {
    attrs: { num_split: attr.int(parts.length) },
    outputs: parts.length,
  }),
);

const scattered: OpCase[] = [
  opCase("ScatterNd", "elements", [given("int32", [4, 1, 7], [3, 1]), floats([3]), axes([8])]),
  opCase("ScatterNd", "an index twice", [given("int32", [4, 1, 4], [3, 1]), floats([3]), axes([8])]),
  opCase("ScatterNd", "an index twice, int32", [given("int32", [4, 1, 4], [3, 1]), ints([3]), axes([8])]),
  opCase("ScatterNd", "rows", [given("int32", [2, 0], [2, 1]), floats([2, 3]), axes([4, 3])]),
  opCase("ScatterNd", "elements of a matrix", [given("int32", [0, 1, 2, 0], [2, 2]), floats([2]), axes([3, 2])]),
  opCase("ScatterNd", "int32", [given("int32", [2, 0], [2, 1]), ints([2, 3]), axes([4, 3])]),
  opCase("ScatterNd", "bool", [given("int32", [2, 0], [2, 1]), bools([2]), axes([4])]),
  opCase("ScatterNd", "indices of rank 3", [given("int32", [0, 2, 1, 3], [2, 2, 1]), floats([2, 2]), axes([5])]),
  opCase("GatherNd", "elements", [floats([3, 4]), given("int32", [0, 1, 2, 3], [2, 2])], FIXED_DEPTH),
  opCase("GatherNd", "rows", [floats([3, 4]), given("int32", [2, 0], [2, 1])], FIXED_DEPTH),
  opCase(
    "GatherNd",
    "indices of rank 3",
    [floats([3, 4, 2]), given("int32", [0, 1, 2, 3, 1, 1, 0, 0], [2, 2, 2])],
    FIXED_DEPTH,
  ),
  opCase("GatherNd", "int32", [ints([3, 4]), given("int32", [2, 0], [2, 1])], FIXED_DEPTH),
  opCase("GatherNd", "one index", [floats([3, 4]), given("int32", [2], [1])], FIXED_DEPTH),
  opCase("GatherNd", "string", [strings(["a", "b", "c"]), given("int32", [2, 0], [2, 1])], FIXED_DEPTH),
  opCase("SparseToDense", "vector", [given("int32", [1, 3]), axes([5]), floats([2]), scalar(0, "float32")]),
  opCase("SparseToDense", "matrix", [
    given("int32", [0, 1, 2, 0], [2, 2]),
    axes([3, 2]),
    floats([2]),
    scalar(-1.5, "float32"),
  ]),
  opCase("SparseToDense", "one value", [given("int32", [1, 3]), axes([5]), floats([]), scalar(0, "float32")]),
  opCase("SparseToDense", "int32", [given("int32", [1, 3]), axes([5]), ints([2]), scalar(7)]),
  opCase("SparseToDense", "bool", [given("int32", [1, 3]), axes([5]), bools([2]), scalar(0, "bool")]),
  opCase("TensorScatterUpdate", "elements", [floats([8]), given("int32", [4, 1, 7], [3, 1]), floats([3])]),
  opCase("TensorScatterUpdate", "rows", [floats([4, 3]), given("int32", [2, 0], [2, 1]), floats([2, 3])]),
  opCase("TensorScatterUpdate", "int32", [ints([4, 3]), given("int32", [0, 1, 3, 2], [2, 2]), ints([2])]),
  opCase("TensorScatterUpdate", "an index twice", [floats([8]), given("int32", [4, 1, 4], [3, 1]), floats([3])]),
];

const everyRank: OpCase[] = RANKS.filter((shape) => shape.length > 0).map((shape) =>
  opCase("Pack", `two of [${shape.join()}]`, [floats(shape), floats(shape)], {
    attrs: { N: attr.int(2), axis: attr.int(0) },
  }),
);

export const sliceJoin: readonly OpCase[] = [
  ...concatenated,
  ...otherConcats,
  ...gathered,
  ...otherGathers,
  ...reversed,
  ...sliced,
  ...strided,
  reversedLimits,
  fedStrided,
  ...packed,
  packedOdd,
  ...unpacked,
  ...tiled,
  ...split,
  ...splitV,
  ...scattered,
  ...everyRank,
];
