import type { OnnxGraph, OnnxNode } from "../../../onnx/model.ts";
import { sizeOf, type Tensor } from "../../../tensor.ts";

import { withReplaced } from "./drop-unused.ts";
import { readAffine, type Affine } from "./fold-scale.ts";
import {
  ELEMENTWISE,
  floatConstant,
  freshName,
  soleProducer,
  wiringOf,
  type FloatTensor,
  type Wiring,
} from "./wiring.ts";

/**
 * `W (scale · x + shift) + b` is `(W · scale) x + (W shift + b)`: a normalisation before a convolution or a dense layer
 * goes into its weights, where nothing is padded that the shift would have to reach.
 */
export function foldScaleIntoNext(graph: OnnxGraph): OnnxGraph {
  let current = graph;
  for (;;) {
    const next = foldOne(current);
    if (next === null) return current;
    current = next;
  }
}

function foldOne(graph: OnnxGraph): OnnxGraph | null {
  const wiring = wiringOf(graph);
  for (const node of graph.nodes) {
    const kernel = readKernel(graph, node);
    if (kernel === null) continue;
    const moves = movesBefore(wiring, node);
    const first = moves.at(-1) ?? node;
    const before = soleProducer(wiring, first.inputs[0] ?? "");
    const affine = before === null ? null : readAffine(graph, before);
    if (before === null || affine === null || !fits(graph, wiring, affine, kernel)) continue;
    if (moves.length > 0 && affine.axis !== null) continue;
    const initializers = new Map(graph.initializers);
    const folded = fold(graph, initializers, node, kernel, affine);
    if (folded === null) continue;
    const replaced = new Map<OnnxNode, OnnxNode | null>([
      [before, null],
      [node, folded],
    ]);
    const joint = replaced.get(first) ?? first;
    replaced.set(first, { ...joint, inputs: [affine.input, ...joint.inputs.slice(1)] });
    return withReplaced(graph, replaced, initializers);
  }
  return null;
}

/** The nodes before one that only move elements, from the last to the first, as long as nothing else reads them. */
function movesBefore(wiring: Wiring, { inputs }: OnnxNode): readonly OnnxNode[] {
  const moves: OnnxNode[] = [];
  let node = soleProducer(wiring, inputs[0] ?? "");
  while (node !== null && ["Transpose", "Reshape", "Squeeze", "Unsqueeze"].includes(node.opType)) {
    moves.push(node);
    node = soleProducer(wiring, node.inputs[0] ?? "");
  }
  return moves;
}

/** The weights of a linear node. */
interface Kernel {
  readonly weight: FloatTensor;
  readonly channels: number;
  readonly outputs: number;
  readonly groups: number;
  /** Dense weights have a row for each input channel; convolutions have outputs first, then the channels of their group. */
  readonly layout: "rows" | "convolution";
  /** Place of the channels among the input's dimensions, from the end. */
  readonly fromEnd: number;
  readonly padded: boolean;
}

function readKernel(graph: OnnxGraph, { opType, inputs, attributes }: OnnxNode): Kernel | null {
  const weight = floatConstant(graph, inputs[1] ?? "");
  if (weight === null) return null;
  const [first = 0, second = 0] = weight.dims;
  if (opType === "Gemm" && Object.keys(attributes).length === 0) {
    return { weight, channels: first, outputs: second, groups: 1, layout: "rows", fromEnd: 0, padded: false };
  }
  if (opType !== "Conv") return null;
  const group = attributes["group"];
  const groups = group?.type === "int" ? group.value : 1;
  return {
    weight,
    channels: second * groups,
    outputs: first,
    groups,
    layout: "convolution",
    fromEnd: weight.dims.length - 2,
    padded: attributes["pads"] !== undefined || attributes["auto_pad"] !== undefined,
  };
}

/** Whether a scale of that many elements along that axis changes no shape. */
function fits(graph: OnnxGraph, wiring: Wiring, { input, scale, shift, axis }: Affine, kernel: Kernel): boolean {
  if (kernel.padded && shift !== null && shift.some((value) => value !== 0)) return false;
  const vectors = [scale, shift].flatMap((vector) => vector ?? []);
  if (vectors.length === 0) return false;
  if (axis === null) return vectors.every(({ length }) => length === 1);
  if (axis !== "second" && axis.fromEnd !== kernel.fromEnd) return false;
  if (vectors.some(({ length }) => length !== kernel.channels)) return false;
  return axis === "second" || channelsOf(graph, wiring, input, kernel.fromEnd) === kernel.channels;
}

/** Size of a dimension that counts channels, where the nodes that make the tensor tell. */
function channelsOf(graph: OnnxGraph, { producers }: Wiring, tensor: string, fromEnd: number): number | null {
  let name = tensor;
  for (;;) {
    const given = graph.inputs.find((input) => input.name === name);
    if (given !== undefined) {
      const size = given.dims?.at(-1 - fromEnd);
      return typeof size === "number" ? size : null;
    }
    const node = producers.get(name);
    if (node === undefined) return null;
    const weight = graph.initializers.get(node.inputs[1] ?? "");
    if (node.opType === "Gemm" && fromEnd === 0) return weight?.dims[1] ?? null;
    if (node.opType === "Conv" && weight?.dims.length === fromEnd + 2) return weight.dims[0] ?? null;
    if (!ELEMENTWISE.has(node.opType) && node.opType !== "BatchNormalization") return null;
    name = node.inputs[0] ?? "";
  }
}

function fold(
  graph: OnnxGraph,
  initializers: Map<string, Tensor>,
  node: OnnxNode,
  kernel: Kernel,
  { scale, shift }: Affine,
): OnnxNode | null {
  const [, weightName = "", biasName = ""] = node.inputs;
  const bias = biasName === "" ? null : floatConstant(graph, biasName);
  if (biasName !== "" && bias?.data.length !== kernel.outputs) return null;
  const at = (vector: FloatTensor["data"] | null, channel: number, otherwise: number): number =>
    vector === null ? otherwise : (vector[vector.length === 1 ? 0 : channel] ?? otherwise);
  const { weight, outputs } = kernel;
  const { data: own } = weight;
  const data = new Float32Array(own.length);
  const added = new Float64Array(outputs);
  for (let start = 0; start < data.length; start += runLength(kernel)) {
    const { channel, output, step } = runAt(kernel, start);
    const [factor, offset] = [at(scale, channel, 1), at(shift, channel, 0)];
    for (let index = 0; index < runLength(kernel); index++) {
      const value = own[start + index] ?? 0;
      data[start + index] = value * factor;
      added[output + index * step] = (added[output + index * step] ?? 0) + value * offset;
    }
  }
  const inputs = [node.inputs[0] ?? "", weightName];
  if (scale !== null) {
    inputs[1] = freshName(initializers, weightName);
    initializers.set(inputs[1], { ...weight, data });
  }
  if (shift === null) return { ...node, inputs: [...inputs, ...node.inputs.slice(2)] };
  const newBias = freshName(initializers, biasName === "" ? `${node.name}/bias` : biasName);
  const sums = Float32Array.from(added, (value, output) => value + (bias?.data[output] ?? 0));
  initializers.set(newBias, { dtype: "float32", dims: [outputs], data: sums });
  return { ...node, inputs: [...inputs, newBias] };
}

/** How many elements of the weight, side by side, are for one input channel. */
function runLength({ weight, layout, channels, outputs, groups }: Kernel): number {
  return layout === "rows" ? outputs : (sizeOf(weight.dims) * groups) / (outputs * channels);
}

/** The input channel of a run that begins at `start`, its first output, and how far the next element's is from it. */
function runAt(
  kernel: Kernel,
  start: number,
): { readonly channel: number; readonly output: number; readonly step: number } {
  const { layout, channels, outputs, groups } = kernel;
  const run = start / runLength(kernel);
  if (layout === "rows") return { channel: run, output: 0, step: 1 };
  const perGroup = channels / groups;
  const output = Math.floor(run / perGroup);
  return { channel: Math.floor(output / (outputs / groups)) * perGroup + (run % perGroup), output, step: 0 };
}
