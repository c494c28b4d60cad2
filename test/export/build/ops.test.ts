import { describe, expect, test } from "vitest";

import { GraphBuilder } from "../../../src/export/build/builder.ts";
import * as elementwise from "../../../src/export/build/ops/elementwise.ts";
import * as neural from "../../../src/export/build/ops/neural.ts";
import * as reduction from "../../../src/export/build/ops/reduction.ts";
import * as shapes from "../../../src/export/build/ops/shape.ts";
import type { GraphTensor } from "../../../src/export/ir/graph-tensor.ts";
import { alongAxis } from "../../../src/export/keras-activations.ts";
import { viewOf } from "../../../src/export/ir/value.ts";
import { int, ints, type Attributes } from "../../../src/onnx/model.ts";
import { dim, showShape, type DimLike } from "../../../src/onnx/dim.ts";
import { first } from "../../../src/require.ts";
import type { DType } from "../../../src/tensor.ts";

/** Inputs of any shape and type. */
class Inputs {
  readonly graph: GraphBuilder;
  #count = 0;

  constructor(opset: number) {
    this.graph = new GraphBuilder(opset);
  }

  f(...dims: readonly DimLike[]): GraphTensor {
    return this.of("float32", ...dims);
  }

  of(dtype: DType, ...dims: readonly DimLike[]): GraphTensor {
    return this.graph.input(`input_${this.#count++}`, dtype, dims).tensor;
  }
}

type Make = (i: Inputs) => GraphTensor;
/** A name, how the node is made, and its type and shape. */
type Right = readonly [name: string, make: Make, result: string];
/** A name, how the node is made, and what is said of it. */
type Wrong = readonly [name: string, make: Make, message: string];

const RIGHT: readonly Right[] = [
  ["cast", (i) => elementwise.cast(i.graph, i.f("n", 3), "int32"), "int32 [n, 3]"],
  ["cast to its own type", (i) => elementwise.cast(i.graph, i.f("n"), "float32"), "float32 [n]"],
  ["where", (i) => elementwise.where(i.graph, i.of("bool", "n", 1), i.f(3), i.f("n", 3)), "float32 [n, 3]"],
  ["clip", (i) => elementwise.clip(i.graph, i.f("n"), i.graph.scalar(0), null), "float32 [n]"],
  ["prelu", (i) => elementwise.prelu(i.graph, i.f("n", 4, 3), i.f(4, 1)), "float32 [n, 4, 3]"],
  ["mod", (i) => elementwise.mod(i.graph, i.f("n", 3), i.f(3), true), "float32 [n, 3]"],
  [
    "conv",
    (i) =>
      neural.conv(i.graph, i.f("n", 4, "h", 9), i.f(6, 2, 3, 2), i.f(6), {
        group: 2,
        strides: [2, 1],
        pads: [1, 0, 1, 0],
      }),
    "float32 [n, 6, floor((h+1)/2), 8]",
  ],
  [
    "dilated conv",
    (i) => neural.conv(i.graph, i.f(1, 1, 9), i.f(1, 1, 3), null, { dilations: [3] }),
    "float32 [1, 1, 3]",
  ],
  [
    "convTranspose",
    (i) =>
      neural.convTranspose(i.graph, i.f("n", 4, "h"), i.f(4, 3, 5), null, {
        group: 2,
        strides: [2],
        outputPadding: [1],
        pads: [1, 0],
      }),
    "float32 [n, 6, 2*h+3]",
  ],
  [
    "maxPool",
    (i) => neural.maxPool(i.graph, i.f("n", 3, 6, 5), [2, 2], { strides: [2, 2], ceilMode: true }),
    "float32 [n, 3, 3, 3]",
  ],
  [
    "averagePool",
    (i) => neural.averagePool(i.graph, i.f("n", 3, 6, 5), [2, 3], { pads: [1, 0, 0, 0] }),
    "float32 [n, 3, 6, 3]",
  ],
  ["globalAveragePool", (i) => neural.globalAveragePool(i.graph, i.f("n", 3, "h", 5)), "float32 [n, 3, 1, 1]"],
  [
    "gemm",
    (i) => neural.gemm(i.graph, i.f(3, "n"), i.f(4, 3), i.f(4), { transA: true, transB: true }),
    "float32 [n, 4]",
  ],
  ["matMul", (i) => neural.matMul(i.graph, i.f("n", 1, 2, 3), i.f(5, 3, 4)), "float32 [n, 5, 2, 4]"],
  ["matMul of a vector", (i) => neural.matMul(i.graph, i.f(3), i.f("n", 3, 4)), "float32 [n, 4]"],
  ["einsum", (i) => neural.einsum(i.graph, "bij,bkj->bik", [i.f("n", 2, 3), i.f("n", 4, 3)]), "float32 [n, 2, 4]"],
  ["softmax", (i) => neural.softmax(i.graph, i.f("n", 3), 1), "float32 [n, 3]"],
  [
    "layerNormalization",
    (i) => neural.layerNormalization(i.graph, i.f("n", 3), i.f(3), null, { axis: -1, epsilon: 1e-3 }),
    "float32 [n, 3]",
  ],
  [
    "resize",
    (i) =>
      neural.resize(i.graph, i.f("n", 3, 4, 5), i.graph.shapeTensor(["n", 3, 8, 9]), {
        mode: "linear",
        coordinates: "half_pixel",
      }),
    "float32 [n, 3, 8, 9]",
  ],
  ["topK", (i) => neural.topK(i.graph, i.f("n", 9), i.graph.int64s([4])).indices, "int64 [n, 4]"],
  ["reduceTensor", (i) => reduction.reduceTensor(i.graph, "ReduceSum", i.f("n", 3, 4), [-1], false), "float32 [n, 3]"],
  [
    "reduceTensor that keeps axes",
    (i) => reduction.reduceTensor(i.graph, "ReduceMax", i.f("n", 3, 4), [0, 2], true),
    "float32 [1, 3, 1]",
  ],
  ["argument", (i) => reduction.argument(i.graph, "ArgMax", i.f("n", 3), 1), "int64 [n]"],
  ["transpose", (i) => shapes.transpose(i.graph, i.f("n", 3, 4), [2, 0, 1]), "float32 [4, n, 3]"],
  ["reshape", (i) => shapes.reshape(i.graph, i.f("n", 3, 4), i.graph.int64s([0, -1, 2])), "float32 [n, 6, 2]"],
  ["squeeze", (i) => shapes.squeeze(i.graph, i.f("n", 1, 4, 1), [1, -1]), "float32 [n, 4]"],
  ["unsqueeze", (i) => shapes.unsqueeze(i.graph, i.f("n", 4), [0, 3]), "float32 [1, n, 4, 1]"],
  ["concat", (i) => shapes.concat(i.graph, [i.f("n", 3), i.f("n", "m")], -1), "float32 [n, m+3]"],
  ["split", (i) => first(shapes.split(i.graph, i.f("n", 5), [2, 3], 1)), "float32 [n, 2]"],
  [
    "slice",
    (i) => shapes.slice(i.graph, i.f("n", 9), { axes: [1], starts: [1], ends: [-1], steps: [3] }),
    "float32 [n, 3]",
  ],
  ["gather", (i) => shapes.gather(i.graph, i.f("n", 9, 4), i.of("int32", "k", 2), 1), "float32 [n, k, 2, 4]"],
  ["gatherNd", (i) => shapes.gatherNd(i.graph, i.f("n", 9, 4), i.of("int64", "k", 2)), "float32 [k, 4]"],
  ["scatterNd", (i) => shapes.scatterNd(i.graph, i.f("n", 4), i.of("int64", "k", 1), i.f("k", 4)), "float32 [n, 4]"],
  ["expand", (i) => shapes.expand(i.graph, i.f("n", 1), i.graph.int64s([2, 1, 4])), "float32 [2, n, 4]"],
  ["tile", (i) => shapes.tile(i.graph, i.f("n", 3), i.graph.int64s([2, 3])), "float32 [2*n, 9]"],
  ["pad", (i) => shapes.pad(i.graph, i.f("n", 3), i.graph.int64s([0, 1, 2, 3])), "float32 [n+2, 7]"],
  ["constantOfShape", (i) => shapes.constantOfShape(i.graph, shapes.shapeOf(i.graph, i.f("n", 3))), "float32 [n, 3]"],
  ["oneHot", (i) => shapes.oneHot(i.graph, i.of("int64", "n"), i.graph.int64s([7]), i.f(2)), "float32 [n, 7]"],
  ["cumSum", (i) => shapes.cumSum(i.graph, i.f("n", 3), 1), "float32 [n, 3]"],
  ["depthToSpace", (i) => shapes.depthToSpace(i.graph, i.f("n", 12, "h", 3), 2), "float32 [n, 3, 2*h, 6]"],
  ["spaceToDepth", (i) => shapes.spaceToDepth(i.graph, i.f("n", 3, 4, 6), 2), "float32 [n, 12, 2, 3]"],
];

/** How the node is made, its operator, and its attributes: those that are not the operator's defaults. */
const ATTRIBUTES: readonly (readonly [make: Make, opType: string, attributes: Attributes])[] = [
  [(i) => neural.conv(i.graph, i.f(1, 3, 9), i.f(6, 3, 3), null), "Conv", {}],
  [
    (i) =>
      neural.conv(i.graph, i.f(1, 4, 9, 9), i.f(6, 2, 3, 3), null, {
        group: 2,
        strides: [2, 1],
        dilations: [1, 2],
        pads: [0, 1, 0, 0],
        kernelShape: [3, 3],
      }),
    "Conv",
    {
      kernel_shape: ints([3, 3]),
      group: int(2),
      dilations: ints([1, 2]),
      pads: ints([0, 1, 0, 0]),
      strides: ints([2, 1]),
    },
  ],
  [
    (i) => neural.conv(i.graph, i.f(1, 3, 9), i.f(6, 3, 3), null, { strides: [1], dilations: [1], pads: [0, 0] }),
    "Conv",
    {},
  ],
  [
    (i) =>
      neural.convTranspose(i.graph, i.f(1, 4, 9), i.f(4, 3, 5), null, { group: 2, outputPadding: [1], strides: [2] }),
    "ConvTranspose",
    { group: int(2), output_padding: ints([1]), strides: ints([2]) },
  ],
  [(i) => neural.convTranspose(i.graph, i.f(1, 4, 9), i.f(4, 3, 5), null, { group: 1 }), "ConvTranspose", {}],
  [(i) => neural.maxPool(i.graph, i.f(1, 3, 9), [2]), "MaxPool", { kernel_shape: ints([2]) }],
  [
    (i) => neural.maxPool(i.graph, i.f(1, 3, 9), [2], { ceilMode: true }),
    "MaxPool",
    { kernel_shape: ints([2]), ceil_mode: int(1) },
  ],
  [
    (i) => neural.averagePool(i.graph, i.f(1, 3, 9), [2], { countIncludePad: true, pads: [1, 0] }),
    "AveragePool",
    { kernel_shape: ints([2]), pads: ints([1, 0]), count_include_pad: int(1) },
  ],
  [(i) => neural.averagePool(i.graph, i.f(1, 3, 9), [2]), "AveragePool", { kernel_shape: ints([2]) }],
  [(i) => neural.gemm(i.graph, i.f(2, 3), i.f(3, 4)), "Gemm", {}],
  [(i) => neural.gemm(i.graph, i.f(3, 2), i.f(3, 4), null, { transA: true }), "Gemm", { transA: int(1) }],
  [(i) => neural.gemm(i.graph, i.f(2, 3), i.f(4, 3), null, { transB: true }), "Gemm", { transB: int(1) }],
  [(i) => neural.softmax(i.graph, i.f(2, 3)), "Softmax", {}],
  [(i) => neural.softmax(i.graph, i.f(2, 3), 1), "Softmax", { axis: int(1) }],
  [(i) => neural.logSoftmax(i.graph, i.f(2, 3)), "LogSoftmax", {}],
  [(i) => neural.logSoftmax(i.graph, i.f(2, 3), 0), "LogSoftmax", { axis: int(0) }],
  [(i) => shapes.cumSum(i.graph, i.f(2, 3), 1), "CumSum", {}],
  [(i) => shapes.cumSum(i.graph, i.f(2, 3), 1, { exclusive: true }), "CumSum", { exclusive: int(1) }],
  [(i) => shapes.cumSum(i.graph, i.f(2, 3), 1, { reverse: true }), "CumSum", { reverse: int(1) }],
  [(i) => elementwise.mod(i.graph, i.f(3), i.f(3), true), "Mod", { fmod: int(1) }],
  [(i) => elementwise.mod(i.graph, i.of("int32", 3), i.of("int32", 3)), "Mod", {}],
  [(i) => alongAxis(i.graph, "Softmax", viewOf(i.f(2, 4, 1, 1), [0, 3, 1, 2]), -1).tensor, "Softmax", { axis: int(1) }],
  [(i) => alongAxis(i.graph, "Softmax", viewOf(i.f(2, 4, 5, 1), [0, 3, 1, 2]), 1).tensor, "Softmax", { axis: int(2) }],
];

const WRONG: readonly Wrong[] = [
  ["where", (i) => elementwise.where(i.graph, i.f(3), i.f(3), i.f(3)), "input 0 cannot be float32"],
  [
    "where of two types",
    (i) => elementwise.where(i.graph, i.of("bool", 3), i.f(3), i.of("int32", 3)),
    "must have one type",
  ],
  ["clip", (i) => elementwise.clip(i.graph, i.f(3), i.f(1), null), "bounds must be float32 scalars"],
  ["prelu", (i) => elementwise.prelu(i.graph, i.f(3), i.f(2, 3)), "slope has too many axes"],
  ["mod", (i) => elementwise.mod(i.graph, i.f(3), i.f(3)), "floats need fmod"],
  [
    "conv",
    (i) => neural.conv(i.graph, i.f(1, 3, 9), i.f(6, 4, 3), null),
    "channels of input and weight must be equal; found 3 and 4",
  ],
  ["conv of another rank", (i) => neural.conv(i.graph, i.f(1, 3, 9), i.f(6, 3, 3, 3), null), "differ in rank"],
  [
    "conv with a bias",
    (i) => neural.conv(i.graph, i.f(1, 3, 9), i.f(6, 3, 3), i.f(5)),
    "sizes of bias and output must be equal",
  ],
  [
    "convTranspose",
    (i) => neural.convTranspose(i.graph, i.f(1, 3, 9), i.f(4, 3, 3), null),
    "channels of input and weight",
  ],
  ["maxPool", (i) => neural.maxPool(i.graph, i.f(1, 3, 9), [2, 2]), "must have 4 axes"],
  ["averagePool", (i) => neural.averagePool(i.graph, i.f(1, 3, 9), [2], { strides: [2, 1] }), "do not fit 1 axes"],
  ["gemm", (i) => neural.gemm(i.graph, i.f("n", 3), i.f(4, 3)), "inner sizes must be equal; found 3 and 4"],
  ["matMul", (i) => neural.matMul(i.graph, i.f(2, 2, 3), i.f(5, 3, 4)), "cannot be broadcast"],
  ["einsum", (i) => neural.einsum(i.graph, "ij->k", [i.f(2, 3)]), "the result's axis k is not one of the inputs'"],
  ["softmax", (i) => neural.softmax(i.graph, i.f(3), 1), "there is no axis 1"],
  ["softmax of integers", (i) => neural.softmax(i.graph, i.of("int32", 3)), "cannot be int32"],
  [
    "resize",
    (i) => neural.resize(i.graph, i.f(1, 3, 4), i.graph.int64s([3, 4]), { mode: "nearest", coordinates: "asymmetric" }),
    "2 sizes do not fit 3 axes",
  ],
  ["reduceTensor", (i) => reduction.reduceTensor(i.graph, "ReduceSum", i.f(3), [1], false), "there is no axis 1"],
  ["argument", (i) => reduction.argument(i.graph, "ArgMin", i.f(3), -2), "there is no axis -2"],
  ["transpose", (i) => shapes.transpose(i.graph, i.f(2, 3), [0, 0]), "perm [0, 0] does not fit"],
  ["reshape", (i) => shapes.reshape(i.graph, i.f(2, 3), i.graph.int64s([4, -1])), "6 elements do not fill rows of 4"],
  [
    "reshape with two open sizes",
    (i) => shapes.reshape(i.graph, i.f(2, 3), i.graph.int64s([-1, -1])),
    "only one size may be left open",
  ],
  ["squeeze", (i) => shapes.squeeze(i.graph, i.f(2, 3), [1]), "the size of axis 1 and 1 must be equal"],
  ["unsqueeze", (i) => shapes.unsqueeze(i.graph, i.f(2), [0, 0]), "repeat one"],
  ["concat", (i) => shapes.concat(i.graph, [i.f(2, 3), i.f(3, 3)], 1), "sizes along axis 0 must be equal"],
  ["concat of two ranks", (i) => shapes.concat(i.graph, [i.f(2, 3), i.f(3)], 0), "differ in rank"],
  ["gather", (i) => shapes.gather(i.graph, i.f(2), i.f(1)), "input 1 cannot be float32"],
  ["gatherNd", (i) => shapes.gatherNd(i.graph, i.f(2), i.of("int64", 1, 2)), "indices of 2 do not fit"],
  ["scatterNd", (i) => shapes.scatterNd(i.graph, i.f(2), i.of("int64", 1, 1), i.of("int32", 1)), "must have one type"],
  ["expand", (i) => shapes.expand(i.graph, i.f(2), i.graph.int64s([3])), "cannot be broadcast"],
  ["pad", (i) => shapes.pad(i.graph, i.f(2, 3), i.graph.int64s([1, 1])), "2 pads do not fit 2 axes"],
  ["depthToSpace", (i) => shapes.depthToSpace(i.graph, i.f(2, 3), 2), "must have 4 axes"],
];

describe.each([13, 17, 18, 21])("constructors of operators, opset %i", (opset) => {
  test.each(RIGHT.filter(([name]) => opset >= 17 || name !== "layerNormalization"))("%s", (_, make, result) => {
    const { dtype, shape } = make(new Inputs(opset));
    expect(`${dtype} ${showShape(shape)}`).toBe(result);
  });

  test.each(WRONG)("refuses: %s", (_, make, message) => {
    expect(() => make(new Inputs(opset))).toThrow(message);
  });
});

test("a node has the attributes that differ from the operator's defaults", () => {
  for (const [make, opType, attributes] of ATTRIBUTES) {
    const inputs = new Inputs(17);
    make(inputs);
    const node = inputs.graph.nodes.at(-1);
    expect([node?.opType, node?.attributes]).toEqual([opType, attributes]);
  }
});

test("a softmax over channels runs over the last dimension, where those after the channels are of size 1", () => {
  const i = new Inputs(17);
  const { tensor } = alongAxis(i.graph, "Softmax", viewOf(i.f("n", 4, 1, 1), [0, 3, 1, 2]), -1);
  expect(showShape(tensor.shape)).toBe("[n, 4]");
  expect(i.graph.nodes.map(({ opType }) => opType)).toEqual(["Reshape", "Softmax"]);
});

test("a reshape with one size to read and one left open reads the size", () => {
  const graph = new GraphBuilder(17);
  const made = graph.plain(graph.reshape(graph.input("x", "float32", ["n", "m", 4]), [dim("m"), null, 2]));
  expect(showShape(made.shape)).toBe("[m, 2*n, 2]");
  expect(graph.nodes.map(({ opType }) => opType)).toEqual(["Shape", "Concat", "Reshape"]);
});

test("an operator that an opset does not have is refused with the opset that has it", () => {
  const i = new Inputs(13);
  const diagonal = i.graph.constant("k", { dtype: "int64", dims: [], data: BigInt64Array.of(0n) });
  expect(() => shapes.trilu(i.graph, i.f(2, 2), diagonal, true)).toThrow("Trilu needs opset 14");
});
