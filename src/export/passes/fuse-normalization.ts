import { asNumber, dim } from "../../onnx/dim.ts";
import { float, int, type Attributes } from "../../onnx/model.ts";
import { at, first } from "../../require.ts";

import {
  floatConstant,
  int64Constant,
  int64s,
  intsAttribute,
  madeBy,
  pairsOf,
  scalarConstant,
  type FloatTensor,
} from "./match.ts";
import type { Pass } from "./pass.ts";
import type { PassGraph, PassNode, PassTensor } from "./pass-graph.ts";

/** A tensor that is multiplied or added; `isReduced`: without the axes that the mean is over, which follow as size 1. */
interface Parameter {
  readonly tensor: PassTensor;
  readonly isReduced: boolean;
}

/** `x · s + (shift − mean · s)` with `s = scale / sqrt(variance + epsilon)`. */
interface Normalization {
  readonly input: PassTensor;
  /** What mean and variance are over, ascending. */
  readonly axes: readonly number[];
  readonly epsilon: number;
  readonly scale: Parameter | null;
  readonly shift: Parameter;
}

/**
 * Mean and variance of a tensor over some of its axes, and what they normalise: as TensorFlow writes instance and layer
 * normalisation, by moments and a batch normalisation. Over all axes after the channels it is an InstanceNormalization, over the
 * last axis a LayerNormalization.
 */
export const fuseNormalization: Pass = {
  name: "fuseNormalization",
  startsAt: ["Add"],
  apply(node, graph) {
    const found = readNormalization(node);
    const shape = found?.input.shape ?? null;
    if (found === null || shape === null) return false;
    const { axes } = found;
    const rank = shape.length;
    const forms: Form[] = [];
    const add = (opType: Form["opType"], place: number): void => {
      const channels = asNumber(at(shape, place));
      if (channels !== null) forms.push({ opType, channels, fromEnd: rank - 1 - place });
    };
    if (axes.length === 1 && axes[0] === rank - 1 && graph.opset >= 17) add("LayerNormalization", rank - 1);
    const isInstance = rank >= 3 && axes.length === rank - 2 && axes.every((axis) => axis >= 2);
    if (isInstance) add("InstanceNormalization", 1);
    return (
      forms.some((form) => writeWhole(node, graph, found, form)) || writeParts(node, graph, found, forms[0] ?? null)
    );
  },
};

/** What a normalisation may become: `channels` numbers each of scale and shift, along an axis counted from the last. */
interface Form {
  readonly opType: "InstanceNormalization" | "LayerNormalization";
  readonly channels: number;
  readonly fromEnd: number;
}

function attributesOf(opType: Form["opType"], epsilon: number): Attributes {
  return { epsilon: float(epsilon), ...(opType === "LayerNormalization" ? { axis: int(-1) } : {}) };
}

function vector(node: PassNode, graph: PassGraph, data: FloatTensor["data"]): PassTensor {
  return graph.constant(node.name, { dtype: "float32", dims: [data.length], data });
}

/** With constant scales and shifts. */
function writeWhole(
  node: PassNode,
  graph: PassGraph,
  { input, epsilon, scale, shift }: Normalization,
  { opType, channels, fromEnd }: Form,
): boolean {
  const scales = scale === null ? new Float32Array(channels).fill(1) : vectorOf(scale, channels, fromEnd);
  const shifts = vectorOf(shift, channels, fromEnd);
  if (scales === null || shifts === null) return false;
  const inputs = [input, vector(node, graph, scales), vector(node, graph, shifts)];
  graph.redefine(node, { opType, inputs, attributes: attributesOf(opType, epsilon) });
  return true;
}

/** Computed scales and shifts follow it. */
function writeParts(
  node: PassNode,
  graph: PassGraph,
  { input, axes, epsilon, scale, shift }: Normalization,
  form: Form | null,
): boolean {
  const rank = (input.shape?.length ?? NaN) - axes.length;
  const canFollow = ({ tensor, isReduced }: Parameter): boolean => !isReduced || tensor.shape?.length === rank;
  if (form === null || !canFollow(shift) || (scale !== null && !canFollow(scale))) return false;
  const { opType, channels } = form;
  const whole = ({ tensor, isReduced }: Parameter): PassTensor =>
    isReduced
      ? first(graph.add(node, { opType: "Unsqueeze", inputs: [tensor, int64s(graph, `${node.name}/axes`, axes)] }))
      : tensor;
  const neutral = [new Float32Array(channels).fill(1), new Float32Array(channels)];
  const inputs = [input, ...neutral.map((data) => vector(node, graph, data))];
  const plain = first(graph.add(node, { opType, inputs, attributes: attributesOf(opType, epsilon) }));
  const scaled = scale === null ? plain : first(graph.add(node, { opType: "Mul", inputs: [plain, whole(scale)] }));
  graph.redefine(node, { opType: "Add", inputs: [scaled, whole(shift)] });
  return true;
}

/** A constant as one number for each channel, `fromEnd` axes before the last; null when it is none. */
function vectorOf({ tensor, isReduced }: Parameter, channels: number, fromEnd: number): FloatTensor["data"] | null {
  const constant = floatConstant(tensor);
  if (constant === null) return null;
  const { dims, data } = constant;
  const place = dims.length - 1 - (isReduced ? 0 : fromEnd);
  const fits = data.length === channels && dims.every((size, axis) => size === 1 || axis === place);
  return fits ? data : null;
}

function readNormalization(node: PassNode): Normalization | null {
  for (const [scaled, moved] of pairsOf(node)) {
    const product = madeBy(scaled, "Mul");
    if (product === null) continue;
    for (const [input, factor] of pairsOf(product)) {
      const found = normalizationOf(input, factor, moved);
      if (found !== null) return found;
    }
  }
  return null;
}

function normalizationOf(input: PassTensor, factor: PassTensor, moved: PassTensor): Normalization | null {
  const isShiftReduced = madeBy(moved, "Sub") === null;
  const difference = madeBy(isShiftReduced ? sourceOf(moved) : moved, "Sub");
  const [shift, subtrahend] = difference?.inputs ?? [];
  if (shift == null || subtrahend == null) return null;
  const direct = madeBy(subtrahend, "Mul");
  for (const [mean, sameFactor] of pairsOf(direct ?? madeBy(sourceOf(subtrahend), "Mul"))) {
    const average = averageOf(mean, input);
    if (average === null) continue;
    const { axes } = average;
    // Both products are made of the same numbers: with the mean's axes as size 1, or without them.
    const isReduced = sameFactor !== factor;
    const isSame = isReduced
      ? sourceOf(factor) === sameFactor && isWithout(sameFactor, input, axes) && isAligned(factor, input, axes)
      : true;
    const isInPlace = isReduced ? isWithout(mean, input, axes) : isAligned(mean, input, axes);
    const isSubtracted =
      direct === null
        ? isReduced && !isShiftReduced && isAligned(subtrahend, input, axes)
        : isReduced === isShiftReduced;
    if (!isSame || !isInPlace || !isSubtracted) continue;
    if (isShiftReduced && !isAligned(moved, input, axes)) continue;
    const choices: readonly (readonly [PassTensor, PassTensor | null])[] = [
      [sameFactor, null],
      ...pairsOf(madeBy(sameFactor, "Mul")),
    ];
    for (const [inverse, scale] of choices) {
      if (!(isReduced ? isWithout(inverse, input, axes) : isAligned(inverse, input, axes))) continue;
      const epsilon = epsilonOf(inverse, average.tensor, input, axes);
      if (epsilon === null) continue;
      const scaling = scale === null ? null : { tensor: scale, isReduced };
      return { input, axes, epsilon, scale: scaling, shift: { tensor: shift, isReduced: isShiftReduced } };
    }
  }
  return null;
}

/** The epsilon of `1 / sqrt(variance + epsilon)`; null when the tensor is something else. */
function epsilonOf(
  inverse: PassTensor,
  average: PassTensor,
  input: PassTensor,
  axes: readonly number[],
): number | null {
  const reciprocal = madeBy(inverse, "Reciprocal") ?? madeBy(sourceOf(inverse), "Reciprocal");
  const sum = madeBy(madeBy(reciprocal?.inputs[0], "Sqrt")?.inputs[0], "Add");
  for (const [variance, added] of pairsOf(sum)) {
    const epsilon = scalarConstant(added);
    const square = madeBy(variance.producer?.inputs[0], "Mul");
    const [a, b] = square?.inputs ?? [];
    const difference = madeBy(a, "Sub");
    const [minuend, subtrahend] = difference?.inputs ?? [];
    if (epsilon === null || square == null || a == null || a !== b || minuend !== input || subtrahend == null) continue;
    const isMean = subtrahend === average || sourceOf(subtrahend) === average;
    const of = at(square.outputs, 0);
    if (!isMean || of === null || !isAligned(subtrahend, input, axes)) continue;
    if (meanAxes(variance.producer, of)?.join() === axes.join()) return epsilon;
  }
  return null;
}

/** The mean of the input that a tensor is, with or without the axes of size 1. */
function averageOf(
  mean: PassTensor,
  input: PassTensor,
): { readonly tensor: PassTensor; readonly axes: readonly number[] } | null {
  for (const tensor of [mean, sourceOf(mean)]) {
    const axes = meanAxes(tensor?.producer ?? null, input);
    if (tensor !== null && axes !== null) return { tensor, axes };
  }
  return null;
}

/** The axes of a mean of a tensor, ascending; null for another node. */
function meanAxes(node: PassNode | null, of: PassTensor): readonly number[] | null {
  const rank = of.shape?.length;
  if (node?.opType !== "ReduceMean" || node.inputs[0] !== of || rank === undefined) return null;
  const axes = intsAttribute(node, "axes") ?? int64Constant(node.inputs[1]);
  return axes?.map((axis) => (axis < 0 ? axis + rank : axis)).toSorted((a, b) => a - b) ?? null;
}

/** What a Reshape or Unsqueeze is made of; null for another tensor. */
function sourceOf(tensor: PassTensor): PassTensor | null {
  const node = madeBy(tensor, "Unsqueeze") ?? madeBy(tensor, "Reshape");
  return node?.inputs[0] ?? null;
}

/** Whether a tensor has the sizes of `input`, and 1 in the place of `axes`. First axes of size 1 may be left out. */
function isAligned({ shape }: PassTensor, input: PassTensor, axes: readonly number[]): boolean {
  const whole = input.shape;
  if (shape === null || whole === null || shape.length > whole.length) return false;
  const missing = whole.length - shape.length;
  return whole.every((size, axis) => {
    const wanted = axes.includes(axis) ? dim(1) : size;
    return wanted === (axis < missing ? dim(1) : shape[axis - missing]);
  });
}

/** Whether a tensor has the sizes of `input` without `axes`. */
function isWithout({ shape }: PassTensor, input: PassTensor, axes: readonly number[]): boolean {
  const rest = input.shape?.filter((_, axis) => !axes.includes(axis)) ?? null;
  return shape !== null && shape.length === rest?.length && shape.every((size, axis) => size === rest[axis]);
}
