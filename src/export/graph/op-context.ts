import { ExportError } from "../../errors.ts";
import { asNumber, type Dim } from "../../onnx/dim.ts";
import type { Tensor } from "../../tensor.ts";
import type { GraphBuilder } from "../build/builder.ts";
import type { Value } from "../ir/value.ts";

import {
  expectTensor,
  inputAt,
  isComplex,
  isTensor,
  type ComplexValue,
  type OpContext,
  type OpValue,
  type TableValue,
} from "./converter.ts";
import type { GraphSource } from "./source/graph-model.ts";

/** What a converter is given for one node. */
export class NodeContext implements OpContext {
  readonly graph: GraphBuilder;
  readonly inputs: readonly OpValue[];

  readonly #source: GraphSource;

  constructor(graph: GraphBuilder, inputs: readonly OpValue[], source: GraphSource) {
    this.graph = graph;
    this.inputs = inputs;
    this.#source = source;
  }

  contents({ node }: TableValue): { readonly keys: Tensor; readonly values: Tensor } {
    const filled = this.#source.tables.get(this.#source.resources.get(node) ?? node);
    if (filled === undefined) throw new ExportError(`nothing fills the hash table ${node} (LookupTableImportV2)`);
    return { keys: this.#initial(filled.keys.node), values: this.#initial(filled.values.node) };
  }

  /** What a node of the initializer gives: a constant, perhaps behind an Identity. */
  #initial(name: string): Tensor {
    const { initializer, weights } = this.#source;
    let node = initializer.get(name);
    for (let steps = 0; node?.op === "Identity" && steps < initializer.size; steps++) {
      node = initializer.get(node.inputs[0]?.node ?? "");
    }
    const weight = node === undefined ? undefined : weights.get(node.name)?.read();
    if (weight !== undefined && weight.dtype !== "complex64") return weight;
    throw new ExportError(`the contents of a hash table must be constants; ${name} is none`);
  }

  tensor(index: number): Value {
    return expectTensor(inputAt(this.inputs, index), index);
  }

  tensors(start = 0, end?: number): readonly Value[] {
    return this.inputs.slice(start, end).map((value, index) => expectTensor(value, start + index));
  }

  numeric(index: number): Value | ComplexValue {
    const value = inputAt(this.inputs, index);
    return isComplex(value) ? value : expectTensor(value, index);
  }

  constant(index: number): Tensor | null {
    const value = inputAt(this.inputs, index);
    if (!isTensor(value) || value.tensor.constant === null) return null;
    return this.graph.plain(value).constant;
  }

  sizes(index: number): readonly Dim[] | null {
    const value = inputAt(this.inputs, index);
    return isTensor(value) && value.rank <= 1 ? value.tensor.elements : null;
  }

  integers(index: number, what: string): readonly number[] {
    const constant = this.constant(index);
    if (constant !== null && constant.dtype !== "string") return Array.from(constant.data, Number);
    const known = this.sizes(index)?.map(asNumber) ?? null;
    if (known !== null && !known.includes(null)) return known.filter((size) => size !== null);
    throw new ExportError(`${what} (input ${index}) must be constant; they depend on the model's inputs`, {
      hint: "fix the shapes of the inputs with --input-shape, where they follow from them",
    });
  }
}
