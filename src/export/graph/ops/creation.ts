import { ExportError } from "../../../errors.ts";
import { asNumber } from "../../../onnx/dim.ts";
import { sizeOf, type DType, type Tensor } from "../../../tensor.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { cast, equal, where } from "../../build/ops/elementwise.ts";
import { constantOfShape, expand, range, reshape, unsqueeze } from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { viewOf, type Value } from "../../ir/value.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";
import type { GraphDType } from "../source/dtype.ts";

import { defineOp } from "./define.ts";

// TF.js: operations/executors/creation_executor.js.

/** Constants of more elements are computed at run time. */
const MAX_CONSTANT = 1024;
/** The same for ranges, of which models make tables of positions and anchors. */
const MAX_RANGE = 2 ** 16;

function filledTensor(dtype: DType, dims: readonly number[], value: number): Tensor {
  const count = sizeOf(dims);
  if (dtype === "float32") return { dtype, dims, data: new Float32Array(count).fill(value) };
  if (dtype === "int32") return { dtype, dims, data: new Int32Array(count).fill(value) };
  if (dtype === "bool") return { dtype, dims, data: new Uint8Array(count).fill(value) };
  throw new ExportError(`it makes a tensor of ${dtype}, which ONNX cannot fill`);
}

/** The shape that an input gives: sizes that are known or follow from those of inputs, or a tensor. */
function shapeInput(
  context: OpContext,
  index: number,
): { readonly tensor: GraphTensor; readonly known: readonly number[] | null } {
  const { graph } = context;
  const sizes = context.sizes(index);
  if (sizes === null) return { tensor: cast(graph, graph.plain(context.tensor(index)), "int64"), known: null };
  const known = sizes.map(asNumber).filter((size) => size !== null);
  return { tensor: graph.shapeTensor(sizes), known: known.length === sizes.length ? known : null };
}

function realType(dtype: GraphDType): DType {
  if (dtype === "complex64") throw new ExportError("it makes complex numbers, which ONNX cannot fill");
  return dtype;
}

function filled(graph: GraphBuilder, shape: ReturnType<typeof shapeInput>, dtype: DType, value: number): Value {
  const { known, tensor } = shape;
  if (known !== null && sizeOf(known) <= MAX_CONSTANT)
    return graph.constantValue("fill", filledTensor(dtype, known, value));
  return viewOf(constantOfShape(graph, tensor, filledTensor(dtype, [1], value)));
}

const fill = defineOp(["Fill"], ["ConstantOfShape", "Expand"], (context) => {
  const { graph } = context;
  const value = context.tensor(1);
  const known = context.constant(1);
  const shape = shapeInput(context, 0);
  if (known !== null && known.dtype !== "string") return filled(graph, shape, value.dtype, Number(known.data[0]));
  return viewOf(expand(graph, graph.plain(value), shape.tensor));
});

const constants = defineOp(["Zeros", "Ones"], ["ConstantOfShape"], (context, { op, attributes }) =>
  filled(context.graph, shapeInput(context, 0), realType(attributes.dtype("T", "float32")), op === "Ones" ? 1 : 0),
);

const like = defineOp(["ZerosLike", "OnesLike"], ["ConstantOfShape"], (context, { op }) => {
  const { graph } = context;
  const value = context.tensor(0);
  const sizes = value.dims.map(asNumber).filter((size) => size !== null);
  const shape = { tensor: graph.shapeTensor(value.dims), known: sizes.length === value.rank ? sizes : null };
  return filled(graph, shape, value.dtype, op === "OnesLike" ? 1 : 0);
});

function scalarInput(context: OpContext, index: number, dtype: DType): GraphTensor {
  const { graph } = context;
  const value = context.tensor(index);
  const tensor = cast(graph, graph.plain(value), dtype);
  return value.rank === 0 ? tensor : reshape(graph, tensor, graph.int64s([]));
}

const ranged = defineOp(["Range"], ["Range", "Cast"], (context, { attributes }) => {
  const { graph } = context;
  const dtype = realType(attributes.dtype("Tidx", "int32"));
  const known = [0, 1, 2].map((index) => context.constant(index));
  const numbers = known.flatMap((each) => (each === null || each.dtype === "string" ? [] : [Number(each.data[0])]));
  const [start, limit, step] = numbers;
  if (numbers.length === 3 && start !== undefined && limit !== undefined && step !== undefined) {
    if (step === 0) throw new ExportError("its step is 0");
    const count = Math.max(0, Math.ceil((limit - start) / step));
    if (count <= MAX_RANGE) {
      const values = Array.from({ length: count }, (_, index) => start + index * step);
      const dims = [count];
      return graph.constantValue(
        "range",
        dtype === "int32"
          ? { dtype, dims, data: Int32Array.from(values) }
          : { dtype: "float32", dims, data: Float32Array.from(values) },
      );
    }
  }
  const bounds = [0, 1, 2].map((index) => scalarInput(context, index, dtype));
  const [from, to, by] = bounds;
  if (from === undefined || to === undefined || by === undefined) throw new ExportError("it takes 3 inputs");
  return viewOf(range(graph, from, to, by));
});

/** TF.js ignores the axis: the new one is always the last. An index out of range gives a row of the off value. */
const oneHots = defineOp(["OneHot"], ["Equal", "Where", "Range", "Unsqueeze", "Cast"], (context, { attributes }) => {
  const { graph } = context;
  const dtype = realType(attributes.dtype("T", "float32"));
  // ONNX Runtime has no Where of bools.
  const stored = dtype === "bool" ? "int32" : dtype;
  const value = (index: number, otherwise: number): GraphTensor =>
    index < context.inputs.length
      ? scalarInput(context, index, stored)
      : graph.constant("value", filledTensor(stored, [], otherwise));
  const indices = context.tensor(0);
  const places = unsqueeze(graph, cast(graph, graph.plain(indices), "int32"), [indices.rank]);
  const hits = equal(graph, places, countingTo(context, 1));
  return viewOf(cast(graph, where(graph, hits, value(2, 1), value(3, 0)), dtype));
});

/** 0, 1, 2, ... below an input. */
function countingTo(context: OpContext, index: number): GraphTensor {
  const { graph } = context;
  const known = context.constant(index);
  const limit = known === null || known.dtype === "string" ? null : Number(known.data[0]);
  if (limit !== null && limit <= MAX_CONSTANT) {
    const data = Int32Array.from({ length: Math.max(0, limit) }, (_, each) => each);
    return graph.constant("range", { dtype: "int32", dims: [data.length], data });
  }
  const at = (value: number): GraphTensor => graph.constant("bound", filledTensor("int32", [], value));
  return range(graph, at(0), scalarInput(context, index, "int32"), at(1));
}

export const creations: readonly GraphOpConverter[] = [fill, constants, like, ranged, oneHots];
