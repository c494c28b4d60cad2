import { at, first } from "../../require.ts";

import { floatConstant, haveSameShape, type FloatTensor } from "./match.ts";
import type { PassNode, PassTensor } from "./pass-graph.ts";

type Vector = FloatTensor["data"];

/** `x · scale + shift` with constant scalars (length 1) or vectors along one axis; the result has the shape of x. */
export interface Affine {
  readonly input: PassTensor;
  readonly scale: Vector | null;
  readonly shift: Vector | null;
  /** Axis of the vectors: counted from the last (0), or the second; null for scalars. */
  readonly axis: { readonly fromEnd: number } | "second" | null;
}

/** A Mul or an Add with a constant, or a batch normalisation, as what it computes; else null. */
export function readAffine(node: PassNode): Affine | null {
  if (node.domain !== "" || !haveSameShape(node.inputs[0], node.outputs[0])) return null;
  if (node.opType === "BatchNormalization") return readBatchNormalization(node);
  if (node.opType !== "Mul" && node.opType !== "Add") return null;
  const [input, second] = node.inputs;
  const constant = floatConstant(second);
  if (input == null || input.constant !== null || constant === null) return null;
  const long = constant.dims.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  if (long.length > 1) return null;
  const axis = long[0] === undefined ? null : { fromEnd: constant.dims.length - 1 - long[0] };
  return node.opType === "Mul"
    ? { input, scale: constant.data, shift: null, axis }
    : { input, scale: null, shift: constant.data, axis };
}

/** `scale / sqrt(variance + epsilon) · (x − mean) + bias`: https://onnx.ai/onnx/operators/onnx__BatchNormalization.html */
function readBatchNormalization({ inputs, attributes }: PassNode): Affine | null {
  const input = first(inputs);
  const [scale, bias, mean, variance] = inputs.slice(1).map((tensor) => floatConstant(tensor)?.data);
  const epsilon = attributes["epsilon"];
  if (input === null || scale === undefined || bias === undefined || mean === undefined || variance === undefined)
    return null;
  const added = epsilon?.type === "float" ? epsilon.value : 1e-5;
  const factor = scale.map((value, index) => value / Math.sqrt(at(variance, index) + added));
  const shift = bias.map((value, index) => value - at(mean, index) * at(factor, index));
  return { input, scale: factor, shift, axis: "second" };
}

/** The element for a channel: a vector of one element has the same for all. Without a vector, `otherwise`. */
export function elementFor(vector: Vector | null, channel: number, otherwise: number): number {
  return vector === null ? otherwise : at(vector, vector.length === 1 ? 0 : channel);
}
