import { ExportError, InternalError } from "../../../errors.ts";
import { first } from "../../../require.ts";
import type { DType } from "../../../tensor.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { cast } from "../../build/ops/elementwise.ts";
import { sequenceConstruct, sequenceEmpty, sequenceInsert, splitToSequence } from "../../build/ops/sequence.ts";
import { constantOfShape, reshape } from "../../build/ops/shape.ts";
import { loop } from "../../build/regions.ts";
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
      return roomFor(graph, list.dtype, list.size);
    default:
      return list satisfies never;
  }
}

/** A sequence with as many elements to be written over as a list has room for: they may be written in any order. */
function roomFor(graph: GraphBuilder, dtype: DType, size: Value | null): GraphTensor {
  const empty = sequenceEmpty(graph, dtype);
  if (size === null) return empty;
  const count = reshape(graph, cast(graph, graph.plain(size), "int64"), graph.int64s([]));
  const filled = loop(graph, { count, condition: null, carried: [empty] }, (body, _, carried) => {
    const element = constantOfShape(body, body.int64s([0]));
    return { condition: null, carried: [sequenceInsert(body, first(carried), cast(body, element, dtype))] };
  });
  return first(filled.carried);
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
