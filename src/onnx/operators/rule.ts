import { InternalError } from "../../errors.ts";
import type { DType, Tensor } from "../../tensor.ts";
import { add, asNumber, broadcast, dim, show, showShape, type Dim } from "../dim.ts";
import { dtypeOf, elementTypeName } from "../element-type.ts";
import type { Attributes } from "../model.ts";

/** Type and shape of a tensor. */
export interface TensorType {
  readonly dtype: DType;
  /** Sizes of the axes; null when not even their number is known. */
  readonly shape: readonly Dim[] | null;
  /** A sequence of tensors of this type, as SequenceEmpty makes one. */
  readonly isSequence?: boolean;
}

/** What is known of an input of a node when the node is made. */
export interface Operand extends TensorType {
  /** The tensor, when it is constant. */
  readonly constant: Tensor | null;
  /** The elements of an integer tensor with at most one axis, when they are known as sizes. */
  readonly elements: readonly Dim[] | null;
}

/** What a rule says of an output. */
export interface Inferred extends TensorType {
  readonly elements?: readonly Dim[] | null;
}

/** Works out the types of a node's outputs. @throws {InternalError} when the inputs or attributes are not allowed */
export type Rule = (call: OperatorCall) => readonly Inferred[];

/** A node that is about to be made, with checked access to its inputs and attributes. */
export class OperatorCall {
  readonly opType: string;
  readonly inputs: readonly (Operand | null)[];
  readonly attributes: Attributes;
  readonly opset: number;
  readonly outputs: number;
  readonly #symbol: (hint: string) => Dim;

  /** @param symbol makes a size that depends on data, named after the hint */
  constructor(
    node: {
      readonly opType: string;
      readonly inputs: readonly (Operand | null)[];
      readonly attributes: Attributes;
      readonly opset: number;
      readonly outputs: number;
    },
    symbol: (hint: string) => Dim,
  ) {
    this.opType = node.opType;
    this.inputs = node.inputs;
    this.attributes = node.attributes;
    this.opset = node.opset;
    this.outputs = node.outputs;
    this.#symbol = symbol;
  }

  error(message: string): InternalError {
    return new InternalError(`${this.opType}: ${message}`);
  }

  /** A size that only running the model tells. */
  unknownSize(hint: string): Dim {
    return this.#symbol(hint);
  }

  input(index: number): Operand {
    const found = this.inputs[index];
    if (found === undefined || found === null) throw this.error(`input ${index} is missing`);
    return found;
  }

  optional(index: number): Operand | null {
    return this.inputs[index] ?? null;
  }

  /** All inputs, none of which may be left out. */
  all(): readonly Operand[] {
    return this.inputs.map((_, index) => this.input(index));
  }

  /** The input, whose type must be one of `allowed`. */
  typed(index: number, allowed: ReadonlySet<DType>): Operand {
    const operand = this.input(index);
    if (allowed.has(operand.dtype)) return operand;
    throw this.error(`input ${index} cannot be ${operand.dtype}; allowed: ${[...allowed].join(", ")}`);
  }

  /** The input's shape, which must have `rank` axes where it is known. */
  ranked(index: number, rank: number): readonly Dim[] | null {
    const { shape } = this.input(index);
    if (shape !== null && shape.length !== rank) {
      throw this.error(`input ${index} must have ${rank} axes; it is ${showShape(shape)}`);
    }
    return shape;
  }

  int(name: string, otherwise: number): number {
    const found = this.attributes[name];
    if (found === undefined) return otherwise;
    if (found.type !== "int") throw this.error(`attribute ${name} must be an int; it is ${found.type}`);
    return found.value;
  }

  ints(name: string): readonly number[] | null {
    const found = this.attributes[name];
    if (found === undefined) return null;
    if (found.type !== "ints") throw this.error(`attribute ${name} must be ints; it is ${found.type}`);
    return found.value;
  }

  string(name: string, otherwise: string): string {
    const found = this.attributes[name];
    if (found === undefined) return otherwise;
    if (found.type !== "string") throw this.error(`attribute ${name} must be a string; it is ${found.type}`);
    return found.value;
  }

  /** The type that an attribute names by its number in `TensorProto.DataType`. */
  elementType(name: string, otherwise?: DType): DType {
    if (this.attributes[name] === undefined && otherwise !== undefined) return otherwise;
    const found = dtypeOf(this.int(name, 0));
    if (found === null) throw this.error(`attribute ${name} names ${elementTypeName(this.int(name, 0))}`);
    return found;
  }

  /** The integers of a constant input; null when it is left out or not constant. */
  constantInts(index: number): readonly number[] | null {
    const operand = this.optional(index);
    if (operand === null) return null;
    if (operand.constant !== null && operand.constant.dtype !== "string") {
      return Array.from(operand.constant.data as ArrayLike<number | bigint>, Number);
    }
    const sizes = operand.elements?.map(asNumber) ?? null;
    return sizes === null || sizes.includes(null) ? null : sizes.filter((size) => size !== null);
  }

  /** An axis counted from the start. @throws {InternalError} when the tensor does not have it */
  axis(axis: number, rank: number): number {
    const at = axis < 0 ? axis + rank : axis;
    if (Number.isInteger(at) && at >= 0 && at < rank) return at;
    throw this.error(`there is no axis ${axis} in a tensor with ${rank} axes`);
  }

  /** The size of an axis of a known shape. */
  size(shape: readonly Dim[], axis: number): Dim {
    const found = shape[this.axis(axis, shape.length)];
    if (found === undefined) throw this.error(`axis ${axis} has no size`);
    return found;
  }

  /** All operands that are given have one type. @returns it */
  sameType(indices?: readonly number[]): DType {
    const present = this.inputs.flatMap((input, index) => (input === null ? [] : [index]));
    const operands = (indices ?? present).map((index) => this.input(index));
    const types = new Set(operands.map(({ dtype }) => dtype));
    const [first] = types;
    if (first === undefined) throw this.error("it has no inputs");
    if (types.size > 1) throw this.error(`all inputs must have one type; found ${[...types].join(" and ")}`);
    return first;
  }

  /** The shape of tensors that are broadcast together; null when a rank is not known. */
  broadcast(shapes: readonly (readonly Dim[] | null)[]): readonly Dim[] | null {
    const known = shapes.filter((shape) => shape !== null);
    if (known.length < shapes.length) return null;
    const rank = Math.max(0, ...known.map((shape) => shape.length));
    return Array.from({ length: rank }, (_, axis) => {
      const sizes = known.flatMap((shape) => shape[axis + shape.length - rank] ?? []);
      try {
        return broadcast(...sizes);
      } catch {
        throw this.error(`shapes ${known.map(showShape).join(" and ")} cannot be broadcast`);
      }
    });
  }

  /** Refuses sizes that are known to differ. @returns the one that says more */
  unify(a: Dim, b: Dim, what: string): Dim {
    const [x, y] = [asNumber(a), asNumber(b)];
    if (x !== null && y !== null && x !== y) throw this.error(`${what} must be equal; found ${show(a)} and ${show(b)}`);
    return x === null && y !== null ? b : a;
  }
}

/** As many outputs of one type as the node has. */
export function one(
  dtype: DType,
  shape: readonly Dim[] | null,
  elements: readonly Dim[] | null = null,
): readonly Inferred[] {
  return [{ dtype, shape, elements }];
}

export const FLOATS: ReadonlySet<DType> = new Set<DType>(["float32", "float64", "float16"]);
export const INDICES: ReadonlySet<DType> = new Set<DType>(["int32", "int64"]);
export const INTEGERS: ReadonlySet<DType> = new Set<DType>([
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
]);
export const NUMBERS: ReadonlySet<DType> = new Set<DType>([...FLOATS, ...INTEGERS]);
export const BOOL: ReadonlySet<DType> = new Set<DType>(["bool"]);
export const INT64: ReadonlySet<DType> = new Set<DType>(["int64"]);

/** A rank of which nothing but the number of axes is known. */
export function unknownShape(call: OperatorCall, rank: number, hint: string): readonly Dim[] {
  return Array.from({ length: rank }, (_, axis) => call.unknownSize(`${hint}_${axis}`));
}

/** Sum of sizes. */
export function total(sizes: readonly Dim[]): Dim {
  return sizes.reduce((sum, size) => add(sum, size), dim(0));
}
