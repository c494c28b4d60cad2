import { describe, expect, test } from "vitest";

import type { GraphBuilder } from "../../../src/export/build/builder.ts";
import { branch } from "../../../src/export/build/regions.ts";
import { graphPatterns } from "../../../src/export/graph/patterns.ts";
import { cast } from "../../../src/export/build/ops/elementwise.ts";
import type { GraphTensor } from "../../../src/export/ir/graph-tensor.ts";
import { absorbTransposeIntoDense } from "../../../src/export/passes/absorb-transpose.ts";
import { foldConstants } from "../../../src/export/passes/fold-constants.ts";
import { foldPadIntoConv } from "../../../src/export/passes/fold-pad-into-conv.ts";
import { foldScaleIntoNext } from "../../../src/export/passes/fold-scale-into-next.ts";
import { foldScaleIntoWeights, scaleBeforeBias } from "../../../src/export/passes/fold-scale.ts";
import { fuseGelu } from "../../../src/export/passes/fuse-gelu.ts";
import { fuseGemm } from "../../../src/export/passes/fuse-gemm.ts";
import { fuseHardSwish } from "../../../src/export/passes/fuse-hard-swish.ts";
import { fuseL2Norm } from "../../../src/export/passes/fuse-l2-norm.ts";
import { fuseNormalization } from "../../../src/export/passes/fuse-normalization.ts";
import { guardPaddedPooling } from "../../../src/export/passes/guard-padded-pooling.ts";
import { keepIntegerIndices } from "../../../src/export/passes/keep-integer-indices.ts";
import { keepReducedAxes } from "../../../src/export/passes/keep-reduced-axes.ts";
import { mergeConcats } from "../../../src/export/passes/merge-concats.ts";
import { mergeReshapes } from "../../../src/export/passes/merge-reshapes.ts";
import type { Pass } from "../../../src/export/passes/pass.ts";
import { pipeline } from "../../../src/export/passes/pipeline.ts";
import { shareEqualNodes } from "../../../src/export/passes/share-equal-nodes.ts";
import { float, int, ints } from "../../../src/onnx/model.ts";
import { first } from "../../../src/require.ts";
import { sizeOf } from "../../../src/tensor.ts";

import { expectPass, type PassCase } from "./pass-case.ts";

let seed = 1;

/** Numbers that differ from constant to constant, all between -1 and 1 and none 0. */
function numbers(g: GraphBuilder, dims: readonly number[]): GraphTensor {
  const offset = seed++;
  const data = Float32Array.from({ length: sizeOf(dims) }, (_, index) => (((index + offset) * 37) % 19) / 10 - 0.85);
  return g.constant("c", { dtype: "float32", dims, data });
}

function positive(g: GraphBuilder, dims: readonly number[]): GraphTensor {
  const offset = seed++;
  const data = Float32Array.from({ length: sizeOf(dims) }, (_, index) => 0.5 + (((index + offset) * 37) % 19) / 10);
  return g.constant("c", { dtype: "float32", dims, data });
}

function normalized(g: GraphBuilder, x: GraphTensor, channels: number): GraphTensor {
  const parameters = [numbers(g, [channels]), numbers(g, [channels]), numbers(g, [channels]), positive(g, [channels])];
  return g.op("BatchNormalization", [x, ...parameters], { epsilon: float(1e-3) });
}

const conv = (g: GraphBuilder, x: GraphTensor, dims: readonly number[], attributes = {}): GraphTensor =>
  g.op("Conv", [x, numbers(g, dims)], attributes);
const times = (g: GraphBuilder, x: GraphTensor, factor: number): GraphTensor => g.op("Mul", [x, scalar(g, factor)]);
const plusOne = (g: GraphBuilder, x: GraphTensor): GraphTensor => g.op("Add", [scalar(g, 1), x]);
/** The argument of tanh in the approximation of GELU. */
const bent = (g: GraphBuilder, x: GraphTensor, cube: GraphTensor): GraphTensor =>
  times(g, g.op("Add", [x, times(g, cube, 0.044715)]), Math.sqrt(2 / Math.PI));
const dense = (g: GraphBuilder, x: GraphTensor, rows: number, columns: number): GraphTensor =>
  g.op("Gemm", [x, numbers(g, [rows, columns]), numbers(g, [columns])]);
const reshaped = (g: GraphBuilder, x: GraphTensor, sizes: readonly number[]): GraphTensor =>
  g.op("Reshape", [x, g.int64s(sizes)]);
const padded = (g: GraphBuilder, x: GraphTensor, sides: readonly number[], fill = 0): GraphTensor =>
  g.op("Pad", [x, g.int64s(sides), g.scalar(fill)]);
const mul = (g: GraphBuilder, x: GraphTensor, dims: readonly number[]): GraphTensor =>
  g.op("Mul", [x, numbers(g, dims)]);
const plus = (g: GraphBuilder, x: GraphTensor, dims: readonly number[]): GraphTensor =>
  g.op("Add", [x, numbers(g, dims)]);

const IMAGE = ["n", 3, 6, 5];
const AXIS_1 = { axis: int(1) };
/** What a case that must not change has before and after. */
const stays = (ops: string): Pick<PassCase, "before" | "after"> => ({ before: ops, after: ops });

function scalar(g: GraphBuilder, value: number): GraphTensor {
  return g.constant("c", { dtype: "float32", dims: [], data: Float32Array.of(value) });
}

/** Instance normalisation as TensorFlow writes it: everything but the input without the axes of the picture. */
function instance(g: GraphBuilder, x: GraphTensor, scale: GraphTensor, shift: GraphTensor): GraphTensor {
  const mean = g.op("ReduceMean", [x], { axes: ints([2, 3]), keepdims: int(0) });
  const away = g.op("Sub", [x, g.op("Unsqueeze", [mean, g.int64s([2, 3])])]);
  const variance = g.op("ReduceMean", [g.op("Mul", [away, away])], { axes: ints([2, 3]), keepdims: int(0) });
  const inverse = g.op("Reciprocal", [g.op("Sqrt", [g.op("Add", [variance, scalar(g, 1e-3)])])]);
  const factor = g.op("Mul", [inverse, scale]);
  const scaled = g.op("Mul", [x, g.op("Unsqueeze", [factor, g.int64s([2, 3])])]);
  const moved = g.op("Sub", [shift, g.op("Mul", [mean, factor])]);
  return g.op("Add", [scaled, g.op("Unsqueeze", [moved, g.int64s([2, 3])])]);
}

const INSTANCE = "ReduceMean Unsqueeze Sub Mul ReduceMean Add Sqrt Reciprocal Mul Unsqueeze Mul Mul Sub Unsqueeze Add";

/** Layer normalisation as Keras writes it. */
function layer(g: GraphBuilder, x: GraphTensor, axis: number): GraphTensor {
  const over = { axes: ints([axis]), keepdims: int(1) };
  const mean = g.op("ReduceMean", [x], over);
  const away = g.op("Sub", [x, mean]);
  const variance = g.op("ReduceMean", [g.op("Mul", [away, away])], over);
  const inverse = g.op("Reciprocal", [g.op("Sqrt", [g.op("Add", [variance, scalar(g, 1e-3)])])]);
  const factor = g.op("Mul", [inverse, numbers(g, [4])]);
  return g.op("Add", [g.op("Mul", [x, factor]), g.op("Sub", [numbers(g, [4]), g.op("Mul", [mean, factor])])]);
}

const LAYER = "ReduceMean Sub Mul ReduceMean Add Sqrt Reciprocal Mul Mul Mul Sub Add";

function gate(g: GraphBuilder, x: GraphTensor, most = 6): GraphTensor {
  return g.op("Clip", [g.op("Add", [x, scalar(g, 3)]), scalar(g, 0), scalar(g, most)]);
}

const CASES: readonly { readonly passes: readonly Pass[]; readonly cases: readonly PassCase[] }[] = [
  {
    passes: [shareEqualNodes],
    cases: [
      {
        name: "equal nodes, and then those that read them",
        shape: ["n", 3],
        emit: (g, x) => {
          const [a, b] = [g.op("Abs", [x]), g.op("Abs", [x])];
          return g.op("Add", [g.op("Relu", [a]), g.op("Relu", [b])]);
        },
        before: "Abs Abs Relu Relu Add",
        after: "Abs Relu Add",
      },
      {
        name: "not those with other attributes or other inputs",
        shape: ["n", 3],
        emit: (g, x) => {
          const [a, b] = [0.1, 0.2].map((alpha) => g.op("LeakyRelu", [x], { alpha: float(alpha) }));
          return g.op("Sub", [a ?? null, b ?? null]);
        },
        ...stays("LeakyRelu LeakyRelu Sub"),
      },
      {
        name: "no outputs of the graph",
        shape: ["n", 3],
        emit: (g, x) => [g.op("Abs", [x]), g.op("Abs", [x])],
        ...stays("Abs Abs"),
      },
    ],
  },
  {
    passes: [fuseNormalization],
    cases: [
      {
        name: "moments over pictures",
        shape: ["n", 3, 4, 5],
        emit: (g, x) => instance(g, x, numbers(g, [3]), numbers(g, [3])),
        before: INSTANCE,
        after: "InstanceNormalization",
      },
      {
        name: "scaled and moved by what is computed",
        shape: ["n", 3, 4, 5],
        emit: (g, x) => {
          const most = g.op("ReduceMax", [x], { axes: ints([2, 3]), keepdims: int(0) });
          return instance(g, x, most, g.op("Abs", [most]));
        },
        before: `ReduceMax Abs ${INSTANCE}`,
        after: "ReduceMax Abs InstanceNormalization Unsqueeze Mul Unsqueeze Add",
      },
      {
        name: "moments over the last axis",
        shape: ["n", 3, 4],
        emit: (g, x) => layer(g, x, 2),
        before: LAYER,
        after: "LayerNormalization",
      },
      { name: "not over other axes", shape: ["n", 4, 4], emit: (g, x) => layer(g, x, 1), ...stays(LAYER) },
      {
        name: "no layer normalisation before opset 17",
        opset: 16,
        shape: ["n", 4],
        emit: (g, x) => layer(g, x, 1),
        ...stays(LAYER),
      },
    ],
  },
  {
    passes: [fuseHardSwish],
    cases: [
      {
        name: "in three orders",
        shape: ["n", 5],
        emit: (g, x) => [
          g.op("Mul", [g.op("Mul", [x, gate(g, x)]), scalar(g, 1 / 6)]),
          g.op("Mul", [g.op("Mul", [scalar(g, 1 / 6), x]), gate(g, x)]),
          g.op("Mul", [x, g.op("Mul", [gate(g, x), scalar(g, 1 / 6)])]),
        ],
        before: "Add Clip Mul Mul Mul Add Clip Mul Add Clip Mul Mul",
        after: "HardSwish HardSwish HardSwish",
      },
      {
        name: "not with another limit",
        shape: ["n", 5],
        emit: (g, x) => g.op("Mul", [g.op("Mul", [x, gate(g, x, 5)]), scalar(g, 1 / 6)]),
        ...stays("Add Clip Mul Mul"),
      },
      {
        name: "not where a constant adds an axis",
        shape: ["n", 5],
        emit: (g, x) => {
          const sixth = g.constant("c", { dtype: "float32", dims: [1, 1, 1], data: Float32Array.of(1 / 6) });
          return g.op("Mul", [g.op("Mul", [x, gate(g, x)]), sixth]);
        },
        ...stays("Add Clip Mul Mul"),
      },
      {
        name: "not of another tensor",
        shape: ["n", 5],
        emit: (g, x) => g.op("Mul", [g.op("Mul", [g.op("Abs", [x]), gate(g, x)]), scalar(g, 1 / 6)]),
        ...stays("Abs Add Clip Mul Mul"),
      },
    ],
  },
  {
    passes: [fuseGelu],
    cases: [
      {
        name: "by erf, in three orders and with a division",
        shape: ["n", 5],
        opset: 20,
        emit: (g, x) => [
          g.op("Mul", [g.op("Mul", [scalar(g, 0.5), x]), plusOne(g, g.op("Erf", [times(g, x, Math.SQRT1_2)]))]),
          g.op("Mul", [scalar(g, 0.5), g.op("Mul", [plusOne(g, g.op("Erf", [times(g, x, Math.SQRT1_2)])), x])]),
          g.op("Mul", [x, times(g, plusOne(g, g.op("Erf", [g.op("Div", [x, scalar(g, Math.SQRT2)])])), 0.5)]),
        ],
        before: "Mul Mul Erf Add Mul Mul Erf Add Mul Mul Div Erf Add Mul Mul",
        after: "Gelu Gelu Gelu",
      },
      {
        name: "by tanh, with the cube as a power and as products",
        shape: ["n", 5],
        opset: 20,
        emit: (g, x) => [
          g.op("Mul", [times(g, x, 0.5), plusOne(g, g.op("Tanh", [bent(g, x, g.op("Pow", [x, scalar(g, 3)]))]))]),
          g.op("Mul", [
            times(g, x, 0.5),
            plusOne(
              g,
              g.op("Tanh", [
                times(g, g.op("Mul", [x, plusOne(g, times(g, g.op("Mul", [x, x]), 0.044715))]), Math.sqrt(2 / Math.PI)),
              ]),
            ),
          ]),
        ],
        before: "Mul Pow Mul Add Mul Tanh Add Mul Mul Mul Mul Add Mul Mul Tanh Add Mul",
        after: "Gelu Gelu",
      },
      {
        name: "in older opsets erf reads a quotient",
        shape: ["n", 5],
        emit: (g, x) => [
          g.op("Mul", [times(g, x, 0.5), plusOne(g, g.op("Erf", [times(g, x, Math.SQRT1_2)]))]),
          g.op("Mul", [times(g, x, 0.5), plusOne(g, g.op("Tanh", [bent(g, x, g.op("Pow", [x, scalar(g, 3)]))]))]),
        ],
        before: "Mul Mul Erf Add Mul Mul Pow Mul Add Mul Tanh Add Mul",
        after: "Mul Div Erf Add Mul Mul Pow Mul Add Mul Tanh Add Mul",
      },
      {
        name: "not with another factor, another power or of another tensor",
        shape: ["n", 5],
        opset: 20,
        emit: (g, x) => [
          g.op("Mul", [times(g, x, 0.5), plusOne(g, g.op("Erf", [times(g, x, 0.7)]))]),
          g.op("Mul", [times(g, x, 0.5), plusOne(g, g.op("Tanh", [bent(g, x, g.op("Pow", [x, scalar(g, 2)]))]))]),
          g.op("Mul", [times(g, g.op("Abs", [x]), 0.5), plusOne(g, g.op("Erf", [times(g, x, Math.SQRT1_2)]))]),
          g.op("Mul", [times(g, x, 0.25), plusOne(g, g.op("Erf", [times(g, x, Math.SQRT1_2)]))]),
        ],
        ...stays("Mul Mul Erf Add Mul Mul Pow Mul Add Mul Tanh Add Mul Abs Mul Mul Erf Add Mul Mul Mul Erf Add Mul"),
      },
    ],
  },
  {
    passes: [fuseGemm],
    cases: [
      {
        name: "a product and a row",
        shape: ["n", 4],
        emit: (g, x) => g.op("Add", [numbers(g, [1, 3]), g.op("MatMul", [x, numbers(g, [4, 3])])]),
        before: "MatMul Add",
        after: "Gemm",
      },
      {
        name: "not of sequences",
        shape: ["n", 2, 4],
        emit: (g, x) => g.op("Add", [g.op("MatMul", [x, numbers(g, [4, 3])]), numbers(g, [3])]),
        ...stays("MatMul Add"),
      },
      {
        name: "not a column",
        shape: [3, 4],
        emit: (g, x) => g.op("Add", [g.op("MatMul", [x, numbers(g, [4, 3])]), numbers(g, [3, 1])]),
        ...stays("MatMul Add"),
      },
    ],
  },
  {
    passes: [foldPadIntoConv],
    cases: [
      {
        name: "zeros around a picture",
        shape: IMAGE,
        emit: (g, x) => conv(g, padded(g, x, [0, 0, 1, 2, 0, 0, 3, 0]), [2, 3, 2, 2], { pads: ints([0, 1, 0, 0]) }),
        before: "Pad Conv",
        after: "Conv",
      },
      {
        name: "some axes, from opset 18",
        shape: IMAGE,
        opset: 18,
        emit: (g, x) => {
          const pad = g.op("Pad", [x, g.int64s([1, 2]), null, g.int64s([-1])]);
          return conv(g, pad, [2, 3, 2, 2]);
        },
        before: "Pad Conv",
        after: "Conv",
      },
      {
        name: "not other numbers",
        shape: IMAGE,
        emit: (g, x) => conv(g, padded(g, x, [0, 0, 1, 1, 0, 0, 1, 1], 0.5), [2, 3, 2, 2]),
        ...stays("Pad Conv"),
      },
      {
        name: "not channels",
        shape: IMAGE,
        emit: (g, x) => conv(g, padded(g, x, [0, 0, 0, 0, 0, 1, 0, 0]), [2, 4, 2, 2]),
        ...stays("Pad Conv"),
      },
      {
        name: "not where others read the padded tensor",
        shape: IMAGE,
        emit: (g, x) => {
          const pad = padded(g, x, [0, 0, 1, 1, 0, 0, 1, 1]);
          return [conv(g, pad, [2, 3, 2, 2]), g.op("Relu", [pad])];
        },
        ...stays("Pad Conv Relu"),
      },
    ],
  },
  {
    passes: [foldScaleIntoWeights],
    cases: [
      {
        name: "a normalisation after a convolution",
        shape: IMAGE,
        emit: (g, x) => normalized(g, conv(g, x, [4, 3, 2, 2]), 4),
        before: "Conv BatchNormalization",
        after: "Conv",
      },
      {
        name: "a scale and a shift after a transposed convolution",
        shape: IMAGE,
        emit: (g, x) => {
          const made = g.op("ConvTranspose", [x, numbers(g, [3, 4, 2, 2]), numbers(g, [4])]);
          return plus(g, mul(g, made, [4, 1, 1]), [1, 4, 1, 1]);
        },
        before: "ConvTranspose Mul Add",
        after: "ConvTranspose",
      },
      {
        name: "scalars after a dense layer",
        shape: ["n", 3],
        emit: (g, x) => plus(g, mul(g, dense(g, x, 3, 4), []), [1]),
        before: "Gemm Mul Add",
        after: "Gemm",
      },
      {
        name: "a scale after a product of matrices, not a shift",
        shape: ["n", 5, 3],
        emit: (g, x) => plus(g, mul(g, g.op("MatMul", [x, numbers(g, [3, 4])]), [4]), [4]),
        before: "MatMul Mul Add",
        after: "MatMul Add",
      },
      {
        name: "not along another axis of the same size",
        shape: IMAGE,
        emit: (g, x) => mul(g, conv(g, x, [4, 3, 2, 2]), [4]),
        ...stays("Conv Mul"),
      },
      {
        name: "not where the result is larger",
        shape: IMAGE,
        emit: (g, x) => mul(g, conv(g, x, [1, 3, 2, 2]), [2, 1, 1]),
        ...stays("Conv Mul"),
      },
      {
        name: "within a branch",
        shape: ["n", 3],
        emit: (g, x) => {
          const condition = g.constant("condition", { dtype: "bool", dims: [], data: Uint8Array.of(1) });
          return branch(
            g,
            condition,
            (body) => [mul(body, dense(body, x, 3, 2), [2])],
            (body) => [dense(body, x, 3, 2)],
          );
        },
        before: "If Gemm Mul Gemm",
        after: "If Gemm Gemm",
      },
      {
        name: "not into a branch from outside",
        shape: ["n", 3],
        emit: (g, x) => {
          const condition = g.constant("condition", { dtype: "bool", dims: [], data: Uint8Array.of(1) });
          const outside = dense(g, x, 3, 2);
          return branch(
            g,
            condition,
            (body) => [mul(body, outside, [2])],
            (body) => [mul(body, body.op("Relu", [x]), [3])],
          );
        },
        ...stays("Gemm If Mul Relu Mul"),
      },
    ],
  },
  {
    passes: [scaleBeforeBias, foldScaleIntoWeights],
    cases: [
      {
        name: "past a bias that is a node of its own",
        shape: ["n", 5, 3],
        emit: (g, x) => {
          const biased = plus(g, g.op("MatMul", [x, numbers(g, [3, 4])]), [4]);
          return plus(g, mul(g, biased, [4]), []);
        },
        before: "MatMul Add Mul Add",
        after: "MatMul Add",
      },
    ],
  },
  {
    passes: [foldScaleIntoNext],
    cases: [
      {
        name: "a normalisation before a convolution in groups",
        shape: ["n", 4, 6, 5],
        emit: (g, x) => conv(g, normalized(g, x, 4), [6, 2, 2, 3], { group: int(2) }),
        before: "BatchNormalization Conv",
        after: "Conv",
      },
      {
        name: "a scale before a padded convolution, not a shift",
        shape: IMAGE,
        emit: (g, x) => conv(g, mul(g, plus(g, x, [3, 1, 1]), [3, 1, 1]), [2, 3, 2, 2], { pads: ints([1, 1, 1, 1]) }),
        before: "Add Mul Conv",
        after: "Add Conv",
      },
      {
        name: "a scale and a shift before a dense layer",
        shape: ["n", 3],
        emit: (g, x) => dense(g, plus(g, mul(g, x, [3]), [1, 3]), 3, 4),
        before: "Mul Add Gemm",
        after: "Gemm",
      },
      {
        name: "scalars before nodes that move elements",
        shape: ["n", 2, 3],
        emit: (g, x) => {
          const moved = g.op("Transpose", [plus(g, mul(g, x, []), [1])], { perm: ints([0, 2, 1]) });
          return dense(g, reshaped(g, moved, [-1, 6]), 6, 2);
        },
        before: "Mul Add Transpose Reshape Gemm",
        after: "Transpose Reshape Gemm",
      },
      {
        name: "not vectors before nodes that move elements",
        shape: ["n", 2, 3],
        emit: (g, x) => dense(g, reshaped(g, mul(g, x, [3]), [-1, 6]), 6, 2),
        ...stays("Mul Reshape Gemm"),
      },
    ],
  },
  {
    passes: [absorbTransposeIntoDense],
    cases: [
      {
        name: "units in the order of an image's channels",
        shape: ["n", 3],
        emit: (g, x) => {
          const image = reshaped(g, g.op("Relu", [dense(g, x, 3, 24)]), [-1, 2, 3, 4]);
          return g.op("Transpose", [image], { perm: ints([0, 3, 1, 2]) });
        },
        before: "Gemm Relu Reshape Transpose",
        after: "Gemm Relu Reshape",
      },
      {
        name: "not where the batch moves",
        shape: ["n", 3],
        emit: (g, x) => g.op("Transpose", [reshaped(g, dense(g, x, 3, 4), [-1, 2, 2])], { perm: ints([1, 0, 2]) }),
        ...stays("Gemm Reshape Transpose"),
      },
    ],
  },
  {
    passes: [keepReducedAxes],
    cases: [
      {
        name: "elementwise nodes on numbers between the reduction and its axes",
        shape: ["n", 3, 4],
        emit: (g, x) => {
          const sum = g.op("ReduceSum", [g.op("Abs", [x]), g.int64s([1])], { keepdims: int(0) });
          const root = g.op("Sqrt", [g.op("Max", [scalar(g, 2), sum])]);
          return g.op("Mul", [x, g.op("Unsqueeze", [g.op("Reciprocal", [root]), g.int64s([1])])]);
        },
        before: "Abs ReduceSum Max Sqrt Reciprocal Unsqueeze Mul",
        after: "Abs ReduceSum Max Sqrt Reciprocal Mul",
      },
      {
        name: "not elementwise nodes on other tensors, or that others read",
        shape: ["n", 3],
        emit: (g, x) => {
          const sum = g.op("ReduceSum", [x, g.int64s([1])], { keepdims: int(0) });
          const product = g.op("Mul", [g.op("ReduceMax", [x], { axes: ints([1]), keepdims: int(0) }), sum]);
          const root = g.op("Abs", [g.op("ReduceMin", [x], { axes: ints([1]), keepdims: int(0) })]);
          const [a, b] = [product, root].map((each) => g.op("Unsqueeze", [each, g.int64s([1])]));
          return [g.op("Mul", [x, a ?? null]), g.op("Mul", [x, b ?? null]), root];
        },
        ...stays("ReduceSum ReduceMax Mul ReduceMin Abs Unsqueeze Unsqueeze Mul Mul"),
      },
      {
        name: "the mean over a picture becomes a pooling",
        shape: IMAGE,
        emit: (g, x) => {
          const mean = g.op("ReduceMean", [x], { axes: ints([2, 3]), keepdims: int(0) });
          return reshaped(g, mean, [-1, 3, 1, 1]);
        },
        before: "ReduceMean Reshape",
        after: "GlobalAveragePool",
      },
      {
        name: "a mean over many elements, which ReduceMean adds up more exactly, stays one",
        shape: ["n", 3, 9, 9],
        emit: (g, x) => {
          const mean = g.op("ReduceMean", [x], { axes: ints([-2, -1]), keepdims: int(0) });
          return g.op("Unsqueeze", [mean, g.int64s([2, 3])]);
        },
        before: "ReduceMean Unsqueeze",
        after: "ReduceMean",
      },
      {
        name: "a sum along one axis, from opset 13 given as an input",
        shape: IMAGE,
        emit: (g, x) => {
          const sum = g.op("ReduceSum", [x, g.int64s([1])], { keepdims: int(0) });
          return g.op("Unsqueeze", [sum, g.int64s([1])]);
        },
        before: "ReduceSum Unsqueeze",
        after: "ReduceSum",
      },
      {
        name: "not axes that are put back elsewhere",
        shape: IMAGE,
        emit: (g, x) => {
          const sum = g.op("ReduceSum", [x, g.int64s([1])], { keepdims: int(0) });
          return g.op("Unsqueeze", [sum, g.int64s([3])]);
        },
        ...stays("ReduceSum Unsqueeze"),
      },
    ],
  },
  {
    passes: [mergeReshapes],
    cases: [
      {
        name: "one after the other",
        shape: ["n", 2, 3],
        emit: (g, x) => g.op("Unsqueeze", [reshaped(g, reshaped(g, x, [-1, 3]), [-1, 6]), g.int64s([1])]),
        before: "Reshape Reshape Unsqueeze",
        after: "Reshape",
      },
      {
        name: "there and back is nothing",
        shape: ["n", 2, 3],
        emit: (g, x) => g.op("Relu", [reshaped(g, reshaped(g, x, [-1, 6]), [-1, 2, 3])]),
        before: "Reshape Reshape Relu",
        after: "Relu",
      },
      {
        name: "not where two sizes would be left open",
        shape: ["n", "m", 4],
        emit: (g, x) => {
          const flat = reshaped(g, g.op("Transpose", [x], { perm: ints([2, 0, 1]) }), [0, -1]);
          return g.op("Reshape", [flat, g.shapeTensor(["n", "m", 2, 2])]);
        },
        ...stays("Transpose Reshape Shape Shape Concat Reshape"),
      },
    ],
  },
  {
    passes: [mergeConcats],
    cases: [
      {
        name: "joined and joined again, however the axis is counted",
        shape: ["n", 3],
        emit: (g, x) => {
          const parts = ["Abs", "Neg", "Exp"].map((op) => g.op(op, [x]));
          const inner = g.op("Concat", parts.slice(0, 2), { axis: int(-1) });
          return g.op("Concat", [x, inner, ...parts.slice(2), g.op("Concat", [x, x], AXIS_1)], AXIS_1);
        },
        before: "Abs Neg Exp Concat Concat Concat",
        after: "Abs Neg Exp Concat",
      },
      {
        name: "not along another axis, and not what others read",
        shape: ["n", 3],
        emit: (g, x) => {
          const [rows, columns] = [g.op("Concat", [x, x], { axis: int(0) }), g.op("Concat", [x, x], AXIS_1)];
          const twice = g.op("Concat", [g.op("Abs", [x]), g.op("Neg", [x])], { axis: int(0) });
          return [g.op("Concat", [rows, twice], AXIS_1), g.op("Concat", [columns, x], AXIS_1), g.op("Relu", [columns])];
        },
        ...stays("Concat Concat Abs Neg Concat Concat Concat Relu"),
      },
    ],
  },
  {
    passes: [fuseL2Norm],
    cases: [
      ...[17, 18].map((opset): PassCase => ({
        name: `tf.math.l2_normalize in opset ${opset}`,
        opset,
        shape: ["n", 3],
        emit: (g, x) => {
          const sum = g.op("ReduceSum", [g.op("Mul", [x, x]), g.int64s([1])], { keepdims: int(1) });
          return g.op("Mul", [x, g.op("Reciprocal", [g.op("Sqrt", [g.op("Max", [sum, scalar(g, 2)])])])]);
        },
        before: "Mul ReduceSum Max Sqrt Reciprocal Mul",
        after: "ReduceL2 Max Div",
      })),
      {
        name: "a sum of squares, and a norm, by themselves",
        shape: ["n", 3, 4],
        emit: (g, x) => {
          const over = (...axes: number[]) =>
            g.op("ReduceSum", [g.op("Mul", [x, x]), g.int64s(axes)], { keepdims: int(0) });
          return [over(1, -1), g.op("Sqrt", [over(1)])];
        },
        before: "Mul ReduceSum Mul ReduceSum Sqrt",
        after: "ReduceSumSquare ReduceL2",
      },
      {
        name: "not products of two tensors, squares and sums that others read, and other reciprocals",
        shape: ["n", 3],
        emit: (g, x) => {
          const square = g.op("Mul", [x, x]);
          const sum = g.op("ReduceSum", [g.op("Mul", [x, g.op("Abs", [x])]), g.int64s([1])]);
          const root = g.op("Sqrt", [g.op("Abs", [sum])]);
          const inverse = g.op("Reciprocal", [plusOne(g, root)]);
          return [square, g.op("ReduceSum", [square, g.int64s([1])]), g.op("Mul", [x, inverse])];
        },
        ...stays("Mul Abs Mul ReduceSum Abs Sqrt Add Reciprocal ReduceSum Mul"),
      },
    ],
  },
  {
    passes: [foldConstants],
    cases: [
      {
        name: "arithmetic with broadcasting, in float32",
        shape: [2, 3],
        emit: (g, x) => {
          const table = g.op("Mul", [numbers(g, [2, 1]), numbers(g, [3])]);
          const root = g.op("Sqrt", [g.op("Div", [scalar(g, 1), g.op("Sub", [scalar(g, 3), scalar(g, 0.1)])])]);
          const column = g.op("Reshape", [numbers(g, [2]), g.int64s([2, 1])]);
          return g.op("Add", [g.op("Add", [x, g.op("Mul", [table, root])]), g.op("Neg", [column])]);
        },
        before: "Mul Sub Div Sqrt Reshape Mul Add Neg Add",
        after: "Add Add",
      },
      {
        name: "comparisons and their combinations",
        shape: ["n", 3],
        emit: (g, x) => {
          const [less, equal] = ["Less", "Equal"].map((op) => g.op(op, [numbers(g, [3]), scalar(g, 0.05)]));
          const both = g.op("Or", [g.op("Not", [less ?? null]), equal ?? null]);
          return g.op("Add", [x, g.op("Where", [both, scalar(g, 1), cast(g, both, "float32")])]);
        },
        before: "Less Equal Not Or Cast Where Add",
        after: "Where Add",
      },
      {
        name: "not numbers beyond int32, large tensors, and outputs",
        shape: ["n", 3],
        emit: (g, x) => {
          const wide = cast(g, cast(g, scalar(g, 4e9), "int32"), "float32");
          const large = g.op("Neg", [numbers(g, [400])]);
          return [g.op("Add", [x, g.op("Mul", [wide, scalar(g, 0)])]), large, g.op("Neg", [scalar(g, 2)])];
        },
        ...stays("Cast Cast Neg Mul Add Neg"),
      },
    ],
  },
  {
    passes: [keepIntegerIndices],
    cases: [
      {
        name: "integers that are float32 in between",
        shape: ["n", 3],
        emit: (g, x) => {
          const indices = cast(g, g.op("Abs", [x]), "int32");
          return g.op("Gather", [numbers(g, [4, 2]), cast(g, cast(g, indices, "float32"), "int32")]);
        },
        before: "Abs Cast Cast Cast Gather",
        after: "Abs Cast Gather",
      },
      {
        name: "not numbers that may have fractions",
        shape: ["n", 3],
        emit: (g, x) => g.op("Gather", [numbers(g, [4, 2]), cast(g, g.op("Abs", [x]), "int32")]),
        ...stays("Abs Cast Gather"),
      },
    ],
  },
  {
    passes: [guardPaddedPooling],
    cases: [
      {
        name: "pooling of what is padded",
        shape: IMAGE,
        emit: (g, x) => g.op("MaxPool", [padded(g, x, [0, 0, 1, 1, 0, 0, 1, 1])], { kernel_shape: ints([2, 2]) }),
        before: "Pad MaxPool",
        after: "Pad Max MaxPool",
      },
      {
        name: "not other pooling",
        shape: IMAGE,
        emit: (g, x) => g.op("MaxPool", [g.op("Relu", [x])], { kernel_shape: ints([2, 2]) }),
        ...stays("Relu MaxPool"),
      },
    ],
  },
];

describe.each(CASES)("$passes.0.name", ({ passes, cases }) => {
  test.each(cases)("$name", async (each) => {
    await expectPass(passes, each);
  });
});

test("every pass has cases", () => {
  const tested = CASES.flatMap(({ passes }) => passes.map(({ name }) => name));
  expect([...pipeline.flat(), ...graphPatterns.flat()].filter(({ name }) => !tested.includes(name))).toEqual([]);
  expect(first(CASES).cases.length).toBeGreaterThan(0);
});
