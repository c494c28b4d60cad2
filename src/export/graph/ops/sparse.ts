import { ExportError } from "../../../errors.ts";
import { string } from "../../../onnx/model.ts";
import { concat, gather, unsqueeze } from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { dimOf, insertAxis, viewOf, type Value } from "../../ir/value.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";

import { defineOp } from "./define.ts";

/** Rows of the data by their indices, added up by segments; segments that are left out are 0. */
function segmentSum(context: OpContext): { readonly sum: Value; readonly counts: GraphTensor } {
  const { graph } = context;
  if (graph.opset < 16) throw new ExportError(`segments need opset 16; the model is written for ${graph.opset}`);
  const data = context.tensor(0);
  const segments = graph.plain(graph.cast(context.tensor(2), "int64"));
  const picked = gather(graph, graph.plain(data), graph.plain(graph.cast(context.tensor(1), "int32")));
  // One more than the last segment; 0 of none.
  const last = graph.op("ReduceMax", [concat(graph, [graph.int64s([-1]), segments], 0)], {
    keepdims: { type: "int", value: 1 },
  });
  const count = graph.op("Add", [last, graph.int64s([1])]);
  const shape = concat(graph, [count, graph.shapeTensor(data.dims.slice(1))], 0);
  const places = unsqueeze(graph, segments, [1]);
  const add = { reduction: string("add") };
  const zeros = (sizes: GraphTensor, dtype: "float32" | "int32"): GraphTensor =>
    graph.op("ConstantOfShape", [sizes], {
      value: {
        type: "tensor",
        value:
          dtype === "int32"
            ? { dtype, dims: [1], data: Int32Array.of(0) }
            : { dtype, dims: [1], data: Float32Array.of(0) },
      },
    });
  const dtype = data.dtype === "int32" ? "int32" : "float32";
  const sum = graph.op("ScatterND", [zeros(shape, dtype), places, picked], add);
  const ones = graph.op("Expand", [graph.scalar(1), graph.op("Shape", [segments])]);
  const counts = graph.op("ScatterND", [zeros(count, "float32"), places, ones], add);
  return { sum: viewOf(sum), counts };
}

const sum = defineOp(["SparseSegmentSum"], ["Gather", "ScatterND"], (context) => segmentSum(context).sum);

const mean = defineOp(["SparseSegmentMean"], ["Gather", "ScatterND", "Div"], (context) => {
  const { graph } = context;
  const { sum: total, counts } = segmentSum(context);
  const least = viewOf(graph.op("Max", [counts, graph.scalar(1)]));
  const divisor = Array.from({ length: total.rank - 1 }, (_, axis) => axis + 1).reduce(insertAxis, least);
  const quotient = graph.binary("Div", graph.cast(total, "float32"), divisor);
  return graph.cast(quotient, total.dtype);
});

/** The coordinates of elements in a tensor of another shape: those of their places in memory. */
const reshape = defineOp(["SparseReshape"], ["Mul", "ReduceSum", "Div", "Mod"], (context) => {
  const { graph } = context;
  const from = context.integers(1, "the shape");
  const wanted = context.integers(2, "the new shape");
  const size = from.reduce((a, b) => a * b, 1);
  const known = wanted.filter((each) => each !== -1).reduce((a, b) => a * b, 1);
  const to = wanted.map((each) => (each === -1 ? size / known : each));
  const stridesOf = (dims: readonly number[]): readonly number[] =>
    dims.map((_, axis) => dims.slice(axis + 1).reduce((a, b) => a * b, 1));
  const row = (values: readonly number[]): Value =>
    graph.constantValue("strides", { dtype: "int64", dims: [values.length], data: BigInt64Array.from(values, BigInt) });
  const indices = graph.cast(context.tensor(0), "int64");
  const products = graph.plain(graph.binary("Mul", indices, row(stridesOf(from))));
  const place = viewOf(graph.op("ReduceSum", [products, graph.int64s([1])], { keepdims: { type: "int", value: 1 } }));
  const whole = graph.binary("Div", place, row(stridesOf(to)));
  const coordinates = graph.binary("Mod", whole, row(to));
  const shape = graph.constantValue("shape", { dtype: "int32", dims: [to.length], data: Int32Array.from(to) });
  return [graph.cast(coordinates, "int32"), shape];
});

/** Later values win where indices repeat. */
const sparseToDense = defineOp(["SparseToDense"], ["Expand", "ScatterND"], (context) => {
  const { graph } = context;
  const given = context.tensor(0);
  const indices = given.rank < 2 ? graph.reshape(given, given.rank === 0 ? [1, 1] : [dimOf(given, 0), 1]) : given;
  const values = context.tensor(2);
  const fill = graph.plain(graph.reshape(graph.cast(context.tensor(3), values.dtype), []));
  const sizes = context.sizes(1);
  const shape = sizes === null ? graph.plain(graph.cast(context.tensor(1), "int64")) : graph.shapeTensor(sizes);
  const count = graph.shapeTensor([dimOf(indices, 0)]);
  const updates = values.rank === 0 ? graph.op("Expand", [graph.plain(values), count]) : graph.plain(values);
  const base = graph.op("Expand", [fill, shape]);
  return viewOf(graph.op("ScatterND", [base, graph.plain(graph.cast(indices, "int64")), updates]));
});

export const sparseOps: readonly GraphOpConverter[] = [sum, mean, reshape, sparseToDense];
