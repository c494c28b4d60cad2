import { sizeOf } from "../../tensor.ts";

import type { GraphSource } from "./source/graph-model.ts";
import type { GraphNode, NodeOutput } from "./source/node.ts";

// TensorFlow (nn_ops.py, with_space_to_batch) writes a dilated convolution as a plain one between SpaceToBatchND and BatchToSpaceND. Let the
// first pad an axis by (p, q), and the second crop it by (c, d). Element j of the result is a sum over the filter: its element t times
// element c + j + t * block of the padded input. This holds for all sizes. It is a convolution whose dilation is the block, of the input
// padded by (p - c, q - d).

/** What has one filter for all places, and what it may fuse. */
const CONVOLUTIONS: ReadonlySet<string> = new Set([
  "Conv2D",
  "_FusedConv2D",
  "DepthwiseConv2dNative",
  "FusedDepthwiseConv2dNative",
]);
const FUSED: ReadonlySet<string> = new Set(["biasadd", "relu", "relu6", "elu", "sigmoid", "leakyrelu"]);
/** Constants of more elements are no paddings. */
const MOST_ELEMENTS = 64;

/** Replaces each BatchToSpaceND that ends a dilated convolution by one convolution. Nodes that are not used any more stay in the model. */
export function withDilatedConvolutions(source: GraphSource): GraphSource {
  const nodes = new Map(source.nodes);
  const numbers = new Numbers(source);
  for (const node of source.nodes.values()) {
    if (node.op !== "BatchToSpaceND") continue;
    for (const made of dilated(source, numbers, node) ?? []) nodes.set(made.name, made);
  }
  return { ...source, nodes };
}

/** The nodes that compute a BatchToSpaceND, the last of which has its name; null when it ends no dilated convolution. */
function dilated({ nodes }: GraphSource, numbers: Numbers, end: GraphNode): readonly GraphNode[] | null {
  const [last, block, crops] = end.inputs;
  const before = producer(nodes, last);
  if (last?.output !== 0 || before === null || block === undefined || crops === undefined) return null;
  // A convolution of sequences is one of pictures of one row.
  const squeezed = before.op === "Squeeze" ? before : null;
  const convolution = squeezed === null ? before : producer(nodes, squeezed.inputs[0]);
  if (convolution === null || !isPlain(convolution)) return null;
  const first = producer(nodes, convolution.inputs[0]);
  const expanded = squeezed !== null && first?.op === "ExpandDims" ? first : null;
  const start = squeezed === null ? first : producer(nodes, expanded?.inputs[0]);
  if (start?.op !== "SpaceToBatchND") return null;
  const [input, startBlock, paddings] = start.inputs;
  if (input === undefined || startBlock === undefined || paddings === undefined) return null;
  const sizes = numbers.list(block);
  const pads = numbers.differences(paddings, crops, sizes?.length ?? 0);
  if (sizes === null || pads === null || numbers.list(startBlock)?.join() !== sizes.join()) return null;
  if (squeezed === null) {
    if (sizes.length > 2) return null;
    return [convolutionOf(end.name, convolution, input, sizes, pads)];
  }
  const axis = expanded?.inputs[1];
  const places = squeezed.attributes.ints("squeeze_dims", []);
  const isRow = axis !== undefined && sizes.length === 1 && [numbers.list(axis) ?? [], places].every(isFirstOfPicture);
  if (expanded === null || axis === undefined || !isRow) return null;
  const [wide, result] = [`${end.name}/picture`, `${end.name}/convolution`];
  if (nodes.has(wide) || nodes.has(result)) return null;
  return [
    { ...expanded, name: wide, inputs: [input, axis], controls: [] },
    convolutionOf(result, convolution, { node: wide, output: 0 }, [1, ...sizes], [[0, 0], ...pads]),
    { ...squeezed, name: end.name, inputs: [{ node: result, output: 0 }] },
  ];
}

/** Whether the only axis listed is the height of [batch, height, width, channels]. */
function isFirstOfPicture(axes: readonly number[]): boolean {
  return axes.length === 1 && (axes[0] === 1 || axes[0] === -3);
}

function producer(nodes: GraphSource["nodes"], output: NodeOutput | undefined): GraphNode | null {
  return output?.output === 0 ? (nodes.get(output.node) ?? null) : null;
}

/** A convolution of [batch, height, width, channels] that pads nothing and takes every place. */
function isPlain({ op, attributes }: GraphNode): boolean {
  if (!CONVOLUTIONS.has(op)) return false;
  const ones = (name: string): boolean => attributes.ints(name, []).every((each) => each === 1);
  return (
    attributes.oneOf("padding", ["SAME", "VALID", "EXPLICIT"]) === "VALID" &&
    attributes.oneOf("data_format", ["NHWC", "NCHW"], "NHWC") === "NHWC" &&
    ones("strides") &&
    ones("dilations") &&
    attributes.strings("fused_ops", []).every((name) => FUSED.has(name.toLowerCase()))
  );
}

type Pair = readonly [begin: number, end: number];

function convolutionOf(
  name: string,
  convolution: GraphNode,
  input: NodeOutput,
  block: readonly number[],
  pads: readonly Pair[],
): GraphNode {
  const inner = <Item>(list: readonly Item[], otherwise: Item): readonly Item[] => [
    otherwise,
    ...Array.from({ length: 2 }, (_, axis) => list[axis] ?? otherwise),
    otherwise,
  ];
  const none: Pair = [0, 0];
  return {
    ...convolution,
    name,
    inputs: [input, ...convolution.inputs.slice(1)],
    controls: [],
    attributes: convolution.attributes.with({
      dilations: { list: { i: inner(block, 1) } },
      padding: { s: btoa("EXPLICIT") },
      explicit_paddings: { list: { i: inner(pads, none).flat() } },
    }),
  };
}

/** A sum of a number and of values that only a run gives, each by its name. */
interface Sum {
  readonly number: number;
  readonly terms: ReadonlyMap<string, number>;
}

/** Integers that nodes compute, as far as they can be told before a run. */
class Numbers {
  readonly #source: GraphSource;

  constructor(source: GraphSource) {
    this.#source = source;
  }

  /** A constant list, or a constant alone. */
  list(output: NodeOutput): readonly number[] | null {
    return this.#constant(output)?.data ?? null;
  }

  /** Pairs [count, 2] less others; null unless these are numbers of at least 0. */
  differences(from: NodeOutput, less: NodeOutput, count: number): readonly Pair[] | null {
    const pairs: Pair[] = [];
    for (let row = 0; row < count; row++) {
      const [begin, end] = [0, 1].map((column) => this.#difference(from, less, row, column));
      if (begin == null || end == null) return null;
      pairs.push([begin, end]);
    }
    return pairs;
  }

  #difference(from: NodeOutput, less: NodeOutput, row: number, column: number): number | null {
    const [a, b] = [this.#cell(from, row, column), this.#cell(less, row, column)];
    if (a === null || b === null) return null;
    const { number, terms } = combined(a, b, -1);
    return terms.size === 0 && number >= 0 ? number : null;
  }

  /** An element of a matrix that is packed of its rows, or constant. */
  #cell(output: NodeOutput, row: number, column: number): Sum | null {
    const known = this.#constant(output);
    if (known !== null) return known.dims.length === 2 ? numberAt(known.data, 2 * row + column) : null;
    const node = producer(this.#source.nodes, output);
    if (node?.op === "ExpandDims") {
      const [rows, axis] = node.inputs;
      const isFirst = axis !== undefined && this.list(axis)?.join() === "0";
      return rows !== undefined && isFirst && row === 0 ? this.#element(rows, column) : null;
    }
    const part = node?.op === "Pack" && node.attributes.int("axis", 0) === 0 ? node.inputs[row] : undefined;
    return part === undefined ? null : this.#element(part, column);
  }

  /** An element of a list, or a single number. */
  #element(output: NodeOutput, index: number): Sum {
    const known = this.#constant(output);
    if (known !== null && known.dims.length <= 1) {
      return numberAt(known.data, known.data.length === 1 ? 0 : index) ?? unknown(output, index);
    }
    const node = producer(this.#source.nodes, output);
    const [a, b] = node?.inputs ?? [];
    if (node === null || a === undefined) return unknown(output, index);
    switch (node.op) {
      case "Identity":
        return this.#element(a, index);
      case "Add":
      case "AddV2":
      case "Sub":
        return b === undefined
          ? unknown(output, index)
          : combined(this.#element(a, index), this.#element(b, index), node.op === "Sub" ? -1 : 1);
      case "Pack": {
        const part = node.attributes.int("axis", 0) === 0 ? node.inputs[index] : undefined;
        return part === undefined ? unknown(output, index) : this.#element(part, 0);
      }
      case "StridedSlice": {
        const begin = this.#singlePlace(node);
        return begin === null || index !== 0 ? unknown(output, index) : this.#element(a, begin);
      }
      default:
        return unknown(output, index);
    }
  }

  /** The place of the one element that a StridedSlice takes out of a list. */
  #singlePlace({ inputs, attributes }: GraphNode): number | null {
    const masks = ["begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask"];
    if (attributes.int("shrink_axis_mask", 0) !== 1 || masks.some((mask) => attributes.int(mask, 0) !== 0)) return null;
    const [, begin] = inputs;
    const [place, ...others] = begin === undefined ? [] : (this.list(begin) ?? []);
    return place === undefined || place < 0 || others.length > 0 ? null : place;
  }

  #constant({ node: name, output }: NodeOutput): Constant | null {
    const weight = this.#source.weights.get(name);
    if (output !== 0 || this.#source.nodes.get(name)?.op !== "Const" || weight?.dtype !== "int32") return null;
    if (sizeOf(weight.dims) > MOST_ELEMENTS) return null;
    const values = weight.read();
    return values.dtype === "int32" ? { dims: values.dims, data: Array.from(values.data) } : null;
  }
}

interface Constant {
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

function numberAt(data: readonly number[], index: number): Sum | null {
  const number = data[index];
  return number === undefined ? null : { number, terms: new Map() };
}

function unknown({ node, output }: NodeOutput, index: number): Sum {
  return { number: 0, terms: new Map([[`${node}:${output}[${index}]`, 1]]) };
}

/** The first sum and `factor` times the second. */
function combined(a: Sum, b: Sum, factor: number): Sum {
  const terms = new Map(a.terms);
  for (const [name, count] of b.terms) {
    const both = (terms.get(name) ?? 0) + factor * count;
    if (both === 0) terms.delete(name);
    else terms.set(name, both);
  }
  return { number: a.number + factor * b.number, terms };
}
