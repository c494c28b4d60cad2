import { at, floatAt, last } from "../../require.ts";
import { sizeOf } from "../../tensor.ts";

import { elementFor, readAffine, type Affine } from "./affine.ts";
import { floatConstant, hasNoAttributes, intAttribute, intsAttribute, type FloatTensor } from "./match.ts";
import type { Pass } from "./pass.ts";
import type { NodeSpec, PassGraph, PassNode } from "./pass-graph.ts";

/** Operators that move elements and change none. */
const MOVES: ReadonlySet<string> = new Set(["Transpose", "Reshape", "Squeeze", "Unsqueeze"]);

/**
 * `W (scale · x + shift) + b` is `(W · scale) x + (W shift + b)`: a normalisation before a convolution or a dense layer
 * goes into its weights, where nothing is padded that the shift would have to reach. A scalar also passes nodes that only move
 * elements.
 */
export const foldScaleIntoNext: Pass = {
  name: "foldScaleIntoNext",
  startsAt: ["Conv", "Gemm"],
  changesWeights: true,
  apply(node, graph) {
    const kernel = readKernel(node);
    if (kernel === null) return false;
    const moves = movesBefore(graph, node);
    const firstMove = moves.at(-1) ?? null;
    const before = graph.soleProducer(firstMove ?? node);
    const affine = before === null ? null : readAffine(before);
    if (affine === null || !fits(affine, kernel)) return false;
    if (firstMove !== null && affine.axis !== null) return false;
    const folded = fold(graph, node, kernel, affine);
    if (folded === null) return false;
    if (firstMove === null) {
      graph.redefine(node, { ...folded, inputs: [affine.input, ...folded.inputs.slice(1)] });
    } else {
      graph.redefine(node, folded);
      graph.redefine(firstMove, { ...firstMove, inputs: [affine.input, ...firstMove.inputs.slice(1)] });
    }
    return true;
  },
};

/** The nodes before one that only move elements, from the last to the first, as long as nothing else reads them. */
function movesBefore(graph: PassGraph, node: PassNode): readonly PassNode[] {
  const moves: PassNode[] = [];
  for (;;) {
    const before = graph.soleProducer(last([node, ...moves.slice(-1)]));
    if (before === null || !MOVES.has(before.opType)) return moves;
    moves.push(before);
  }
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
  readonly isPadded: boolean;
}

function readKernel(node: PassNode): Kernel | null {
  const weight = floatConstant(node.inputs[1]);
  if (weight === null) return null;
  const [rows, columns] = [at(weight.dims, 0), at(weight.dims, 1)];
  if (node.opType === "Gemm") {
    if (!hasNoAttributes(node)) return null;
    return { weight, channels: rows, outputs: columns, groups: 1, layout: "rows", fromEnd: 0, isPadded: false };
  }
  const groups = intAttribute(node, "group", 1);
  const pads = intsAttribute(node, "pads") ?? [];
  return {
    weight,
    channels: columns * groups,
    outputs: rows,
    groups,
    layout: "convolution",
    fromEnd: weight.dims.length - 2,
    isPadded: pads.some((side) => side !== 0) || node.attributes["auto_pad"] !== undefined,
  };
}

/** Whether the vectors are along the channels that the kernel reads. */
function fits({ scale, shift, axis }: Affine, kernel: Kernel): boolean {
  if (kernel.isPadded && shift !== null && shift.some((value) => value !== 0)) return false;
  if (axis === null) return true;
  if (axis !== "second" && axis.fromEnd !== kernel.fromEnd) return false;
  return [scale, shift].every((vector) => vector === null || vector.length === kernel.channels);
}

function fold(graph: PassGraph, node: PassNode, kernel: Kernel, { scale, shift }: Affine): NodeSpec | null {
  const [input, weightTensor, biasTensor] = node.inputs;
  const bias = floatConstant(biasTensor);
  if (input == null || weightTensor == null) return null;
  if (biasTensor != null && (bias === null || sizeOf(bias.dims) !== kernel.outputs)) return null;
  const { weight, outputs } = kernel;
  const { data: own } = weight;
  const data = new Float32Array(own.length);
  const added = new Float64Array(outputs);
  const length = runLength(kernel);
  for (let start = 0; start < data.length; start += length) {
    const { channel, output, step } = runAt(kernel, start);
    const [factor, offset] = [elementFor(scale, channel, 1), elementFor(shift, channel, 0)];
    for (let index = 0; index < length; index++) {
      const value = floatAt(own, start + index);
      const place = output + index * step;
      data[start + index] = value * factor;
      added[place] = at(added, place) + value * offset;
    }
  }
  const newWeight = scale === null ? weightTensor : graph.constant(weightTensor.name, { ...weight, data });
  if (shift === null) return { ...node, inputs: [input, newWeight, ...node.inputs.slice(2)] };
  const sums = Float32Array.from(added, (value, output) => value + (bias === null ? 0 : at(bias.data, output)));
  const newBias = graph.constant(biasTensor?.name ?? `${node.name}/bias`, {
    dtype: "float32",
    dims: [outputs],
    data: sums,
  });
  return { ...node, inputs: [input, newWeight, newBias] };
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
