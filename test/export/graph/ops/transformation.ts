import { axes, bools, constant, floats, given, ints, RANKS, scalar, strings } from "../case-values.ts";
import { attr, graphCase, node, opCase, type CaseDtype, type OpCase } from "../op-case.ts";

const CAST_VALUES = [-2.7, -1, -0.5, 0, 0.5, 0.99, 1, 2.7, 300.5];

function castTo(dtype: CaseDtype): OpCase[] {
  const attrs = { DstT: attr.type(dtype) };
  return [
    opCase("Cast", `float32 to ${dtype}`, [given("float32", CAST_VALUES)], { attrs }),
    opCase("Cast", `int32 to ${dtype}`, [given("int32", [-300, -1, 0, 1, 2, 70_000])], { attrs }),
    opCase("Cast", `bool to ${dtype}`, [bools([2, 3])], { attrs }),
    opCase("Cast", `empty to ${dtype}`, [floats([0, 2])], { attrs }),
    opCase("Cast", `scalar to ${dtype}`, [floats([])], { attrs }),
  ];
}

const casts: OpCase[] = [
  ...(["float32", "int32", "bool"] as const).flatMap(castTo),
  // Numbers no int32 holds: TF.js's Int32Array takes the lowest 32 bits, and 0 for NaN and the infinite.
  opCase(
    "Cast",
    "float32 beyond int32",
    [given("float32", [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e9, -3e9, 1e20])],
    { attrs: { DstT: attr.type("int32") }, skipped: "beyond the range of int32, C++ leaves the result to the machine" },
  ),
  opCase("Cast", "NaN to bool", [given("float32", [Number.NaN, 0, -0, Number.POSITIVE_INFINITY])], {
    attrs: { DstT: attr.type("bool") },
  }),
  graphCase(
    "Cast",
    "float32 to complex64",
    { x: floats([3]) },
    [node("Cast", "z", ["x"], { DstT: attr.type("complex64") }), node("Real", "r", ["z"]), node("Imag", "i", ["z"])],
    { fetch: ["r", "i"] },
  ),
  graphCase(
    "Cast",
    "complex64 to float32",
    { re: floats([3]), im: floats([3]) },
    [node("Complex", "z", ["re", "im"]), node("Cast", "r", ["z"], { DstT: attr.type("float32") })],
    { fetch: ["r"] },
  ),
];

const expanded: OpCase[] = [
  ...[[], [3], [2, 3], [2, 3, 4], [0, 2]].flatMap((shape) =>
    Array.from({ length: 2 * shape.length + 2 }, (_, index) => index - shape.length - 1).map((axis) =>
      opCase("ExpandDims", `[${shape.join()}] at ${axis}`, [floats(shape), scalar(axis)]),
    ),
  ),
  opCase("ExpandDims", "int32", [ints([2, 3]), scalar(1)]),
  opCase("ExpandDims", "string", [strings(["a", "b"]), scalar(0)]),
  opCase("ExpandDims", "axis in a vector", [floats([2, 3]), axes([1])]),
];

const squeezed: OpCase[] = [
  { shape: [1, 3], axis: [] },
  { shape: [1, 3], axis: [0] },
  { shape: [2, 1, 3, 1], axis: [] },
  { shape: [2, 1, 3, 1], axis: [1] },
  { shape: [2, 1, 3, 1], axis: [-1] },
  { shape: [2, 1, 3, 1], axis: [1, 3] },
  { shape: [1, 1], axis: [] },
  { shape: [1, 0], axis: [0] },
].flatMap(({ shape, axis }) => [
  opCase("Squeeze", `[${shape.join()}] of ${axis.join()}`, [floats(shape)], {
    attrs: { squeeze_dims: attr.ints(axis) },
    free: axis.length === 0 ? ["fixed"] : ["fixed", "batch"],
  }),
  opCase("Squeeze", `[${shape.join()}] of ${axis.join()}, newer spelling`, [ints(shape)], {
    attrs: { axis: attr.ints(axis) },
    free: ["fixed"],
  }),
]);

const noSqueeze: OpCase[] = [
  opCase("Squeeze", "without an axis attribute", [floats([1, 3, 1])], { free: ["fixed"] }),
  opCase("Squeeze", "a size other than 1", [floats([2, 3])], {
    attrs: { squeeze_dims: attr.ints([0]) },
    tfjsThrows: /Can't squeeze/,
  }),
];

const reshaped: OpCase[] = [
  { from: [2, 3], to: [3, 2] },
  { from: [2, 3], to: [6] },
  { from: [2, 3], to: [-1] },
  { from: [2, 3, 4], to: [2, -1] },
  { from: [2, 3, 4], to: [-1, 3, 2, 2] },
  { from: [1], to: [] },
  { from: [], to: [1, 1] },
  { from: [0, 3], to: [3, 0] },
  { from: [0, 3], to: [0] },
  { from: [2, 2, 3, 1, 2, 1], to: [4, -1] },
].flatMap(({ from, to }) => [
  opCase("Reshape", `[${from.join()}] to [${to.join()}]`, [floats(from), axes(to)]),
  opCase("Reshape", `int32 [${from.join()}] to [${to.join()}]`, [ints(from), axes(to)]),
]);

/** Shapes that the model computes from its inputs' shapes. */
const computedShapes: OpCase[] = [
  graphCase(
    "Reshape",
    "to a packed shape",
    { x: floats([2, 3, 4]), begin: axes([0]), end: axes([1]), stride: axes([1]), rest: scalar(-1) },
    [
      node("Shape", "shape", ["x"]),
      node("StridedSlice", "batch", ["shape", "begin", "end", "stride"], { shrink_axis_mask: attr.int(1) }),
      node("Pack", "to", ["batch", "rest"], { N: attr.int(2), axis: attr.int(0) }),
      node("Reshape", "op", ["x", "to"]),
    ],
    { fetch: ["op"], free: ["fixed", "batch", "all"] },
  ),
  graphCase(
    "Reshape",
    "to the shape of another",
    { x: floats([2, 6]), like: floats([3, 4]) },
    [node("Shape", "shape", ["like"]), node("Reshape", "op", ["x", "shape"])],
    { fetch: ["op"] },
  ),
  opCase("Reshape", "to a fed shape", [floats([2, 6]), given("int32", [3, -1])], { free: ["fixed"] }),
];

const ensured: OpCase[] = [
  opCase("EnsureShape", "", [floats([2, 3]), axes([2, 3])]),
  opCase("EnsureShape", "another", [floats([2, 3]), axes([2, 4])], { tfjsThrows: /EnsureShape/ }),
];

const PADS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[3], [1, 2]],
  [
    [2, 3],
    [0, 1, 2, 0],
  ],
  [
    [2, 4, 5, 3],
    [0, 0, 1, 2, 2, 1, 0, 0],
  ],
  [
    [2, 4, 5, 3],
    [0, 1, 0, 0, 0, 0, 2, 1],
  ],
  [
    [2, 3, 1, 2, 2],
    [0, 0, 1, 0, 0, 1, 0, 0, 1, 1],
  ],
  [
    [2, 1, 2, 1, 2, 2],
    [0, 0, 1, 0, 0, 1, 0, 0, 1, 1, 0, 2],
  ],
  [
    [2, 3],
    [0, 0, 0, 0],
  ],
  [
    [0, 3],
    [0, 1, 1, 0],
  ],
];

function pairs(values: readonly number[]): ReturnType<typeof axes> {
  return axes(values, [values.length / 2, 2]);
}

const padded: OpCase[] = PADS.flatMap(([shape, pads]) => [
  opCase("Pad", `[${shape.join()}] by ${pads.join()}`, [floats(shape), pairs(pads)]),
  opCase("Pad", `int32 [${shape.join()}] by ${pads.join()}`, [ints(shape), pairs(pads)]),
  opCase("PadV2", `[${shape.join()}] by ${pads.join()}`, [floats(shape), pairs(pads), scalar(1.5, "float32")]),
  opCase("PadV2", `int32 [${shape.join()}] by ${pads.join()}`, [ints(shape), pairs(pads), scalar(-7)]),
]);

const otherPads: OpCase[] = [
  opCase("Pad", "constant_value", [floats([2, 3]), pairs([1, 0, 0, 2])], {
    attrs: { constant_value: attr.float(2.5) },
  }),
  opCase("PadV2", "negative infinity", [
    floats([2, 3]),
    pairs([1, 0, 0, 2]),
    scalar(Number.NEGATIVE_INFINITY, "float32"),
  ]),
  opCase("PadV2", "computed value", [floats([2, 3]), pairs([1, 0, 0, 2]), given("float32", [4], [])]),
  opCase("Pad", "bool", [bools([2, 3]), pairs([1, 0, 0, 2])]),
  opCase("Pad", "computed paddings", [floats([2, 3]), given("int32", [1, 0, 0, 2], [2, 2])], {
    free: ["fixed"],
  }),
  opCase("Pad", "a scalar", [floats([]), axes([], [0, 2])], { tfjsThrows: /./ }),
];

const mirrored: OpCase[] = (["REFLECT", "SYMMETRIC"] as const).flatMap((mode) => [
  ...[
    { shape: [4], pads: [2, 3] },
    { shape: [3, 4], pads: [1, 2, 0, 3] },
    { shape: [2, 4, 5, 3], pads: [0, 0, 1, 2, 2, 1, 0, 0] },
    { shape: [2, 3, 2, 3, 2], pads: [0, 0, 1, 2, 0, 0, 2, 1, 0, 0] },
    { shape: [2, 3], pads: [0, 0, 0, 0] },
  ].map(({ shape, pads }) =>
    opCase("MirrorPad", `${mode} [${shape.join()}] by ${pads.join()}`, [floats(shape), pairs(pads)], {
      attrs: { mode: attr.string(mode) },
    }),
  ),
  opCase(
    "MirrorPad",
    `${mode} by computed paddings`,
    [floats([2, 4, 5, 3]), given("int32", [0, 0, 1, 2, 2, 1, 0, 0], [4, 2])],
    { attrs: { mode: attr.string(mode) }, free: ["fixed"] },
  ),
  opCase("MirrorPad", `${mode} int32`, [ints([3, 4]), pairs([1, 2, 0, 3])], { attrs: { mode: attr.string(mode) } }),
]);

const mirroredWhole: OpCase = opCase("MirrorPad", "SYMMETRIC by the whole size", [floats([3]), pairs([3, 3])], {
  attrs: { mode: attr.string("SYMMETRIC") },
});

const blocks: OpCase[] = [
  { shape: [2, 4, 6, 3], block: [2, 3], pads: [0, 0, 0, 0] },
  { shape: [2, 5, 7, 3], block: [2, 2], pads: [0, 1, 1, 0] },
  { shape: [1, 4, 4, 1], block: [2, 2], pads: [2, 2, 0, 0] },
  { shape: [2, 6, 3], block: [3], pads: [0, 0] },
  { shape: [2, 5, 3], block: [2], pads: [1, 0] },
  { shape: [2, 4, 6, 4, 2], block: [2, 3, 2], pads: [0, 0, 0, 0, 0, 0] },
].map(({ shape, block, pads }) =>
  opCase("SpaceToBatchND", `[${shape.join()}] in ${block.join()} padded ${pads.join()}`, [
    floats(shape),
    axes(block),
    pairs(pads),
  ]),
);

const unblocked: OpCase[] = [
  { shape: [12, 2, 2, 3], block: [2, 3], crops: [0, 0, 0, 0] },
  { shape: [8, 3, 4, 3], block: [2, 2], crops: [0, 1, 1, 0] },
  { shape: [6, 2, 3], block: [3], crops: [0, 0] },
  { shape: [4, 3, 3], block: [2], crops: [1, 1] },
  { shape: [12, 2, 2, 2, 2], block: [2, 3, 2], crops: [0, 0, 0, 0, 0, 0] },
].map(({ shape, block, crops }) =>
  opCase("BatchToSpaceND", `[${shape.join()}] in ${block.join()} cropped ${crops.join()}`, [
    floats(shape),
    axes(block),
    pairs(crops),
  ]),
);

const NHWC = { strides: attr.ints([1, 1, 1, 1]), dilations: attr.ints([1, 1, 1, 1]), data_format: attr.string("NHWC") };

interface Dilated {
  readonly name: string;
  readonly pads: readonly number[];
  readonly crops: readonly number[];
  readonly padding?: "VALID" | "SAME";
  readonly op?: "Conv2D" | "DepthwiseConv2dNative";
  readonly crop?: "block" | "other";
}

/** Dilated convolutions as TensorFlow writes them, and nodes that look like one but are not. */
const dilated: OpCase[] = [
  ...[
    { name: "", pads: [2, 3, 2, 3], crops: [0, 1, 0, 1] },
    { name: "of each channel", pads: [2, 3, 2, 3], crops: [0, 1, 1, 2], op: "DepthwiseConv2dNative" as const },
    { name: "that is cropped by more than it is padded", pads: [0, 1, 2, 3], crops: [1, 1, 0, 1] },
    { name: "that pads", pads: [0, 1, 0, 1], crops: [0, 1, 0, 0], padding: "SAME" as const },
    { name: "that ends in other blocks", pads: [2, 3, 2, 3], crops: [0, 0, 0, 0], crop: "other" as const },
  ].map(({ name, pads, crops, padding = "VALID", op = "Conv2D", crop = "block" }: Dilated) =>
    graphCase(
      "SpaceToBatchND",
      `around a convolution ${name}`.trim(),
      {
        x: floats([2, 7, 9, 3]),
        kernel: constant(floats([3, 3, 3, 4])),
        block: axes([2, 2]),
        other: axes([4, 1]),
        pads: pairs(pads),
        crops: pairs(crops),
      },
      [
        node("SpaceToBatchND", "split", ["x", "block", "pads"]),
        node(op, "conv", ["split", "kernel"], { ...NHWC, padding: attr.string(padding) }),
        node("BatchToSpaceND", "op", ["conv", crop, "crops"]),
      ],
      { fetch: ["op"], free: ["fixed", "batch"] },
    ),
  ),
  graphCase(
    "SpaceToBatchND",
    "around a convolution of a sequence",
    {
      x: floats([2, 7, 3]),
      kernel: constant(floats([1, 3, 3, 4])),
      block: axes([2]),
      pads: pairs([4, 1]),
      crops: pairs([0, 1]),
      row: axes([-3]),
    },
    [
      node("SpaceToBatchND", "split", ["x", "block", "pads"]),
      node("ExpandDims", "wide", ["split", "row"]),
      node("Conv2D", "conv", ["wide", "kernel"], { ...NHWC, padding: attr.string("VALID") }),
      node("Squeeze", "narrow", ["conv"], { squeeze_dims: attr.ints([1]) }),
      node("BatchToSpaceND", "op", ["narrow", "block", "crops"]),
    ],
    { fetch: ["op"], free: ["fixed", "batch"] },
  ),
];

const depths: OpCase[] = [
  { shape: [2, 3, 4, 8], block: 2, format: "NHWC" },
  { shape: [2, 2, 3, 18], block: 3, format: "NHWC" },
  { shape: [2, 8, 3, 4], block: 2, format: "NCHW" },
].map(({ shape, block, format }) =>
  opCase("DepthToSpace", `${format} in ${block}`, [floats(shape)], {
    attrs: { block_size: attr.int(block), data_format: attr.string(format) },
    // TF.js's WebGL and WASM backends do compute it.
    ...(format === "NCHW" ? { tfjsThrows: /Only NHWC dataFormat supported on CPU/ } : {}),
  }),
);

const broadcast: OpCase[] = [
  { from: [], to: [2, 3] },
  { from: [3], to: [2, 3] },
  { from: [1, 3], to: [2, 3] },
  { from: [2, 1], to: [2, 3] },
  { from: [2, 1, 1], to: [2, 3, 4] },
  { from: [1, 3, 1], to: [2, 2, 3, 4] },
  { from: [2, 3], to: [2, 3] },
].flatMap(({ from, to }) => [
  opCase("BroadcastTo", `[${from.join()}] to [${to.join()}]`, [floats(from), axes(to)]),
  opCase("BroadcastTo", `int32 [${from.join()}] to [${to.join()}]`, [ints(from), axes(to)]),
]);

const broadcastArgs: OpCase[] = [
  { a: [2, 3], b: [3] },
  { a: [1, 3], b: [2, 1] },
  { a: [5], b: [4, 3, 1] },
  { a: [2, 3], b: [2, 3] },
].flatMap(({ a, b }) => [
  opCase("BroadcastArgs", `[${a.join()}] [${b.join()}]`, [axes(a), axes(b)]),
  opCase("BroadcastArgs", `fed [${a.join()}] [${b.join()}]`, [given("int32", a), given("int32", b)], {
    free: ["fixed"],
  }),
]);

const everyRank: OpCase[] = RANKS.map((shape) =>
  opCase("Cast", `[${shape.join()}] to int32`, [floats(shape)], { attrs: { DstT: attr.type("int32") } }),
);

export const transformation: readonly OpCase[] = [
  ...casts,
  ...everyRank,
  ...expanded,
  ...squeezed,
  ...noSqueeze,
  ...reshaped,
  ...computedShapes,
  ...ensured,
  ...padded,
  ...otherPads,
  ...mirrored,
  mirroredWhole,
  ...blocks,
  ...unblocked,
  ...dilated,
  ...depths,
  ...broadcast,
  ...broadcastArgs,
];
