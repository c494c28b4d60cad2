import { ExportError } from "../../../errors.ts";
import type { DimLike } from "../../../onnx/dim.ts";
import { int, ints, string, type Attributes } from "../../../onnx/model.ts";
import { first } from "../../../require.ts";
import type { Tensor } from "../../../tensor.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import type { GraphBuilder } from "../builder.ts";

export function transpose(graph: GraphBuilder, input: GraphTensor, perm: readonly number[]): GraphTensor {
  return graph.op("Transpose", [input], { perm: ints(perm) });
}

/** `shape` (int64 [rank]): 0 keeps the size of that place, -1 takes what is left. */
export function reshape(graph: GraphBuilder, input: GraphTensor, shape: GraphTensor): GraphTensor {
  return graph.op("Reshape", [input, shape]);
}

export function squeeze(graph: GraphBuilder, input: GraphTensor, axes: readonly number[]): GraphTensor {
  return axes.length === 0 ? input : graph.op("Squeeze", [input, graph.int64s(axes)]);
}

export function unsqueeze(graph: GraphBuilder, input: GraphTensor, axes: readonly number[]): GraphTensor {
  return axes.length === 0 ? input : graph.op("Unsqueeze", [input, graph.int64s(axes)]);
}

export function concat(graph: GraphBuilder, inputs: readonly GraphTensor[], axis: number): GraphTensor {
  return inputs.length === 1 ? first(inputs) : graph.op("Concat", inputs, { axis: int(axis) });
}

/** Parts of the sizes `sizes` along `axis`. */
export function split(
  graph: GraphBuilder,
  input: GraphTensor,
  sizes: readonly number[],
  axis: number,
): readonly GraphTensor[] {
  return graph.node("Split", [input, graph.int64s(sizes)], { axis: int(axis) }, sizes.length);
}

/** Bounds and steps along some axes; the ends of int64's range reach to the end of an axis. */
export interface Bounds {
  readonly axes: readonly number[];
  readonly starts: readonly DimLike[];
  readonly ends: readonly DimLike[];
  readonly steps?: readonly number[];
}

export function slice(graph: GraphBuilder, input: GraphTensor, { axes, starts, ends, steps }: Bounds): GraphTensor {
  const all = steps === undefined || steps.every((step) => step === 1) ? [] : [graph.int64s(steps)];
  return graph.op("Slice", [input, graph.shapeTensor(starts), graph.shapeTensor(ends), graph.int64s(axes), ...all]);
}

/** Whole slices along `axis` at `indices` (int32 or int64); negative indices count from the end. */
export function gather(graph: GraphBuilder, input: GraphTensor, indices: GraphTensor, axis = 0): GraphTensor {
  return graph.op("Gather", [input, indices], axis === 0 ? {} : { axis: int(axis) });
}

/** `input[indices[i..., :]]`; indices int64 [..., depth]. */
export function gatherNd(graph: GraphBuilder, input: GraphTensor, indices: GraphTensor, batchDims = 0): GraphTensor {
  return graph.op("GatherND", [input, indices], batchDims === 0 ? {} : { batch_dims: int(batchDims) });
}

/** The input with `updates` at `indices` (int64 [..., depth]). Reductions other than none need opset 16. */
export function scatterNd(
  graph: GraphBuilder,
  input: GraphTensor,
  indices: GraphTensor,
  updates: GraphTensor,
  reduction: "none" | "add" | "mul" = "none",
): GraphTensor {
  if (reduction !== "none") expectOpset(graph, 16, "ScatterND that adds up");
  return graph.op("ScatterND", [input, indices, updates], reduction === "none" ? {} : { reduction: string(reduction) });
}

/** Broadcast to `shape` (int64 [rank]). */
export function expand(graph: GraphBuilder, input: GraphTensor, shape: GraphTensor): GraphTensor {
  return graph.op("Expand", [input, shape]);
}

/** `repeats` is int64 [rank]. */
export function tile(graph: GraphBuilder, input: GraphTensor, repeats: GraphTensor): GraphTensor {
  return graph.op("Tile", [input, repeats]);
}

/** `pads` is int64 [2 * rank]: all beginnings, then all ends; `fill` a scalar of the input's type. */
export function pad(
  graph: GraphBuilder,
  input: GraphTensor,
  pads: GraphTensor,
  options: { readonly mode?: "constant" | "reflect" | "edge"; readonly fill?: GraphTensor } = {},
): GraphTensor {
  const { mode = "constant", fill } = options;
  return graph.op("Pad", [input, pads, fill ?? null], mode === "constant" ? {} : { mode: string(mode) });
}

/** A tensor of shape `shape` (int64 [rank]) filled with one value, given as a tensor [1]. */
export function constantOfShape(graph: GraphBuilder, shape: GraphTensor, value?: Tensor): GraphTensor {
  return graph.op("ConstantOfShape", [shape], value === undefined ? {} : { value: { type: "tensor", value } });
}

/** From `start` by `step` up to and without `limit`: scalars of one type. */
export function range(graph: GraphBuilder, start: GraphTensor, limit: GraphTensor, step: GraphTensor): GraphTensor {
  return graph.op("Range", [start, limit, step]);
}

/** `values` is [off, on]; the new axis is `axis`. Indices out of range give a row of off. */
export function oneHot(
  graph: GraphBuilder,
  indices: GraphTensor,
  depth: GraphTensor,
  values: GraphTensor,
  axis = -1,
): GraphTensor {
  return graph.op("OneHot", [indices, depth, values], axis === -1 ? {} : { axis: int(axis) });
}

/** Places of elements that are not 0: int64 [rank, count]. */
export function nonZero(graph: GraphBuilder, input: GraphTensor): GraphTensor {
  return graph.op("NonZero", [input]);
}

/** Sums along an axis, given as an int64 scalar; [a, b, c] to [a, a+b, a+b+c]. */
export function cumSum(
  graph: GraphBuilder,
  input: GraphTensor,
  axis: number,
  options: { readonly exclusive?: boolean; readonly reverse?: boolean } = {},
): GraphTensor {
  const at = graph.constant("axis", { dtype: "int64", dims: [], data: BigInt64Array.of(BigInt(axis)) });
  return graph.op("CumSum", [input, at], {
    ...(options.exclusive === true ? { exclusive: int(1) } : {}),
    ...(options.reverse === true ? { reverse: int(1) } : {}),
  });
}

/** The upper or lower triangle of the last two axes; `diagonal` (int64 scalar) moves its edge. */
export function trilu(graph: GraphBuilder, input: GraphTensor, diagonal: GraphTensor, upper: boolean): GraphTensor {
  expectOpset(graph, 14, "Trilu");
  return graph.op("Trilu", [input, diagonal], upper ? {} : { upper: int(0) });
}

/** [N, C, H, W] to [N, C / block², H * block, W * block]; DCR puts the depth before the channels, as TensorFlow does. */
export function depthToSpace(
  graph: GraphBuilder,
  input: GraphTensor,
  block: number,
  mode: "DCR" | "CRD" = "DCR",
): GraphTensor {
  return graph.op("DepthToSpace", [input], {
    blocksize: int(block),
    ...(mode === "DCR" ? {} : { mode: string(mode) }),
  });
}

/** [N, C, H, W] to [N, C * block², H / block, W / block]. */
export function spaceToDepth(graph: GraphBuilder, input: GraphTensor, block: number): GraphTensor {
  return graph.op("SpaceToDepth", [input], { blocksize: int(block) });
}

/** The values of a tensor, each once: values, first places, inverse, counts. Without an axis the tensor is flattened. */
export function unique(
  graph: GraphBuilder,
  input: GraphTensor,
  options: { readonly sorted?: boolean; readonly axis?: number } = {},
): readonly GraphTensor[] {
  const attributes: Attributes = {
    ...(options.axis === undefined ? {} : { axis: int(options.axis) }),
    ...(options.sorted === false ? { sorted: int(0) } : {}),
  };
  return graph.node("Unique", [input], attributes, 4);
}

/** Sizes of the axes from `start` up to and without `end` as int64. Ranges need opset 15. */
export function shapeOf(graph: GraphBuilder, input: GraphTensor): GraphTensor {
  return graph.op("Shape", [input]);
}

/** @throws {ExportError} when the model is written for an older operator set */
export function expectOpset(graph: GraphBuilder, least: number, what: string): void {
  if (graph.opset >= least) return;
  throw new ExportError(`${what} needs opset ${least}; the model is written for ${graph.opset}`, {
    hint: `export with --opset ${least} or later`,
  });
}
