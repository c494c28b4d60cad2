import { ExportError, InternalError } from "../../../errors.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { sequenceConstruct, sequenceEmpty, splitToSequence } from "../../build/ops/sequence.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { viewOf, type Value } from "../../ir/value.ts";
import { isComplex, isList, isTable, isTensor, type ItemList, type ListValue, type OpValue } from "../converter.ts";

/** How a value crosses the border of a body: as tensors, and as what they are made into again on the other side. */
export interface Packed {
  readonly tensors: readonly GraphTensor[];
  unpack(tensors: readonly GraphTensor[]): OpValue;
}

/** A value as the tensors that it is made of, in TF.js's order of axes. */
export function pack(graph: GraphBuilder, value: OpValue): Packed {
  if (isTensor(value)) {
    return { tensors: [graph.plain(value)], unpack: ([tensor]) => viewOf(expect(tensor)) };
  }
  if (isComplex(value)) {
    return {
      tensors: [graph.plain(value.real), graph.plain(value.imaginary)],
      unpack: ([real, imaginary]) => ({
        kind: "complex",
        real: viewOf(expect(real)),
        imaginary: viewOf(expect(imaginary)),
      }),
    };
  }
  if (isTable(value)) return { tensors: [], unpack: () => value };
  if (isList(value)) {
    return {
      tensors: [sequenceOf(graph, value)],
      unpack: ([sequence]) => ({ kind: "list", form: "sequence", sequence: expect(sequence) }),
    };
  }
  return value satisfies never;
}

/** All of several values. */
export function packAll(
  graph: GraphBuilder,
  values: readonly OpValue[],
): { readonly tensors: readonly GraphTensor[]; unpack(tensors: readonly GraphTensor[]): readonly OpValue[] } {
  const packed = values.map((value) => pack(graph, value));
  return {
    tensors: packed.flatMap(({ tensors }) => tensors),
    unpack(tensors) {
      let next = 0;
      return packed.map((each) => {
        const start = next;
        next += each.tensors.length;
        return each.unpack(tensors.slice(start, next));
      });
    },
  };
}

/** The list as an ONNX sequence. */
export function sequenceOf(graph: GraphBuilder, list: ListValue): GraphTensor {
  switch (list.form) {
    case "sequence":
      return list.sequence;
    case "stacked":
      return splitToSequence(graph, graph.plain(list.tensor), 0);
    case "items":
      return sequenceConstruct(
        graph,
        writtenElements(list).map((element) => graph.plain(element)),
      );
    case "empty":
      if (list.dtype === "complex64") throw new ExportError("ONNX has no sequences of complex tensors");
      return sequenceEmpty(graph, list.dtype);
    default:
      return list satisfies never;
  }
}

/** @throws {ExportError} when an element has never been written */
export function writtenElements({ elements }: ItemList): readonly Value[] {
  return elements.map((element, index) => {
    if (element !== null) return element;
    throw new ExportError(`element ${index} of the list is read, and was never written`);
  });
}

function expect(tensor: GraphTensor | undefined): GraphTensor {
  if (tensor === undefined) throw new InternalError("a body gives fewer tensors than it was given");
  return tensor;
}
