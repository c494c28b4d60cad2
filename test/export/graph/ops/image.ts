import { axes, constant, floats, given, ints, scalar } from "../case-values.ts";
import { attr, opCase, type OpCase } from "../op-case.ts";

const MODES = [
  { align: false, half: false },
  { align: true, half: false },
  { align: false, half: true },
] as const;

const SIZES = [
  [8, 10],
  [4, 5],
  [2, 3],
  [7, 4],
  [1, 1],
  [12, 15],
  [13, 16],
] as const;

const resized: OpCase[] = (["ResizeBilinear", "ResizeNearestNeighbor"] as const).flatMap((op) => [
  ...MODES.flatMap(({ align, half }) =>
    SIZES.map((size) =>
      opCase(
        op,
        `to ${size.join()}${align ? " aligned" : ""}${half ? " half pixel" : ""}`,
        [floats([2, 4, 5, 3]), axes(size)],
        {
          attrs: { align_corners: attr.bool(align), half_pixel_centers: attr.bool(half) },
        },
      ),
    ),
  ),
  opCase(op, "without attributes", [floats([2, 4, 5, 3]), axes([8, 10])]),
  opCase(op, "int32", [ints([2, 4, 5, 3]), axes([8, 10])]),
  opCase(op, "of one pixel", [floats([2, 1, 1, 3]), axes([3, 4])], { attrs: { align_corners: attr.bool(true) } }),
  opCase(op, "to a fed size", [floats([2, 4, 5, 3]), given("int32", [8, 10])], { free: ["fixed"] }),
]);

const BOXES = [
  [0, 0, 1, 1],
  [0.1, 0.2, 0.8, 0.9],
  [0.9, 0.8, 0.2, 0.1],
  [-0.3, -0.2, 1.4, 1.3],
  [0.25, 0.25, 0.25, 0.75],
].flat();

const crops: OpCase[] = ["bilinear", "nearest"].flatMap((method) =>
  [
    [3, 4],
    [1, 1],
    [1, 5],
    [8, 2],
  ].flatMap((size) => [
    opCase(
      "CropAndResize",
      `${method} to ${size.join()}`,
      [floats([2, 6, 7, 3]), given("float32", BOXES, [5, 4]), given("int32", [0, 1, 0, 1, 1]), axes(size)],
      { attrs: { method: attr.string(method) }, free: ["fixed", "batch", "all"] },
    ),
    opCase(
      "CropAndResize",
      `${method} to ${size.join()} extrapolated`,
      [
        floats([2, 6, 7, 3]),
        constant(given("float32", BOXES, [5, 4])),
        constant(given("int32", [0, 1, 0, 1, 1])),
        axes(size),
      ],
      { attrs: { method: attr.string(method), extrapolation_value: attr.float(-1.5) } },
    ),
  ]),
);

const noCrops: OpCase = opCase(
  "CropAndResize",
  "no boxes",
  [floats([2, 6, 7, 3]), floats([0, 4]), ints([0]), axes([3, 4])],
  { attrs: { method: attr.string("bilinear") } },
);

/** a0 a1 a2 b0 b1 b2 c0 c1: a turn, a shift, a shear, a perspective. */
const TRANSFORMS = [
  [1, 0, 0, 0, 1, 0, 0, 0],
  [1, 0, 1.5, 0, 1, -0.5, 0, 0],
  [0.8, 0.3, -1, -0.3, 0.9, 2, 0, 0],
  [1, 0.1, 0, 0.05, 1, 0, 0.02, 0.01],
  [2, 0, -3, 0, 0.5, 4, 0, 0],
];

const transforms: OpCase[] = ["NEAREST", "BILINEAR"].flatMap((interpolation) =>
  ["CONSTANT", "REFLECT", "WRAP", "NEAREST"].flatMap((fill) =>
    TRANSFORMS.filter((_, index) => fill === "CONSTANT" || index > 2).map((values, index) =>
      opCase(
        "ImageProjectiveTransformV3",
        `${interpolation} ${fill} ${index}`,
        [floats([1, 5, 6, 3]), given("float32", values, [1, 8]), axes([4, 7]), scalar(0.5, "float32")],
        { attrs: { interpolation: attr.string(interpolation), fill_mode: attr.string(fill) } },
      ),
    ),
  ),
);

const transformEach: OpCase = opCase(
  "ImageProjectiveTransformV3",
  "one transform an image",
  [
    floats([2, 5, 6, 3]),
    given("float32", [...(TRANSFORMS[2] ?? []), ...(TRANSFORMS[3] ?? [])], [2, 8]),
    axes([5, 6]),
    scalar(0, "float32"),
  ],
  {
    attrs: { interpolation: attr.string("BILINEAR"), fill_mode: attr.string("CONSTANT") },
    skipped: "TF.js's CPU kernel returns after the first image; TensorFlow and TF.js's other backends do not",
  },
);

export const image: readonly OpCase[] = [...resized, ...crops, noCrops, ...transforms, transformEach];
