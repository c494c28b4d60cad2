import { computedTensor, elementAt, isComputed, partsOf } from "../../../computed-tensor.ts";
import type { OnnxGraph, OnnxNode } from "../../../onnx/model.ts";
import type { Tensor } from "../../../tensor.ts";

import { withReplaced } from "./drop-unused.ts";
import { countUses, freshName, soleProducer, wiringOf } from "./wiring.ts";

/**
 * `scale · (W x + b) + shift` is `(scale · W) x + (scale · b + shift)`: a batch normalisation after a convolution or a
 * dense layer goes into its weights.
 */
export function foldScaleIntoWeights(graph: OnnxGraph): OnnxGraph {
  let current = graph;
  for (;;) {
    const next = passOneBias(current) ?? foldOneScale(current);
    if (next === null) return current;
    current = next;
  }
}

/**
 * `(W x + b) · scale` of a dense layer over sequences, whose bias is a node of its own: the scale goes before the bias,
 * next to the weights, and two shifts one after the other become one.
 */
function passOneBias(graph: OnnxGraph): OnnxGraph | null {
  const wiring = wiringOf(graph);
  for (const node of graph.nodes) {
    const outer = readAffine(graph, node);
    const bias = outer === null ? null : soleProducer(wiring, outer.input);
    const inner = bias?.opType === "Add" ? readAffine(graph, bias) : null;
    if (outer === null || bias === null || inner?.shift == null || outer.axis === "second") continue;
    if (soleProducer(wiring, inner.input)?.opType !== "MatMul" || !sameLastAxis(outer, inner)) continue;
    const initializers = new Map(graph.initializers);
    const length = Math.max(inner.shift.length, outer.scale?.length ?? 1, outer.shift?.length ?? 1);
    const at = (vector: Float32Array | null, index: number, otherwise: number): number =>
      vector === null ? otherwise : (vector[vector.length === 1 ? 0 : index] ?? otherwise);
    const data = Float32Array.from(
      { length },
      (_, index) => at(inner.shift, index, 0) * at(outer.scale, index, 1) + at(outer.shift, index, 0),
    );
    const name = freshName(initializers, bias.inputs[1] ?? "");
    initializers.set(name, { dtype: "float32", dims: [length], data });
    const [before, after] = [bias.outputs[0] ?? "", node.outputs];
    const replaced = new Map<OnnxNode, OnnxNode | null>();
    if (outer.scale === null) {
      replaced.set(bias, null).set(node, { ...bias, inputs: [inner.input, name], outputs: after });
    } else {
      replaced.set(bias, { ...node, inputs: [inner.input, node.inputs[1] ?? ""], outputs: [before] });
      replaced.set(node, { ...bias, inputs: [before, name], outputs: after });
    }
    return withReplaced(graph, replaced, initializers);
  }
  return null;
}

function sameLastAxis(outer: Affine, inner: Affine): boolean {
  return [outer.axis, inner.axis].every((axis) => axis === null || (axis !== "second" && axis.fromEnd === 0));
}

function foldOneScale(graph: OnnxGraph): OnnxGraph | null {
  const uses = countUses(graph);
  const producers = new Map(graph.nodes.map((node) => [node.outputs[0] ?? "", node]));
  const replaced = new Map<OnnxNode, OnnxNode | null>();
  const initializers = new Map(graph.initializers);
  for (const node of graph.nodes) {
    const affine = readAffine(graph, node);
    if (affine === null) continue;
    const producer = producers.get(affine.input);
    if (producer === undefined || replaced.has(producer) || uses.get(affine.input) !== 1) continue;
    const folded = scaleWeights(graph, initializers, producer, affine);
    if (folded === null) continue;
    replaced.set(producer, { ...folded, outputs: node.outputs });
    replaced.set(node, null);
  }
  return replaced.size === 0 ? null : withReplaced(graph, replaced, initializers);
}

/** `x · scale + shift` with constant scalars (length 1) or vectors along one axis. */
export interface Affine {
  readonly input: string;
  readonly scale: Float32Array | null;
  readonly shift: Float32Array | null;
  /** Axis of the vectors: counted from the last (0), or the second; null for scalars. */
  readonly axis: { readonly fromEnd: number } | "second" | null;
}

export function readAffine(graph: OnnxGraph, node: OnnxNode): Affine | null {
  if (node.opType === "BatchNormalization") return readBatchNormalization(graph, node);
  if (node.opType !== "Mul" && node.opType !== "Add") return null;
  const [first = "", second = ""] = node.inputs;
  const constant = graph.initializers.get(second);
  if (constant === undefined || constant.dtype !== "float32" || graph.initializers.has(first)) return null;
  const long = constant.dims.flatMap((dim, axis) => (dim === 1 ? [] : [axis]));
  if (long.length > 1) return null;
  const axis = long[0] === undefined ? null : { fromEnd: constant.dims.length - 1 - long[0] };
  return node.opType === "Mul"
    ? { input: first, scale: constant.data, shift: null, axis }
    : { input: first, scale: null, shift: constant.data, axis };
}

/** `scale / sqrt(variance + epsilon) · (x − mean) + bias`: https://onnx.ai/onnx/operators/onnx__BatchNormalization.html */
function readBatchNormalization(graph: OnnxGraph, node: OnnxNode): Affine | null {
  const [input = "", ...names] = node.inputs;
  const [scale, bias, mean, variance] = names.map((name) => {
    const tensor = graph.initializers.get(name);
    return tensor?.dtype === "float32" ? tensor.data : undefined;
  });
  const epsilon = node.attributes["epsilon"];
  if (scale === undefined || bias === undefined || mean === undefined || variance === undefined) return null;
  const added = epsilon?.type === "float" ? epsilon.value : 1e-5;
  const factor = scale.map((value, index) => value / Math.sqrt((variance[index] ?? 0) + added));
  const shift = bias.map((value, index) => value - (mean[index] ?? 0) * (factor[index] ?? 0));
  return { input, scale: factor, shift, axis: "second" };
}

function scaleWeights(
  graph: OnnxGraph,
  initializers: Map<string, Tensor>,
  producer: OnnxNode,
  affine: Affine,
): OnnxNode | null {
  const [input = "", weightName = "", biasName = ""] = producer.inputs;
  const weight = graph.initializers.get(weightName);
  const bias = biasName === "" ? null : graph.initializers.get(biasName);
  if (weight === undefined || bias === undefined || weight.dtype !== "float32") return null;
  if (bias !== null && bias.dtype !== "float32") return null;
  const channel = channelAxis(producer, weight);
  if (channel === null) return null;
  const channels = weight.dims[channel.ofWeight] ?? 0;
  if (affine.axis === "second" && producer.opType === "MatMul") return null;
  if (affine.axis !== null && affine.axis !== "second" && affine.axis.fromEnd !== channel.fromEnd) return null;
  if (bias !== null && bias.data.length !== channels) return null;
  if (producer.opType === "MatMul" && affine.shift !== null) return null;
  const at = (vector: Float32Array | null, index: number, otherwise: number): number =>
    vector === null ? otherwise : (vector[vector.length === 1 ? 0 : index] ?? otherwise);
  if ([affine.scale, affine.shift].some((v) => v !== null && v.length !== 1 && v.length !== channels)) return null;

  const newWeightName = affine.scale === null ? weightName : freshName(initializers, weightName);
  if (affine.scale !== null) {
    const inner = weight.dims.slice(channel.ofWeight + 1).reduce((size, dim) => size * dim, 1);
    const scaleAt = (index: number): number => at(affine.scale, Math.floor(index / inner) % channels, 1);
    const scaled = computedTensor(weight.dims, {
      *parts() {
        let start = 0;
        for (const part of partsOf(weight)) {
          const offset = start;
          yield part.map((value, index) => value * scaleAt(offset + index));
          start += part.length;
        }
      },
      element: (index) => Math.fround(Number(elementAt(weight, index)) * scaleAt(index)),
    });
    initializers.set(newWeightName, isComputed(weight) ? scaled : { ...weight, data: scaled.data });
  }
  if (producer.opType === "MatMul") return { ...producer, inputs: [input, newWeightName] };
  const shifted = Float32Array.from({ length: channels }, (_, index) => {
    const old = bias === null ? 0 : (bias.data[index] ?? 0);
    return old * at(affine.scale, index, 1) + at(affine.shift, index, 0);
  });
  const newBiasName = freshName(initializers, biasName === "" ? `${producer.name}/bias` : biasName);
  initializers.set(newBiasName, { dtype: "float32", dims: [channels], data: shifted });
  return { ...producer, inputs: [input, newWeightName, newBiasName] };
}

/** Which axis of the weight and of the output (from the end) counts the output channels. */
function channelAxis(node: OnnxNode, weight: Tensor): { readonly ofWeight: number; readonly fromEnd: number } | null {
  if (node.opType === "Conv") return { ofWeight: 0, fromEnd: weight.dims.length - 2 };
  if (node.opType === "ConvTranspose" && node.attributes["group"] === undefined) {
    return { ofWeight: 1, fromEnd: weight.dims.length - 2 };
  }
  if (node.opType === "Gemm" && node.attributes["transB"] === undefined && node.attributes["alpha"] === undefined) {
    return { ofWeight: 1, fromEnd: 0 };
  }
  if (node.opType === "MatMul" && weight.dims.length === 2) return { ofWeight: 1, fromEnd: 0 };
  return null;
}
