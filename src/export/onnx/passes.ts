import type { Tensor } from "../../tensor.ts";

import { ints, type OnnxGraph, type OnnxNode } from "./graph.ts";

/** A rewriting of the whole graph: the same numbers with fewer nodes. */
export type Pass = (graph: OnnxGraph) => OnnxGraph;

/** Every pass, in the order they run. */
export const passes: Readonly<Record<string, Pass>> = {
  foldPadIntoConv,
  foldScaleIntoWeights,
  guardPaddedPooling,
  dropUnused,
};

export function runPasses(graph: OnnxGraph): OnnxGraph {
  return Object.values(passes).reduce((current, pass) => pass(current), graph);
}

const LEAST_FLOAT = -3.4028234663852886e38;
const GUARD = "padded_pooling_guard";

/**
 * ONNX Runtime (1.30, PadFusion) makes padding with zeros part of a MaxPool, which pads with minus infinity, and of
 * poolings that refuse as much padding. A Max with the least float between the two changes no number and keeps them apart.
 */
export function guardPaddedPooling(graph: OnnxGraph): OnnxGraph {
  const pads = new Set(graph.nodes.flatMap(({ opType, outputs }) => (opType === "Pad" ? outputs : [])));
  const isPadded = ({ opType, inputs }: OnnxNode): boolean =>
    /^(Max|Average)Pool$/.test(opType) && pads.has(inputs[0] ?? "");
  if (!graph.nodes.some(isPadded)) return graph;
  const nodes = graph.nodes.flatMap((node) => {
    const [padded = ""] = node.inputs;
    if (!isPadded(node)) return [node];
    const guarded = `${padded}/${node.name}/Guard`;
    const name = `${node.name}/Guard`;
    const guard: OnnxNode = {
      opType: "Max",
      domain: "",
      name,
      inputs: [padded, GUARD],
      outputs: [guarded],
      attributes: {},
    };
    return [guard, { ...node, inputs: [guarded, ...node.inputs.slice(1)] }];
  });
  const least: Tensor = { dtype: "float32", dims: [], data: Float32Array.of(LEAST_FLOAT) };
  return { ...graph, nodes, initializers: new Map([...graph.initializers, [GUARD, least]]) };
}

/** Padding with zeros, then a convolution that nothing else shares the padded tensor with: the convolution pads itself. */
export function foldPadIntoConv(graph: OnnxGraph): OnnxGraph {
  const uses = countUses(graph);
  const pads = new Map<string, OnnxNode>();
  for (const node of graph.nodes) if (node.opType === "Pad") pads.set(node.outputs[0] ?? "", node);
  const nodes = graph.nodes.map((node) => {
    if (node.opType !== "Conv") return node;
    const pad = pads.get(node.inputs[0] ?? "");
    if (pad === undefined || uses.get(pad.outputs[0] ?? "") !== 1) return node;
    const sides = zeroPadding(graph, pad);
    const own = node.attributes["pads"];
    const rank = sides === null ? 0 : sides.length / 2 - 2;
    if (sides === null || rank < 1 || node.attributes["auto_pad"] !== undefined) return node;
    const half = sides.length / 2;
    if ([0, 1, half, half + 1].some((axis) => sides[axis] !== 0)) return node;
    const spatial = [...sides.slice(2, half), ...sides.slice(half + 2)];
    const before = own?.type === "ints" ? own.value : spatial.map(() => 0);
    const sum = spatial.map((side, index) => side + (before[index] ?? 0));
    return {
      ...node,
      inputs: [pad.inputs[0] ?? "", ...node.inputs.slice(1)],
      attributes: { ...node.attributes, pads: ints(sum) },
    };
  });
  return dropUnused({ ...graph, nodes });
}

function zeroPadding(graph: OnnxGraph, pad: OnnxNode): number[] | null {
  const mode = pad.attributes["mode"];
  if (mode !== undefined && !(mode.type === "string" && mode.value === "constant")) return null;
  const sides = graph.initializers.get(pad.inputs[1] ?? "");
  if (sides === undefined || sides.dtype !== "int64") return null;
  const fill = pad.inputs[2];
  if (fill !== undefined && fill !== "") {
    const value = graph.initializers.get(fill);
    if (value === undefined || Number(value.data[0]) !== 0) return null;
  }
  const numbers = Array.from(sides.data, Number);
  return numbers.every((side) => side >= 0) ? numbers : null;
}

/**
 * `scale · (W x + b) + shift` is `(scale · W) x + (scale · b + shift)`: a batch normalisation after a convolution or a
 * dense layer goes into its weights.
 */
export function foldScaleIntoWeights(graph: OnnxGraph): OnnxGraph {
  let current = graph;
  for (;;) {
    const next = foldOneScale(current);
    if (next === null) return current;
    current = next;
  }
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
  if (replaced.size === 0) return null;
  const nodes = graph.nodes.flatMap((node) => {
    const other = replaced.get(node);
    return other === undefined ? [node] : other === null ? [] : [other];
  });
  return dropUnused({ ...graph, nodes, initializers });
}

/** `x · scale + shift` with constant scalars (length 1) or vectors along one axis. */
interface Affine {
  readonly input: string;
  readonly scale: Float32Array | null;
  readonly shift: Float32Array | null;
  /** Axis of the vectors: counted from the last (0), or the second; null for scalars. */
  readonly axis: { readonly fromEnd: number } | "second" | null;
}

function readAffine(graph: OnnxGraph, node: OnnxNode): Affine | null {
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
    const data = weight.data.map((value, index) => value * at(affine.scale, Math.floor(index / inner) % channels, 1));
    initializers.set(newWeightName, { ...weight, data });
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

function freshName(initializers: ReadonlyMap<string, Tensor>, stem: string): string {
  let name = `${stem}_folded`;
  for (let count = 1; initializers.has(name); count++) name = `${stem}_folded_${count}`;
  return name;
}

/** Without the nodes and constants that no output needs. */
export function dropUnused(graph: OnnxGraph): OnnxGraph {
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const nodes: OnnxNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of readsOf(node)) needed.add(input);
    nodes.push(node);
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  return { ...graph, nodes: nodes.toReversed(), initializers };
}

/** Every tensor a node reads, those that its bodies take from outside included. */
export function readsOf(node: OnnxNode): string[] {
  const bodies = Object.values(node.attributes).flatMap((attribute) =>
    attribute.type === "graph"
      ? [...attribute.value.nodes.flatMap(readsOf), ...attribute.value.outputs.map((o) => o.name)]
      : [],
  );
  return [...node.inputs, ...bodies];
}

function countUses(graph: OnnxGraph): Map<string, number> {
  const uses = new Map<string, number>();
  const count = (name: string): void => {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  };
  for (const node of graph.nodes) readsOf(node).forEach(count);
  for (const output of graph.outputs) count(output.name);
  return uses;
}
