import { constant, floats, given, ints, axes } from "../case-values.ts";
import { attr, opCase, type CaseAttr, type CaseAttrs, type CaseInput, type OpCase } from "../op-case.ts";

/** NHWC images with H != W, batch > 1. */
const IMAGE = [2, 7, 9, 3] as const;

function windowed(
  strides: readonly number[],
  padding: string,
  dilations: readonly number[],
  extra: CaseAttrs = {},
): CaseAttrs {
  return {
    strides: attr.ints([1, ...strides, 1]),
    padding: attr.string(padding),
    dilations: attr.ints([1, ...dilations, 1]),
    data_format: attr.string("NHWC"),
    ...extra,
  };
}

/** Kernel, strides, padding, dilations: those that differ in where SAME pads. */
const WINDOWS: readonly {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: "SAME" | "VALID";
  readonly dilations: readonly [number, number];
}[] = [
  { kernel: [1, 1], strides: [1, 1], padding: "VALID", dilations: [1, 1] },
  { kernel: [1, 1], strides: [2, 2], padding: "SAME", dilations: [1, 1] },
  { kernel: [3, 3], strides: [1, 1], padding: "SAME", dilations: [1, 1] },
  { kernel: [3, 3], strides: [1, 1], padding: "VALID", dilations: [1, 1] },
  { kernel: [3, 3], strides: [2, 2], padding: "SAME", dilations: [1, 1] },
  { kernel: [3, 3], strides: [2, 2], padding: "VALID", dilations: [1, 1] },
  { kernel: [2, 3], strides: [2, 2], padding: "SAME", dilations: [1, 1] },
  { kernel: [4, 2], strides: [1, 1], padding: "SAME", dilations: [1, 1] },
  { kernel: [5, 3], strides: [3, 3], padding: "SAME", dilations: [1, 1] },
  { kernel: [2, 2], strides: [3, 3], padding: "SAME", dilations: [1, 1] },
  { kernel: [3, 2], strides: [1, 1], padding: "SAME", dilations: [2, 2] },
  { kernel: [2, 3], strides: [1, 1], padding: "VALID", dilations: [2, 2] },
];

const UNEVEN: typeof WINDOWS = [
  { kernel: [3, 3], strides: [2, 1], padding: "SAME", dilations: [1, 1] },
  { kernel: [3, 2], strides: [1, 2], padding: "VALID", dilations: [1, 1] },
  { kernel: [3, 2], strides: [1, 1], padding: "SAME", dilations: [2, 3] },
];

function named({ kernel, strides, padding, dilations }: (typeof WINDOWS)[number]): string {
  return `${kernel.join("x")} stride ${strides.join()} ${padding} dilation ${dilations.join()}`;
}

/** A filter that is fed must have a known shape. */
const fixedChannels = ["fixed"] as const;

function convolved(op: string, filter: (kernel: readonly number[]) => readonly number[], name = ""): OpCase[] {
  const windows = op.startsWith("Conv2D") ? [...WINDOWS, ...UNEVEN] : WINDOWS;
  return [
    ...windows.map((window) =>
      opCase(op, named(window) + name, [floats(IMAGE), constant(floats(filter(window.kernel)))], {
        attrs: windowed(window.strides, window.padding, window.dilations),
      }),
    ),
    opCase(op, `computed filter${name}`, [floats(IMAGE), floats(filter([3, 3]))], {
      attrs: windowed([1, 1], "SAME", [1, 1]),
      free: fixedChannels,
    }),
    ...[
      [0, 0, 1, 2, 0, 1, 0, 0],
      [0, 0, 0, 0, 3, 3, 0, 0],
      [0, 0, 2, 2, 1, 1, 0, 0],
    ].map((pads) =>
      opCase(op, `explicit ${pads.join()}${name}`, [floats(IMAGE), constant(floats(filter([3, 3])))], {
        attrs: windowed([2, 2], "EXPLICIT", [1, 1], { explicit_paddings: attr.ints(pads) }),
      }),
    ),
    opCase(op, `no images${name}`, [floats([0, 7, 9, 3]), constant(floats(filter([3, 3])))], {
      attrs: windowed([1, 1], "SAME", [1, 1]),
    }),
  ];
}

const conv2d: OpCase[] = [
  ...convolved("Conv2D", (kernel) => [...kernel, 3, 4]),
  opCase("Conv2D", "one output channel", [floats(IMAGE), constant(floats([3, 3, 3, 1]))], {
    attrs: windowed([1, 1], "SAME", [1, 1]),
  }),
  opCase("Conv2D", "default data format", [floats(IMAGE), constant(floats([3, 3, 3, 4]))], {
    attrs: {
      strides: attr.ints([1, 1, 1, 1]),
      padding: attr.string("SAME"),
      dilations: attr.ints([1, 1, 1, 1]),
    },
  }),
  ...(["SAME", "VALID"] as const).flatMap((padding) =>
    [1, 2].map((stride) =>
      opCase("Conv2D", `NCHW ${padding} stride ${stride}`, [floats([2, 3, 7, 9]), constant(floats([3, 3, 3, 4]))], {
        attrs: {
          strides: attr.ints([1, 1, stride, stride]),
          padding: attr.string(padding),
          dilations: attr.ints([1, 1, 1, 1]),
          data_format: attr.string("NCHW"),
        },
        // TF.js reads the strides at 1 and 2 whatever the data format, so NCHW strides of 1, 1, 2, 2 become 1, 2.
      }),
    ),
  ),
];

/** TF.js reads the channels of an input whose channel count is a multiple of the filter's in groups. */
const grouped: OpCase[] = [
  opCase("Conv2D", "groups", [floats([2, 7, 9, 4]), constant(floats([3, 3, 2, 6]))], {
    attrs: windowed([1, 1], "SAME", [1, 1]),
    tfjsThrows: /depth of input/,
  }),
];

const depthwise: OpCase[] = ["DepthwiseConv2dNative", "DepthwiseConv2d"].flatMap((op) => [
  ...convolved(op, (kernel) => [...kernel, 3, 1], " multiplier 1"),
  ...convolved(op, (kernel) => [...kernel, 3, 2], " multiplier 2"),
]);

const FUSED: readonly (readonly [readonly string[], CaseAttrs])[] = [
  [[], {}],
  [["BiasAdd"], {}],
  [["BiasAdd", "Relu"], {}],
  [["BiasAdd", "Relu6"], {}],
  [["BiasAdd", "Elu"], {}],
  [["BiasAdd", "Sigmoid"], {}],
  [["BiasAdd", "LeakyRelu"], {}],
  [["BiasAdd", "LeakyRelu"], { leakyrelu_alpha: attr.float(0.35) }],
  [["BiasAdd", "Prelu"], {}],
];

export function fusedName([ops, attrs]: (typeof FUSED)[number]): string {
  return (ops.join(" ") || "nothing") + (Object.keys(attrs).length > 0 ? " own alpha" : "");
}

function fusedArgs(ops: readonly string[], channels: number): CaseInput[] {
  const args: CaseInput[] = [];
  if (ops[0] === "BiasAdd") args.push(constant(floats([channels])));
  if (ops[1] === "Prelu") args.push(constant(floats([channels], 0, 1)));
  return args;
}

export function fusedAttrs([ops, attrs]: (typeof FUSED)[number], args: number): CaseAttrs {
  const numArgs: CaseAttr = attr.int(args);
  return { ...attrs, fused_ops: attr.strings(ops), num_args: numArgs };
}

function fused(op: string, filter: readonly number[], channels: number): OpCase[] {
  const base = FUSED.flatMap((given_) => {
    const args = fusedArgs(given_[0], channels);
    const inputs = [floats(IMAGE), constant(floats(filter)), ...args];
    const own = fusedAttrs(given_, args.length);
    // TF.js's table of ops leaves out the slope of this one, so that all that is negative comes out as NaN.
    const isLost = op === "FusedDepthwiseConv2dNative" && given_[0][1] === "LeakyRelu";
    const settings = isLost ? { skipped: "TF.js gives NaN for all that is negative; TensorFlow does not" } : {};
    return [
      opCase(op, `${fusedName(given_)} SAME`, inputs, {
        attrs: { ...windowed([1, 1], "SAME", [1, 1]), ...own },
        ...settings,
      }),
      opCase(op, `${fusedName(given_)} stride 2`, inputs, {
        attrs: { ...windowed([2, 2], "SAME", [1, 1]), ...own },
        ...settings,
      }),
    ];
  });
  const relu6 = fusedAttrs([["BiasAdd", "Relu6"], {}], 1);
  const bias = constant(floats([channels]));
  return [
    ...base,
    opCase(op, "explicit pads", [floats(IMAGE), constant(floats(filter)), bias], {
      attrs: {
        ...windowed([2, 2], "EXPLICIT", [1, 1], { explicit_paddings: attr.ints([0, 0, 1, 0, 2, 1, 0, 0]) }),
        ...relu6,
      },
    }),
    opCase(op, "dilated", [floats(IMAGE), constant(floats(filter)), bias], {
      attrs: { ...windowed([1, 1], "SAME", [2, 2]), ...relu6 },
    }),
    opCase(op, "computed bias", [floats(IMAGE), constant(floats(filter)), floats([channels])], {
      attrs: { ...windowed([1, 1], "SAME", [1, 1]), ...relu6 },
      free: fixedChannels,
    }),
    opCase(op, "bias of one element", [floats(IMAGE), constant(floats(filter)), constant(floats([1]))], {
      attrs: { ...windowed([1, 1], "SAME", [1, 1]), ...relu6 },
    }),
    opCase(
      op,
      "batch normalisation",
      [floats(IMAGE), constant(floats(filter)), ...Array.from({ length: 4 }, () => bias)],
      {
        attrs: { ...windowed([1, 1], "SAME", [1, 1]), ...fusedAttrs([["FusedBatchNorm"], {}], 4) },
        tfjsThrows: /not supported/,
      },
    ),
  ];
}

const transposed: OpCase[] = [
  {
    kernel: [3, 3],
    strides: [2, 2],
    padding: "SAME",
    sizes: [
      [13, 17],
      [14, 18],
    ],
  },
  { kernel: [2, 2], strides: [2, 2], padding: "SAME", sizes: [[14, 18]] },
  { kernel: [4, 4], strides: [2, 2], padding: "SAME", sizes: [[14, 18]] },
  { kernel: [5, 3], strides: [1, 1], padding: "SAME", sizes: [[7, 9]] },
  {
    kernel: [3, 3],
    strides: [3, 3],
    padding: "SAME",
    sizes: [
      [21, 27],
      [19, 25],
    ],
  },
  { kernel: [2, 2], strides: [3, 3], padding: "SAME", sizes: [[21, 27]] },
  { kernel: [3, 3], strides: [1, 1], padding: "VALID", sizes: [[9, 11]] },
  {
    kernel: [3, 3],
    strides: [2, 2],
    padding: "VALID",
    sizes: [
      [15, 19],
      [16, 20],
    ],
  },
  {
    kernel: [2, 2],
    strides: [3, 3],
    padding: "VALID",
    sizes: [
      [20, 26],
      [21, 27],
    ],
  },
].flatMap(({ kernel, strides, padding, sizes }) =>
  sizes.map((size) =>
    opCase(
      "Conv2DBackpropInput",
      `${kernel.join("x")} stride ${strides.join()} ${padding} to ${size.join()}`,
      [axes([2, ...size, 4]), constant(floats([...kernel, 4, 3])), floats(IMAGE)],
      {
        attrs: {
          strides: attr.ints([1, ...strides, 1]),
          padding: attr.string(padding),
          dilations: attr.ints([1, 1, 1, 1]),
          data_format: attr.string("NHWC"),
        },
        free: ["fixed"],
      },
    ),
  ),
);

const transposedExplicit: OpCase[] = [
  opCase(
    "Conv2DBackpropInput",
    "explicit pads",
    [axes([2, 12, 17, 4]), constant(floats([3, 3, 4, 3])), floats(IMAGE)],
    {
      attrs: {
        strides: attr.ints([1, 2, 2, 1]),
        padding: attr.string("EXPLICIT"),
        explicit_paddings: attr.ints([0, 0, 1, 2, 0, 2, 0, 0]),
        data_format: attr.string("NHWC"),
      },
      free: ["fixed"],
    },
  ),
];

const conv1d: OpCase[] = [
  { kernel: 3, stride: 1, padding: "SAME", dilation: 1 },
  { kernel: 3, stride: 2, padding: "SAME", dilation: 1 },
  { kernel: 2, stride: 3, padding: "VALID", dilation: 1 },
  { kernel: 3, stride: 1, padding: "SAME", dilation: 2 },
].map(({ kernel, stride, padding, dilation }) =>
  opCase(
    "Conv1D",
    `${kernel} stride ${stride} ${padding} dilation ${dilation}`,
    [floats([2, 9, 3]), constant(floats([kernel, 3, 4]))],
    {
      attrs: {
        stride: attr.int(stride),
        padding: attr.string(padding),
        dilation: attr.int(dilation),
        data_format: attr.string("NWC"),
      },
    },
  ),
);

const conv3d: OpCase[] = [
  { kernel: [2, 3, 3], strides: [1, 1, 1], padding: "SAME", dilations: [1, 1, 1] },
  { kernel: [2, 2, 3], strides: [2, 2, 2], padding: "SAME", dilations: [1, 1, 1] },
  { kernel: [2, 2, 2], strides: [1, 2, 1], padding: "VALID", dilations: [1, 1, 1] },
  { kernel: [2, 2, 2], strides: [1, 1, 1], padding: "VALID", dilations: [1, 2, 2] },
].map(({ kernel, strides, padding, dilations }) =>
  opCase(
    "Conv3D",
    `${kernel.join("x")} stride ${strides.join()} ${padding} dilation ${dilations.join()}`,
    [floats([2, 4, 5, 6, 2]), constant(floats([...kernel, 2, 3]))],
    { attrs: { ...windowed(strides, padding, dilations), data_format: attr.string("NDHWC") } },
  ),
);

interface PoolWindow {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly padding: string;
}

const POOLS: readonly PoolWindow[] = [
  { kernel: [2, 2], strides: [2, 2], padding: "VALID" },
  { kernel: [2, 2], strides: [2, 2], padding: "SAME" },
  { kernel: [3, 3], strides: [2, 2], padding: "SAME" },
  { kernel: [3, 3], strides: [2, 2], padding: "VALID" },
  { kernel: [3, 3], strides: [1, 1], padding: "SAME" },
  { kernel: [2, 3], strides: [1, 2], padding: "SAME" },
  { kernel: [2, 2], strides: [3, 3], padding: "SAME" },
  { kernel: [4, 2], strides: [1, 1], padding: "SAME" },
  { kernel: [7, 9], strides: [1, 1], padding: "VALID" },
  { kernel: [1, 1], strides: [1, 1], padding: "SAME" },
  { kernel: [1, 1], strides: [2, 2], padding: "SAME" },
];

function pooling({ kernel, strides, padding }: PoolWindow, extra: CaseAttrs = {}): CaseAttrs {
  return {
    ksize: attr.ints([1, ...kernel, 1]),
    strides: attr.ints([1, ...strides, 1]),
    padding: attr.string(padding),
    ...extra,
  };
}

function poolName({ kernel, strides, padding }: PoolWindow): string {
  return `${kernel.join("x")} stride ${strides.join()} ${padding}`;
}

const NEGATIVE = (): CaseInput => floats(IMAGE, -3, -1);

const pools: OpCase[] = ["AvgPool", "MaxPool"].flatMap((op) => [
  ...POOLS.flatMap((window) => [
    opCase(op, poolName(window), [floats(IMAGE)], { attrs: pooling(window) }),
    opCase(op, `${poolName(window)} of negative numbers`, [NEGATIVE()], { attrs: pooling(window) }),
  ]),
  // TF.js ignores the data format of pools: the first of two axes in the middle is H.
  opCase(op, "NCHW", [floats([2, 7, 9, 3])], {
    attrs: pooling({ kernel: [2, 2], strides: [2, 2], padding: "SAME" }, { data_format: attr.string("NCHW") }),
  }),
  opCase(op, "no images", [floats([0, 7, 9, 3])], {
    attrs: pooling({ kernel: [2, 2], strides: [2, 2], padding: "SAME" }),
  }),
  opCase(op, "NaN", [given("float32", [1, 2, Number.NaN, 4, 5, 6, 7, 8, 9, 10, 11, 12], [1, 3, 4, 1])], {
    attrs: pooling({ kernel: [2, 2], strides: [1, 1], padding: "SAME" }),
    ...(op === "MaxPool"
      ? { skipped: "a NaN never wins in TF.js and on the CPU; in ONNX Runtime's WASM kernel it always does" }
      : {}),
  }),
]);

const wholePools: OpCase[] = [
  opCase("MaxPool", "int32", [ints(IMAGE)], {
    attrs: pooling({ kernel: [2, 2], strides: [2, 2], padding: "SAME" }),
  }),
  opCase("AvgPool", "int32", [ints(IMAGE)], {
    attrs: pooling({ kernel: [2, 2], strides: [2, 2], padding: "SAME" }),
    tfjsThrows: /must be float32/,
  }),
];

const argmax: OpCase[] = POOLS.flatMap((window) =>
  [false, true].map((batch) =>
    opCase("MaxPoolWithArgmax", `${poolName(window)}${batch ? " with batch" : ""}`, [floats(IMAGE)], {
      attrs: pooling(window, { include_batch_in_index: attr.bool(batch) }),
      outputs: 2,
    }),
  ),
);

const pools3d: OpCase[] = ["AvgPool3D", "MaxPool3D"].flatMap((op) =>
  [
    { kernel: [2, 2, 2], strides: [2, 2, 2], padding: "VALID" },
    { kernel: [2, 2, 2], strides: [2, 2, 2], padding: "SAME" },
    { kernel: [3, 2, 3], strides: [1, 2, 1], padding: "SAME" },
    { kernel: [1, 3, 3], strides: [1, 1, 1], padding: "VALID" },
  ].flatMap((window) => [
    opCase(op, poolName(window), [floats([2, 4, 5, 6, 3])], { attrs: pooling(window) }),
    opCase(op, `${poolName(window)} of negative numbers`, [floats([2, 4, 5, 6, 3], -3, -1)], {
      attrs: pooling(window),
    }),
  ]),
);

const dilation: OpCase[] = [
  { kernel: [2, 2], strides: [1, 1], padding: "VALID", rates: [1, 1] },
  { kernel: [3, 3], strides: [1, 1], padding: "SAME", rates: [1, 1] },
  { kernel: [3, 2], strides: [2, 2], padding: "SAME", rates: [1, 1] },
  { kernel: [2, 2], strides: [1, 1], padding: "SAME", rates: [2, 2] },
  { kernel: [2, 3], strides: [2, 1], padding: "VALID", rates: [1, 2] },
].map(({ kernel, strides, padding, rates }) =>
  opCase(
    "Dilation2D",
    `${kernel.join("x")} stride ${strides.join()} ${padding} rate ${rates.join()}`,
    [floats(IMAGE), constant(floats([...kernel, 3]))],
    {
      attrs: {
        strides: attr.ints([1, ...strides, 1]),
        rates: attr.ints([1, ...rates, 1]),
        padding: attr.string(padding),
      },
    },
  ),
);

export const convolution: readonly OpCase[] = [
  ...conv2d,
  ...grouped,
  ...depthwise,
  ...fused("_FusedConv2D", [3, 3, 3, 4], 4),
  ...fused("FusedDepthwiseConv2dNative", [3, 3, 3, 1], 3),
  ...fused("FusedDepthwiseConv2dNative", [3, 2, 3, 2], 6).map((given_) => ({
    ...given_,
    name: `${given_.name} doubled`,
  })),
  ...transposed,
  ...transposedExplicit,
  ...conv1d,
  ...conv3d,
  ...pools,
  ...wholePools,
  ...argmax,
  ...pools3d,
  ...dilation,
];
