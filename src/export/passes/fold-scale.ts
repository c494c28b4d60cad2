import { computedTensor, elementAt, isComputed, partsOf } from "../../computed-tensor.ts";
import { at, floatAt } from "../../require.ts";
import { sizeOf } from "../../tensor.ts";

import { elementFor, readAffine, type Affine } from "./affine.ts";
import { floatConstant, hasNoAttributes, type FloatTensor } from "./match.ts";
import type { Pass } from "./pass.ts";
import type { NodeSpec, PassGraph, PassNode, PassTensor } from "./pass-graph.ts";

/**
 * `scale · (W x + b) + shift` is `(scale · W) x + (scale · b + shift)`: a batch normalisation after a convolution or a
 * dense layer goes into its weights.
 */
export const foldScaleIntoWeights: Pass = {
  name: "foldScaleIntoWeights",
  startsAt: ["BatchNormalization", "Mul", "Add"],
  changesWeights: true,
  apply(node, graph) {
    const affine = readAffine(node);
    const producer = affine === null ? null : graph.soleProducer(node);
    const folded = affine === null || producer === null ? null : scaleWeights(graph, producer, affine);
    if (folded === null) return false;
    graph.redefine(node, folded);
    return true;
  },
};

/**
 * `(W x + b) · scale` of a dense layer over sequences, whose bias is a node of its own: the scale goes before the bias,
 * next to the weights, and two shifts one after the other become one.
 */
export const scaleBeforeBias: Pass = {
  name: "scaleBeforeBias",
  startsAt: ["Mul", "Add"],
  apply(node, graph) {
    const outer = readAffine(node);
    const bias = outer === null ? null : graph.soleProducer(node);
    const inner = bias?.opType === "Add" ? readAffine(bias) : null;
    if (outer === null || bias === null || inner === null || inner.shift === null) return false;
    if (graph.soleProducer(bias)?.opType !== "MatMul" || !areAlongLastAxis(outer, inner)) return false;
    const length = Math.max(inner.shift.length, outer.scale?.length ?? 1, outer.shift?.length ?? 1);
    const data = Float32Array.from(
      { length },
      (_, index) =>
        elementFor(inner.shift, index, 0) * elementFor(outer.scale, index, 1) + elementFor(outer.shift, index, 0),
    );
    const shift = graph.constant(nameOf(bias.inputs[1], bias), { dtype: "float32", dims: [length], data });
    const scaled =
      outer.scale === null
        ? [inner.input]
        : graph.add(node, { ...node, inputs: [inner.input, ...node.inputs.slice(1)], name: node.name });
    graph.redefine(node, { ...bias, inputs: [at(scaled, 0), shift] });
    return true;
  },
};

function areAlongLastAxis(...affines: readonly Affine[]): boolean {
  return affines.every(({ axis }) => axis === null || (axis !== "second" && axis.fromEnd === 0));
}

function nameOf(tensor: PassTensor | null | undefined, node: PassNode): string {
  return tensor?.name ?? `${node.name}/bias`;
}

function scaleWeights(graph: PassGraph, producer: PassNode, affine: Affine): NodeSpec | null {
  const [input, weightTensor, biasTensor] = producer.inputs;
  const weight = floatConstant(weightTensor);
  const bias = floatConstant(biasTensor);
  if (input == null || weightTensor == null || weight === null || (biasTensor != null && bias === null)) return null;
  const channel = channelAxis(producer, weight);
  if (channel === null) return null;
  const channels = at(weight.dims, channel.ofWeight);
  if (affine.axis === "second" && producer.opType === "MatMul") return null;
  if (affine.axis !== null && affine.axis !== "second" && affine.axis.fromEnd !== channel.fromEnd) return null;
  if (bias !== null && sizeOf(bias.dims) !== channels) return null;
  if (producer.opType === "MatMul" && affine.shift !== null) return null;
  const vectors = [affine.scale, affine.shift].filter((vector) => vector !== null);
  if (vectors.some(({ length }) => length !== 1 && length !== channels)) return null;

  const { scale } = affine;
  const newWeight =
    scale === null ? weightTensor : graph.constant(weightTensor.name, scaledAlong(weight, channel.ofWeight, scale));
  if (producer.opType === "MatMul") return { ...producer, inputs: [input, newWeight] };
  const shifted = Float32Array.from(
    { length: channels },
    (_, index) =>
      (bias === null ? 0 : at(bias.data, index)) * elementFor(scale, index, 1) + elementFor(affine.shift, index, 0),
  );
  const newBias = graph.constant(nameOf(biasTensor, producer), { dtype: "float32", dims: [channels], data: shifted });
  return { ...producer, inputs: [input, newWeight, newBias] };
}

/** The weight with the slices along one axis multiplied. A weight that is computed when it is written stays so. */
function scaledAlong(weight: FloatTensor, axis: number, scale: Float32Array): FloatTensor {
  const channels = at(weight.dims, axis);
  const inner = sizeOf(weight.dims.slice(axis + 1));
  const scaleAt = (index: number): number => elementFor(scale, Math.floor(index / inner) % channels, 1);
  /** Part of the weight from element `start` on. */
  const scaled = (part: Float32Array, start: number): Float32Array => {
    const result = new Float32Array(part.length);
    for (let index = 0; index < part.length;) {
      const factor = scaleAt(start + index);
      const end = Math.min(part.length, index + inner - ((start + index) % inner));
      for (; index < end; index++) result[index] = floatAt(part, index) * factor;
    }
    return result;
  };
  const tensor = computedTensor(weight.dims, {
    *parts() {
      let start = 0;
      for (const part of partsOf(weight)) {
        yield scaled(part, start);
        start += part.length;
      }
    },
    element: (index) => Math.fround(Number(elementAt(weight, index)) * scaleAt(index)),
  });
  return isComputed(weight) ? tensor : { ...weight, data: tensor.data };
}

/** Which axis of the weight and of the output (from the end) counts the output channels. */
function channelAxis(
  node: PassNode,
  { dims }: FloatTensor,
): { readonly ofWeight: number; readonly fromEnd: number } | null {
  if (node.opType === "Conv") return { ofWeight: 0, fromEnd: dims.length - 2 };
  if (node.opType === "ConvTranspose" && node.attributes["group"] === undefined) {
    return { ofWeight: 1, fromEnd: dims.length - 2 };
  }
  if (node.opType === "Gemm" && hasNoAttributes(node)) return { ofWeight: 1, fromEnd: 0 };
  if (node.opType === "MatMul" && dims.length === 2) return { ofWeight: 1, fromEnd: 0 };
  return null;
}
