import * as tf from "@tensorflow/tfjs";

import { axes, floats, given, scalar } from "../case-values.ts";
import { attr, opCase, type OpCase } from "../op-case.ts";

/**
 * TF.js 4.22 has executors and kernels of these, but leaves them out of its table of ops: a Graph model with one throws
 * "Unknown op". With the kernels registered by hand, it runs.
 */
tf.registerOp("RaggedGather", ({ inputs, attrs }) => {
  const { outputNestedSplits, outputDenseValues } = tf.raggedGather(
    inputs.slice(0, -2),
    at(inputs, -2),
    at(inputs, -1),
    Number(attrs["OUTPUT_RAGGED_RANK"]),
  );
  return [...outputNestedSplits, outputDenseValues];
});
tf.registerOp("RaggedRange", ({ inputs }) => {
  const { rtNestedSplits, rtDenseValues } = tf.raggedRange(at(inputs, 0), at(inputs, 1), at(inputs, 2));
  return [at([rtNestedSplits], 0), at([rtDenseValues], 0)];
});
tf.registerOp("RaggedTensorToTensor", ({ inputs, attrs }) => {
  const types: unknown = attrs["row_partition_types"];
  if (!Array.isArray(types)) throw new TypeError("row_partition_types must be a list");
  return tf.raggedTensorToTensor(
    at(inputs, 0),
    at(inputs, 1),
    at(inputs, 2),
    inputs.slice(3),
    types.map(String).map((type) => type.toUpperCase()),
  );
});

function at(inputs: readonly (tf.Tensor | undefined)[], index: number): tf.Tensor {
  const input = inputs.at(index);
  if (input === undefined) throw new TypeError(`no input ${index}`);
  return input;
}

const gathered: OpCase[] = [
  opCase("RaggedGather", "one level", [given("int32", [0, 3, 3, 7, 9]), floats([9]), given("int32", [2, 1, 0, 3])], {
    attrs: { OUTPUT_RAGGED_RANK: attr.int(1), PARAMS_RAGGED_RANK: attr.int(1) },
    outputs: 2,
  }),
  opCase("RaggedGather", "rows of vectors", [given("int32", [0, 2, 5]), floats([5, 3]), given("int32", [1, 0, 1])], {
    attrs: { OUTPUT_RAGGED_RANK: attr.int(1), PARAMS_RAGGED_RANK: attr.int(1) },
    outputs: 2,
  }),
  opCase(
    "RaggedGather",
    "two levels",
    [given("int32", [0, 3, 3, 5]), given("int32", [0, 3, 3, 7, 9, 10]), floats([10]), given("int32", [2, 1, 0])],
    { attrs: { OUTPUT_RAGGED_RANK: attr.int(2), PARAMS_RAGGED_RANK: attr.int(2) }, outputs: 3 },
  ),
  opCase(
    "RaggedGather",
    "a table of indices",
    [given("int32", [0, 3, 3, 5]), floats([5, 2]), given("int32", [2, 1, 0, 0, 2, 2], [3, 2])],
    { attrs: { OUTPUT_RAGGED_RANK: attr.int(2), PARAMS_RAGGED_RANK: attr.int(1) }, outputs: 3 },
  ),
];

const ranged: OpCase[] = [
  opCase("RaggedRange", "", [given("int32", [0, 5, 8]), given("int32", [3, 7, 8]), given("int32", [1, 1, 1])], {
    outputs: 2,
  }),
  opCase("RaggedRange", "scalars", [scalar(0), given("int32", [3, 0, 2]), scalar(1)], { outputs: 2 }),
  opCase(
    "RaggedRange",
    "float32",
    [given("float32", [0, 5, 8]), given("float32", [3, 7, 2]), given("float32", [1, 0.5, -2])],
    { outputs: 2 },
  ),
];

const dense: OpCase[] = [
  opCase(
    "RaggedTensorToTensor",
    "row splits",
    [
      axes([4, 4]),
      given("float32", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
      scalar(1.5, "float32"),
      given("int32", [0, 3, 3, 7, 9]),
    ],
    { attrs: { row_partition_types: attr.strings(["ROW_SPLITS"]) } },
  ),
  opCase(
    "RaggedTensorToTensor",
    "first dimension and row ids",
    [
      axes([4, 4]),
      given("float32", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
      scalar(1.5, "float32"),
      scalar(4),
      given("int32", [0, 0, 0, 2, 2, 2, 2, 3, 3]),
    ],
    { attrs: { row_partition_types: attr.strings(["FIRST_DIM_SIZE", "VALUE_ROWIDS"]) } },
  ),
  opCase(
    "RaggedTensorToTensor",
    "no fixed shape",
    [axes([-1, -1]), given("int32", [1, 2, 3, 4, 5]), scalar(-1), given("int32", [0, 2, 2, 5])],
    { attrs: { row_partition_types: attr.strings(["ROW_SPLITS"]) } },
  ),
  opCase(
    "RaggedTensorToTensor",
    "cut short",
    [axes([3, 2]), given("float32", [1, 2, 3, 4, 5]), scalar(0, "float32"), given("int32", [0, 1, 1, 5])],
    { attrs: { row_partition_types: attr.strings(["ROW_SPLITS"]) } },
  ),
  opCase(
    "RaggedTensorToTensor",
    "two levels",
    [
      axes([-1, 2, -1]),
      floats([7]),
      scalar(0, "float32"),
      scalar(3),
      given("int32", [0, 0, 0, 2]),
      given("int32", [0, 2, 2, 6, 7]),
    ],
    { attrs: { row_partition_types: attr.strings(["FIRST_DIM_SIZE", "VALUE_ROWIDS", "ROW_SPLITS"]) } },
  ),
  opCase(
    "RaggedTensorToTensor",
    "rows of vectors",
    [axes([2, 3, 2]), floats([4, 2]), scalar(0, "float32"), given("int32", [0, 1, 4])],
    { attrs: { row_partition_types: attr.strings(["ROW_SPLITS"]) } },
  ),
];

export const ragged: readonly OpCase[] = [...gathered, ...ranged, ...dense];
