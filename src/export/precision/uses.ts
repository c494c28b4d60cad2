import type { OnnxGraph, OnnxNode } from "../../onnx/model.ts";
import { at } from "../../require.ts";

/** How a weight is read, as far as it matters for rounding it. */
export interface WeightUse {
  /** Axes along which every index may have a scale of its own: those of output channels. */
  readonly channels: readonly number[];
  /** The axis that the operator sums over first, which blocks of elements with one scale are cut along; null: all other axes. */
  readonly summed: number | null;
  /** It is the right side of a product of matrices, `[K, N]`. */
  readonly isMatrix: boolean;
}

/** Every weight of the outermost graph that a node of a known kind reads, and how. One that others read too is left out. */
export function weightUses(graph: OnnxGraph): ReadonlyMap<string, WeightUse> {
  const uses = new Map<string, WeightUse | null>();
  const visit = ({ nodes, outputs }: OnnxGraph): void => {
    for (const { name } of outputs) uses.set(name, null);
    for (const node of nodes) {
      for (const [index, name] of node.inputs.entries()) {
        const tensor = graph.initializers.get(name);
        if (tensor === undefined || uses.get(name) === null) continue;
        const use = useOf(node, index, tensor.dims);
        const known = uses.get(name);
        uses.set(name, known === undefined || use === null || sameUse(known, use) ? use : null);
      }
      for (const attribute of Object.values(node.attributes)) if (attribute.type === "graph") visit(attribute.value);
    }
  };
  visit(graph);
  const known = new Map<string, WeightUse>();
  for (const [name, use] of uses) if (use !== null) known.set(name, use);
  return known;
}

/** Names of the nodes that a tensor is computed by. */
export function nodesBehind(graph: OnnxGraph, tensor: string): readonly string[] {
  const tensors = constantsOf(graph, tensor);
  return graph.nodes.filter(({ outputs }) => outputs.some((name) => tensors.has(name))).map(({ name }) => name);
}

/** Names of all tensors that a tensor is computed from, constants among them. */
export function constantsOf({ nodes }: OnnxGraph, tensor: string): ReadonlySet<string> {
  const found = new Set([tensor]);
  // Each node comes after those whose outputs it reads.
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => found.has(name))) continue;
    for (const name of namesRead(node)) found.add(name);
  }
  return found;
}

/** What a node reads, in its bodies too. */
export function namesRead({ inputs, attributes }: OnnxNode): readonly string[] {
  const bodies = Object.values(attributes).flatMap((each) => (each.type === "graph" ? [each.value] : []));
  return [
    ...inputs,
    ...bodies.flatMap(({ nodes, outputs }) => [...nodes.flatMap(namesRead), ...outputs.map(({ name }) => name)]),
  ];
}

/** Biases of recurrent layers, which are small and stay float32 though they have two axes. */
export function recurrentBiases({ nodes }: OnnxGraph): ReadonlySet<string> {
  const recurrent = nodes.filter(({ opType, domain }) => domain === "" && /^(?:LSTM|GRU|RNN)$/.test(opType));
  return new Set(recurrent.flatMap(({ inputs }) => inputs.slice(BIAS, BIAS + 1)));
}

/** Input of LSTM, GRU and RNN that has the biases. */
const BIAS = 3;

function sameUse(a: WeightUse | null | undefined, b: WeightUse): boolean {
  return a?.channels.join() === b.channels.join() && a.summed === b.summed && a.isMatrix === b.isMatrix;
}

function useOf(node: OnnxNode, input: number, dims: readonly number[]): WeightUse | null {
  const rank = dims.length;
  switch (node.domain === "" ? node.opType : "") {
    case "MatMul":
      if (rank < 2) return null;
      return input === 1
        ? { channels: except(rank, rank - 2), summed: rank - 2, isMatrix: rank === 2 }
        : { channels: except(rank, rank - 1), summed: rank - 1, isMatrix: false };
    case "Gemm": {
      if (input !== 1) return null;
      const isTransposed = integer(node, "transB", 0) !== 0;
      const isMatrix = !isTransposed && Object.keys(node.attributes).length === 0;
      return { channels: [isTransposed ? 0 : 1], summed: isTransposed ? 1 : 0, isMatrix };
    }
    case "Conv":
      return input === 1 ? { channels: [0], summed: null, isMatrix: false } : null;
    case "ConvTranspose":
      if (input !== 1) return null;
      return integer(node, "group", 1) === 1
        ? { channels: [1], summed: 0, isMatrix: false }
        : { channels: [0, 1], summed: null, isMatrix: false };
    case "LSTM":
    case "GRU":
    case "RNN":
      return input === 1 || input === 2 ? { channels: [0, 1], summed: 2, isMatrix: false } : null;
    case "Gather":
      return input === 0 && rank === 2 && integer(node, "axis", 0) === 0
        ? { channels: [0], summed: 1, isMatrix: false }
        : null;
    default:
      return null;
  }
}

function except(rank: number, axis: number): readonly number[] {
  return Array.from({ length: rank }, (_, index) => index).filter((index) => index !== axis);
}

function integer({ attributes }: OnnxNode, name: string, otherwise: number): number {
  const attribute = attributes[name];
  return attribute?.type === "int" ? attribute.value : otherwise;
}

/** The shape that scales have: the sizes of the channels, 1 elsewhere. */
export function scaleShape(dims: readonly number[], { channels }: WeightUse): readonly number[] {
  return dims.map((size, axis) => (channels.includes(axis) ? size : 1));
}

/** A weight seen so that blocks of `block` elements with one scale are an axis, and the shape of the scales. */
export interface BlockView {
  readonly dims: readonly number[];
  readonly scales: readonly number[];
  readonly block: number;
}

const BLOCK = 32;
/** A weight whose blocks would be longer is not cut into blocks. */
const LONGEST_BLOCK = 128;

/**
 * Blocks of 32 where that divides the elements that are summed; else as many as 64 that do, or all of them. Null where no length
 * fits. An axis of channels that lies behind the summed one stays behind it.
 */
export function blocksOf(dims: readonly number[], { channels, summed }: WeightUse): BlockView | null {
  const axis = summed ?? dims.findIndex((_, index) => !channels.includes(index));
  if (axis < 0) return null;
  // Without one summed axis all axes behind the channels are summed, and are one.
  const before = dims.slice(0, axis);
  const length = summed === null ? product(dims.slice(axis)) : at(dims, axis);
  const after = summed === null ? [] : dims.slice(axis + 1);
  const block = blockLength(length);
  if (block === null) return null;
  const own = (sizes: readonly number[], from: number): readonly number[] =>
    sizes.map((size, index) => (channels.includes(from + index) ? size : 1));
  return {
    dims: [...before, length / block, block, ...after],
    scales: [...own(before, 0), length / block, 1, ...own(after, axis + 1)],
    block,
  };
}

function blockLength(length: number): number | null {
  if (length % BLOCK === 0 && length > 0) return BLOCK;
  for (let block = Math.min(2 * BLOCK, length); block >= BLOCK / 4; block--) if (length % block === 0) return block;
  return length > 0 && length <= LONGEST_BLOCK ? length : null;
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((size, each) => size * each, 1);
}
