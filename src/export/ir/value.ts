import { ExportError, InternalError } from "../../errors.ts";
import { asNumber, dim, divideExactly, isNumber, multiply, showShape, type Dim, type DimLike } from "../../onnx/dim.ts";
import type { DType } from "../../tensor.ts";

import type { GraphTensor } from "./graph-tensor.ts";
import { at } from "../../require.ts";

/**
 * An indivisible factor of a tensor's shape. Two axes are made of the same factors when they hold the same objects, so a
 * reshape that only merges and splits axes, and a transposition, need no node until a consumer asks for an order.
 */
export interface Factor {
  readonly size: Dim;
}

/** Factors in row-major order; their product is the size of the axis, 1 when there are none. */
export type Axis = readonly Factor[];

/**
 * A tensor of the graph, and the view of it that TF.js has. A convolution's output, for instance, has axes N H W C and is
 * stored N C H W.
 */
export class Value {
  /** The stored tensor. */
  readonly tensor: GraphTensor;
  /** The axes as TF.js orders them. */
  readonly axes: readonly Axis[];
  /** The dimensions of the stored tensor, made of the same factors. */
  readonly stored: readonly Axis[];

  /** @throws {InternalError} when the dimensions are not those of the tensor */
  constructor(tensor: GraphTensor, axes: readonly Axis[], stored: readonly Axis[]) {
    this.tensor = tensor;
    this.axes = axes;
    this.stored = stored;
    const { shape } = tensor;
    if (shape === null) return;
    const fits =
      shape.length === stored.length &&
      stored.every((axis, index) => {
        const [claimed, inferred] = [asNumber(sizeOfAxis(axis)), asNumber(shape[index] ?? dim(1))];
        return claimed === null || inferred === null || claimed === inferred;
      });
    if (!fits) {
      throw new InternalError(
        `tensor ${tensor.name} is ${showShape(shape)}, not ${showShape(stored.map(sizeOfAxis))} as its layout says`,
      );
    }
  }

  get name(): string {
    return this.tensor.name;
  }

  get dtype(): DType {
    return this.tensor.dtype;
  }

  /** The shape TF.js sees. */
  get dims(): readonly Dim[] {
    return this.axes.map(sizeOfAxis);
  }

  get rank(): number {
    return this.axes.length;
  }

  /** The same tensor with other axes, made of the same factors. */
  seenAs(axes: readonly Axis[]): Value {
    return new Value(this.tensor, axes, this.stored);
  }

  /** Another tensor, stored as this one is: the result of an elementwise node. */
  replacedBy(tensor: GraphTensor): Value {
    return new Value(tensor, this.axes, this.stored);
  }
}

/**
 * A view of a tensor whose axes are stored in the order `order` of TF.js's axes: `[0, 3, 1, 2]` for N H W C stored N C H W.
 * Without an order, as they are.
 *
 * @throws {ExportError} when the number of axes is not known
 */
export function viewOf(tensor: GraphTensor, order?: readonly number[]): Value {
  const { shape } = tensor;
  if (shape === null) {
    throw new ExportError("the number of axes of a tensor is only known when the model runs", {
      hint: "fix the shapes of the inputs with --input-shape",
    });
  }
  const stored = shape.map(newAxis);
  if (order === undefined) return new Value(tensor, stored, stored);
  const axes = stored.map((_, axis) => axisAt(stored, order.indexOf(axis)));
  return new Value(tensor, axes, stored);
}

function axisAt(axes: readonly Axis[], place: number): Axis {
  const found = axes[place];
  if (found === undefined) throw new InternalError(`a tensor of rank ${axes.length} has no axis ${place}`);
  return found;
}

/** Size of an axis. */
export function sizeOfAxis(axis: Axis): Dim {
  const [only] = axis;
  return only !== undefined && axis.length === 1 ? only.size : multiply(...axis.map(({ size }) => size));
}

/** The shape TF.js sees. */
export function dimsOf(value: Value): readonly Dim[] {
  return value.dims;
}

/** One axis as TF.js counts them; negative counts from the end. @throws {ExportError} when there is none */
export function axisOf({ axes }: Value, axis: number): Axis {
  const found = axes.at(axis);
  if (found === undefined) throw new ExportError(`a tensor of rank ${axes.length} has no axis ${axis}`);
  return found;
}

/** Size of one axis as TF.js counts them; negative counts from the end. @throws {ExportError} when there is none */
export function dimOf(value: Value, axis: number): Dim {
  return sizeOfAxis(axisOf(value, axis));
}

export function newAxis(size: DimLike): Axis {
  const known = dim(size);
  return isNumber(known, 1) ? [] : [{ size: known }];
}

/** The axes in another order; no node. */
export function permuteAxes(value: Value, perm: readonly number[]): Value {
  return value.seenAs(perm.map((axis) => axisOf(value, axis)));
}

/** The value with an axis of size 1 put in at `axis`; no node. */
export function insertAxis(value: Value, axis: number): Value {
  return value.seenAs(value.axes.toSpliced(axis, 0, []));
}

/** The value without its axis `axis`, which has size 1; no node. */
export function removeAxis(value: Value, axis: number): Value {
  return value.seenAs(value.axes.toSpliced(axis, 1));
}

/** The same factors in the same order: equal up to where the dimensions are cut. */
export function sameFactors(a: readonly Factor[], b: readonly Factor[]): boolean {
  return a.length === b.length && a.every((factor, index) => factor === b[index]);
}

/** Dimensions cut alike, of the same factors. */
export function sameAxes(a: readonly Axis[], b: readonly Axis[]): boolean {
  return a.length === b.length && a.every((axis, index) => sameFactors(axis, at(b, index)));
}

/** Replace one factor by several whose product it is, everywhere in the value. */
export function splitFactor(value: Value, factor: Factor, parts: readonly Factor[]): Value {
  const split = (axis: Axis): Axis => axis.flatMap((each) => (each === factor ? parts : [each]));
  return new Value(value.tensor, value.axes.map(split), value.stored.map(split));
}

/**
 * The value with axes of sizes `dims`, made of the same factors in the same order, or null when the factors do not fit
 * (then the value has to be stored in its own order first). At most one dim may be null: it takes what is left.
 */
export function regroup(value: Value, dims: readonly (Dim | null)[]): Value | null {
  const open = dims.indexOf(null);
  const head = open === -1 ? dims : dims.slice(0, open);
  const tail = open === -1 ? [] : dims.slice(open + 1);
  let result: Value = value;
  const queue = value.axes.flat();
  const take = (size: Dim, fromEnd: boolean): Axis | null => {
    const taken: Factor[] = [];
    let left: Dim = size;
    while (!isNumber(left, 1)) {
      const factor: Factor | undefined = fromEnd ? queue.pop() : queue.shift();
      if (factor === undefined) return null;
      const rest = divideExactly(left, factor.size);
      if (rest !== null) {
        if (fromEnd) taken.unshift(factor);
        else taken.push(factor);
        left = rest;
        continue;
      }
      const over = divideExactly(factor.size, left);
      if (over === null) return null;
      const mine: Factor = { size: left };
      const others: Factor = { size: over };
      result = splitFactor(result, factor, fromEnd ? [others, mine] : [mine, others]);
      if (fromEnd) {
        taken.unshift(mine);
        queue.push(others);
      } else {
        taken.push(mine);
        queue.unshift(others);
      }
      left = dim(1);
    }
    return taken;
  };
  const front: Axis[] = [];
  for (const size of head) {
    const axis = size === null ? null : take(size, false);
    if (axis === null) return null;
    front.push(axis);
  }
  const back: Axis[] = [];
  for (const size of tail.toReversed()) {
    const axis = size === null ? null : take(size, true);
    if (axis === null) return null;
    back.unshift(axis);
  }
  if (open === -1 && queue.length > 0) return null;
  return result.seenAs([...front, ...(open === -1 ? [] : [queue]), ...back]);
}

/**
 * Cut the factors of both axes, which have one size, so that they correspond one by one; null when they cannot be, or when
 * the sizes may differ at run time.
 */
export function commonFactors(a: readonly Factor[], b: readonly Factor[]): readonly Dim[] | null {
  const cuts: Dim[] = [];
  const left = a.map(({ size }) => size);
  const right = b.map(({ size }) => size);
  while (left.length > 0 || right.length > 0) {
    const x = left.shift();
    const y = right.shift();
    if (x === undefined || y === undefined) return null;
    if (x === y) {
      cuts.push(x);
      continue;
    }
    const overX = divideExactly(x, y);
    const overY = overX === null ? divideExactly(y, x) : null;
    if (overX !== null) left.unshift(overX);
    else if (overY !== null) right.unshift(overY);
    else return null;
    cuts.push(overX === null ? x : y);
  }
  return cuts;
}
