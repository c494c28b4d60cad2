import { constant, floats, given, ints, specials } from "../case-values.ts";
import { attr, opCase, type CaseInput, type OpCase } from "../op-case.ts";
import { euclideanNorm } from "./reduction.ts";

const BATCH_NORMS = ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"] as const;

function statistics(channels: number, make: (input: CaseInput) => CaseInput): CaseInput[] {
  return [
    make(floats([channels], 0.5, 2)),
    make(floats([channels])),
    make(floats([channels])),
    make(floats([channels], 0.2, 2)),
  ];
}

const batchNorms: OpCase[] = BATCH_NORMS.flatMap((op) => [
  opCase(op, "", [floats([2, 4, 5, 3]), ...statistics(3, constant)], {
    attrs: { epsilon: attr.float(0.01), data_format: attr.string("NHWC"), is_training: attr.bool(false) },
  }),
  opCase(op, "default epsilon", [floats([2, 4, 5, 3]), ...statistics(3, constant)]),
  opCase(op, "small variances", [
    floats([2, 4, 5, 3]),
    constant(floats([3])),
    constant(floats([3])),
    constant(floats([3])),
    constant(given("float32", [0, 1e-5, 1e-3])),
  ]),
  opCase(op, "computed statistics", [floats([2, 4, 5, 3]), ...statistics(3, (input) => input)], {
    free: ["fixed", "batch"],
  }),
  // TF.js ignores the data format: the statistics belong to the last axis.
  opCase(op, "NCHW", [floats([2, 4, 5, 3]), ...statistics(3, constant)], {
    attrs: { data_format: attr.string("NCHW") },
  }),
  opCase(
    op,
    "of training, which gets no statistics",
    [
      floats([2, 4, 5, 3]),
      constant(floats([3])),
      constant(floats([3])),
      constant(given("float32", [])),
      constant(given("float32", [])),
    ],
    { attrs: { is_training: attr.bool(true) }, refused: /no mean and variance/ },
  ),
  opCase(op, "of vectors", [floats([4, 3]), ...statistics(3, constant)]),
  opCase(op, "of rank 3", [floats([2, 4, 3]), ...statistics(3, constant)]),
  opCase(op, "no images", [floats([0, 4, 5, 3]), ...statistics(3, constant)]),
]);

const lrn: OpCase[] = [
  opCase("LRN", "", [floats([2, 3, 4, 7])]),
  ...[0, 1, 2, 8].map((radius) =>
    opCase("LRN", `radius ${radius}`, [floats([2, 3, 4, 7])], {
      attrs: {
        depth_radius: attr.int(radius),
        bias: attr.float(1.5),
        alpha: attr.float(0.3),
        beta: attr.float(0.75),
      },
    }),
  ),
];

const softmaxes: OpCase[] = (["Softmax", "LogSoftmax"] as const).flatMap((op) => [
  ...[[5], [2, 3], [2, 3, 4], [2, 3, 4, 5], [2, 1, 2, 3, 2], [2, 1], [0, 3]].map((shape) =>
    opCase(op, `[${shape.join()}]`, [floats(shape, -5, 5)]),
  ),
  opCase(op, "large", [given("float32", [100, 200, -300, 1000, 1000, 999], [2, 3])]),
  opCase(op, "infinite", [given("float32", [Number.NEGATIVE_INFINITY, 1, 2, Number.NaN, 1, 2], [2, 3])]),
  opCase(op, "specials", [specials()]),
]);

const integers: OpCase[] = [
  opCase("Softmax", "int32", [ints([2, 3])], { tfjsThrows: /must be float32/ }),
  opCase("LogSoftmax", "int32", [ints([2, 3])]),
];

export const normalization: readonly OpCase[] = [...batchNorms, ...lrn, ...softmaxes, ...integers, ...euclideanNorm];
