import { float, int, ints, string, type Attributes } from "../../../onnx/model.ts";
import { at } from "../../../require.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import type { GraphBuilder } from "../builder.ts";

import { intsUnless } from "./attributes.ts";

/** How a window slides along the spatial axes; lists have an entry an axis, `pads` the beginnings, then the ends. */
export interface Sliding {
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly pads?: readonly number[];
}

function sliding({ strides, dilations, pads }: Sliding): Attributes {
  return {
    ...intsUnless("dilations", dilations, 1),
    ...intsUnless("pads", pads, 0),
    ...intsUnless("strides", strides, 1),
  };
}

/** Input [N, C, ...], weight [M, C / group, ...kernel], bias [M] or null; result [N, M, ...]. */
export function conv(
  graph: GraphBuilder,
  input: GraphTensor,
  weight: GraphTensor,
  bias: GraphTensor | null,
  options: Sliding & { readonly group?: number; readonly kernelShape?: readonly number[] } = {},
): GraphTensor {
  const { group = 1, kernelShape } = options;
  return graph.op("Conv", [input, weight, bias], {
    ...(kernelShape === undefined ? {} : { kernel_shape: ints(kernelShape) }),
    ...(group === 1 ? {} : { group: int(group) }),
    ...sliding(options),
  });
}

/** Input [N, C, ...], weight [C, M / group, ...kernel], bias [M] or null; result [N, M, ...]. */
export function convTranspose(
  graph: GraphBuilder,
  input: GraphTensor,
  weight: GraphTensor,
  bias: GraphTensor | null,
  options: Sliding & { readonly group?: number; readonly outputPadding?: readonly number[] } = {},
): GraphTensor {
  const { group = 1, outputPadding } = options;
  return graph.op("ConvTranspose", [input, weight, bias], {
    ...(group === 1 ? {} : { group: int(group) }),
    ...intsUnless("output_padding", outputPadding, 0),
    ...sliding(options),
  });
}

/** Input [N, C, ...]; padding never wins. */
export function maxPool(
  graph: GraphBuilder,
  input: GraphTensor,
  kernelShape: readonly number[],
  options: Sliding & { readonly ceilMode?: boolean } = {},
): GraphTensor {
  return graph.op("MaxPool", [input], {
    kernel_shape: ints(kernelShape),
    ...sliding(options),
    ...(options.ceilMode === true ? { ceil_mode: int(1) } : {}),
  });
}

/** Input [N, C, ...]; padding is not counted unless asked. */
export function averagePool(
  graph: GraphBuilder,
  input: GraphTensor,
  kernelShape: readonly number[],
  options: Omit<Sliding, "dilations"> & { readonly countIncludePad?: boolean } = {},
): GraphTensor {
  return graph.op("AveragePool", [input], {
    kernel_shape: ints(kernelShape),
    ...sliding(options),
    ...(options.countIncludePad === true ? { count_include_pad: int(1) } : {}),
  });
}

/** [N, C, ...] to [N, C, 1, ...]. */
export function globalAveragePool(graph: GraphBuilder, input: GraphTensor): GraphTensor {
  return graph.op("GlobalAveragePool", [input]);
}

/** [N, C, ...] to [N, C, 1, ...]. */
export function globalMaxPool(graph: GraphBuilder, input: GraphTensor): GraphTensor {
  return graph.op("GlobalMaxPool", [input]);
}

/** `a [M, K] · b [K, N] + bias`, either transposed before; the bias is broadcast to [M, N]. */
export function gemm(
  graph: GraphBuilder,
  a: GraphTensor,
  b: GraphTensor,
  bias: GraphTensor | null = null,
  options: { readonly transA?: boolean; readonly transB?: boolean } = {},
): GraphTensor {
  return graph.op("Gemm", [a, b, bias], {
    ...(options.transA === true ? { transA: int(1) } : {}),
    ...(options.transB === true ? { transB: int(1) } : {}),
  });
}

/** As numpy's matmul: leading axes are broadcast. */
export function matMul(graph: GraphBuilder, a: GraphTensor, b: GraphTensor): GraphTensor {
  return graph.op("MatMul", [a, b]);
}

export function einsum(graph: GraphBuilder, equation: string, operands: readonly GraphTensor[]): GraphTensor {
  return graph.op("Einsum", operands, { equation: string(equation) });
}

export function softmax(graph: GraphBuilder, input: GraphTensor, axis = -1): GraphTensor {
  return graph.op("Softmax", [input], axis === -1 ? {} : { axis: int(axis) });
}

export function logSoftmax(graph: GraphBuilder, input: GraphTensor, axis = -1): GraphTensor {
  return graph.op("LogSoftmax", [input], axis === -1 ? {} : { axis: int(axis) });
}

/** Input [N, C, ...], parameters [C]. */
export function batchNormalization(
  graph: GraphBuilder,
  input: GraphTensor,
  parameters: {
    readonly scale: GraphTensor;
    readonly bias: GraphTensor;
    readonly mean: GraphTensor;
    readonly variance: GraphTensor;
  },
  epsilon: number,
): GraphTensor {
  const { scale, bias, mean, variance } = parameters;
  return graph.op("BatchNormalization", [input, scale, bias, mean, variance], { epsilon: float(epsilon) });
}

/** Input [N, C, ...], scale and bias [C]: each channel of each sample by its own mean and variance. */
export function instanceNormalization(
  graph: GraphBuilder,
  input: GraphTensor,
  scale: GraphTensor,
  bias: GraphTensor,
  epsilon: number,
): GraphTensor {
  return graph.op("InstanceNormalization", [input, scale, bias], { epsilon: float(epsilon) });
}

/** Over the axes from `axis` on. Needs opset 17. */
export function layerNormalization(
  graph: GraphBuilder,
  input: GraphTensor,
  scale: GraphTensor,
  bias: GraphTensor | null,
  options: { readonly axis: number; readonly epsilon: number },
): GraphTensor {
  const { axis, epsilon } = options;
  return graph.op("LayerNormalization", [input, scale, bias], { axis: int(axis), epsilon: float(epsilon) });
}

/** Local response normalisation over channels of [N, C, ...]. */
export function lrn(
  graph: GraphBuilder,
  input: GraphTensor,
  options: { readonly size: number; readonly alpha: number; readonly beta: number; readonly bias: number },
): GraphTensor {
  const { size, alpha, beta, bias } = options;
  return graph.op("LRN", [input], { alpha: float(alpha), beta: float(beta), bias: float(bias), size: int(size) });
}

/** The modes of Resize: https://onnx.ai/onnx/operators/onnx__Resize.html */
export interface ResizeOptions {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly coordinates: "half_pixel" | "asymmetric" | "align_corners" | "half_pixel_symmetric" | "pytorch_half_pixel";
  readonly nearest?: "round_prefer_floor" | "round_prefer_ceil" | "floor" | "ceil";
}

/** To the sizes `sizes` (int64 [rank]). */
export function resize(
  graph: GraphBuilder,
  input: GraphTensor,
  sizes: GraphTensor,
  options: ResizeOptions,
): GraphTensor {
  const { mode, coordinates, nearest } = options;
  return graph.op("Resize", [input, null, null, sizes], {
    coordinate_transformation_mode: string(coordinates),
    mode: string(mode),
    ...(nearest === undefined ? {} : { nearest_mode: string(nearest) }),
  });
}

/** Boxes [N, B, 4] as y1 x1 y2 x2, scores [N, C, B]; result [S, 3] int64: batch, class, box. Best first within a class. */
export function nonMaxSuppression(
  graph: GraphBuilder,
  boxes: GraphTensor,
  scores: GraphTensor,
  limits: { readonly count: GraphTensor; readonly overlap: GraphTensor; readonly score: GraphTensor | null },
): GraphTensor {
  return graph.op("NonMaxSuppression", [boxes, scores, limits.count, limits.overlap, limits.score]);
}

/** [.., L, 1 or 2] to [.., L or L / 2 + 1, 2] along `axis`. Needs opset 17. */
export function dft(
  graph: GraphBuilder,
  input: GraphTensor,
  options: {
    readonly axis: number;
    readonly inverse?: boolean;
    readonly onesided?: boolean;
    readonly length?: GraphTensor;
  },
): GraphTensor {
  const { axis, inverse = false, onesided = false, length } = options;
  const flags: Attributes = {
    ...(inverse ? { inverse: int(1) } : {}),
    ...(onesided ? { onesided: int(1) } : {}),
  };
  if (graph.opset < 20) return graph.op("DFT", [input, length ?? null], { axis: int(axis), ...flags });
  const along = graph.constant("axis", { dtype: "int64", dims: [], data: BigInt64Array.of(BigInt(axis)) });
  return graph.op("DFT", [input, length ?? null, along], flags);
}

/** Parameters of a recurrent node: input [T, N, F], weights [D, gates * H, F or H], bias [D, 2 * gates * H]. */
export interface RecurrentInputs {
  readonly input: GraphTensor;
  readonly weight: GraphTensor;
  readonly recurrent: GraphTensor;
  readonly bias: GraphTensor | null;
  /** int32 [N], or null for all steps. */
  readonly lengths: GraphTensor | null;
  /** [D, N, H] */
  readonly hidden: GraphTensor | null;
  /** [D, N, H], of an LSTM. */
  readonly cell?: GraphTensor | null;
}

/** Outputs of a recurrent node: Y [T, D, N, H], Y_h [D, N, H] and, of an LSTM, Y_c [D, N, H]. */
export function recurrent(
  graph: GraphBuilder,
  opType: "LSTM" | "GRU" | "RNN",
  inputs: RecurrentInputs,
  attributes: Attributes,
): readonly GraphTensor[] {
  const { input, weight, bias, lengths, hidden, cell = null } = inputs;
  const outputs = opType === "LSTM" ? 3 : 2;
  const state = opType === "LSTM" ? [hidden, cell] : [hidden];
  return graph.node(opType, [input, weight, inputs.recurrent, bias, lengths, ...state], attributes, outputs);
}

/** Values and their places along `axis`, the largest first; `count` is int64 [1]. */
export function topK(
  graph: GraphBuilder,
  input: GraphTensor,
  count: GraphTensor,
  options: { readonly axis?: number; readonly largest?: boolean; readonly sorted?: boolean } = {},
): { readonly values: GraphTensor; readonly indices: GraphTensor } {
  const { axis = -1, largest = true, sorted = true } = options;
  const outputs = graph.node(
    "TopK",
    [input, count],
    { axis: int(axis), ...(largest ? {} : { largest: int(0) }), ...(sorted ? {} : { sorted: int(0) }) },
    2,
  );
  return { values: at(outputs, 0), indices: at(outputs, 1) };
}
