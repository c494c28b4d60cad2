import { ExportError, ModelFormatError } from "../../errors.ts";
import type { Dim } from "../../onnx/dim.ts";
import type { Tensor } from "../../tensor.ts";
import type { GraphBuilder } from "../build/builder.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { Value } from "../ir/value.ts";

import type { AttributeShape } from "./source/attributes.ts";
import type { GraphDType } from "./source/dtype.ts";
import type { GraphNode } from "./source/node.ts";

/** A complex64 tensor, which ONNX has no arithmetic for: two float32 tensors of one shape. */
export interface ComplexValue {
  readonly kind: "complex";
  readonly real: Value;
  readonly imaginary: Value;
}

/**
 * What a TensorList or TensorArray handle stands for while the graph is written. TF.js keeps the tensors by number, and a list
 * has as many as have been written.
 */
export type ListValue = StackedList | SequenceList | ItemList | EmptyList;

/** All elements in one tensor, along its first axis. */
export interface StackedList {
  readonly kind: "list";
  readonly form: "stacked";
  readonly tensor: Value;
}

/** An ONNX sequence. */
export interface SequenceList {
  readonly kind: "list";
  readonly form: "sequence";
  readonly sequence: GraphTensor;
}

/** Elements that were written at known places; null where nothing has been. */
export interface ItemList {
  readonly kind: "list";
  readonly form: "items";
  readonly elements: readonly (Value | null)[];
}

/** Nothing has been written yet. */
export interface EmptyList {
  readonly kind: "list";
  readonly form: "empty";
  readonly dtype: GraphDType;
  /** Shape of an element where the model tells it. */
  readonly element: AttributeShape;
  /** How many elements it has room for, a scalar; null: none, they are put behind each other. */
  readonly size: Value | null;
}

/** A hash table; see ops of the category hash_table. */
export interface TableValue {
  readonly kind: "table";
  /** Name of the node that makes it. */
  readonly node: string;
}

/** What flows along an edge of a Graph model. */
export type OpValue = Value | ComplexValue | ListValue | TableValue;

/** What a converter works with: the inputs of one node, and the graph to write into. */
export interface OpContext {
  /** Where nodes are appended. */
  readonly graph: GraphBuilder;
  /** Data inputs in the order of the node. Control inputs are not among them. */
  readonly inputs: readonly OpValue[];
  /**
   * The input, a real tensor. A negative index counts from the end, as TF.js counts.
   *
   * @throws {ModelFormatError} when the node has no such input. @throws {ExportError} when it is complex, a list or a table.
   */
  tensor(index: number): Value;
  /** All inputs from `start` up to `end`, each as {@link OpContext.tensor} gives it. */
  tensors(start?: number, end?: number): readonly Value[];
  /** The input, when it is complex or real. A real one is given as it is. */
  numeric(index: number): Value | ComplexValue;
  /** The elements of an input that does not depend on the model's inputs; null when it does. */
  constant(index: number): Tensor | null;
  /** The elements of an integer input with at most one axis as sizes: a shape that the graph computes; null when not known. */
  sizes(index: number): readonly Dim[] | null;
  /**
   * The integers of a constant input, flattened: axes, permutations, paddings.
   *
   * @param what What they are, for messages: `the axes`.
   * @throws {ExportError} when the input depends on the model's inputs.
   */
  integers(index: number, what: string): readonly number[];
  /** What the model's initializer puts into a hash table. @throws {ExportError} when that is not constant */
  contents(table: TableValue): { readonly keys: Tensor; readonly values: Tensor };
}

/**
 * Turns the nodes of some operators into ONNX. One file in `ops/` has the converters of one family.
 *
 * A converter states what is wrong (`throw new ExportError("...")`); the driver adds `node NAME (Op): ` and goes on with the
 * nodes that do not depend on this one, so that all faults are reported at once. It never states a shape: constructors of
 * ONNX operators infer them.
 */
export interface GraphOpConverter {
  /** TensorFlow's operators: `["Add", "AddV2"]`. */
  readonly tfOps: readonly string[];
  /** ONNX operators that may be emitted, for the support table. */
  readonly ops: readonly string[];
  /**
   * Append nodes that compute the node.
   *
   * @returns its output, or all of its outputs in TF.js's order.
   * @throws {ExportError} when ONNX cannot express it. @throws {ModelFormatError} when attributes or inputs are wrong.
   */
  convert(context: OpContext, node: GraphNode): OpValue | readonly OpValue[];
}

/** An operator that no converter can exist for, and why. The support table lists it. */
export interface RefusedOp {
  readonly tfOps: readonly string[];
  readonly reason: string;
}

export function isComplex(value: OpValue): value is ComplexValue {
  return "kind" in value && value.kind === "complex";
}

export function isList(value: OpValue): value is ListValue {
  return "kind" in value && value.kind === "list";
}

export function isTable(value: OpValue): value is TableValue {
  return "kind" in value && value.kind === "table";
}

export function isTensor(value: OpValue): value is Value {
  return !("kind" in value);
}

/** The input at an index that may count from the end. @throws {ModelFormatError} when there is none */
export function inputAt(inputs: readonly OpValue[], index: number): OpValue {
  const input = inputs.at(index);
  if (input === undefined) {
    throw new ModelFormatError(`it needs at least ${index < 0 ? -index : index + 1} inputs; it has ${inputs.length}`);
  }
  return input;
}

/** @throws {ExportError} when the value is no real tensor */
export function expectTensor(value: OpValue, index: number): Value {
  if (isTensor(value)) return value;
  throw new ExportError(`input ${index} must be a tensor of real numbers; got a ${value.kind} value`);
}
