import type { DType } from "../../tensor.ts";

import { product, quotient, type Dim } from "./dims.ts";

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
 * A tensor flowing through the graph under construction: a stored ONNX tensor and the view of it that TF.js has.
 * A convolution's output, for instance, has axes N H W C and is stored N C H W.
 */
export interface Value {
  /** Name of the stored tensor. */
  readonly name: string;
  readonly dtype: DType;
  /** The axes as TF.js orders them. */
  readonly axes: readonly Axis[];
  /** The dimensions of the stored tensor, made of the same factors. */
  readonly stored: readonly Axis[];
}

/** Size of an axis. */
export function sizeOfAxis(axis: Axis): Dim {
  return product(axis.map(({ size }) => size));
}

/** The shape TF.js sees. */
export function dimsOf(value: Value): Dim[] {
  return value.axes.map(sizeOfAxis);
}

/** Size of one axis as TF.js counts them; negative counts from the end. */
export function dimOf(value: Value, axis: number): Dim {
  const found = value.axes.at(axis);
  if (found === undefined) throw new RangeError(`a tensor of rank ${value.axes.length} has no axis ${axis}`);
  return sizeOfAxis(found);
}

/** A value over a newly made tensor: axes of sizes `dims`, stored in the order `order` of axes (as they are, without). */
export function newValue(name: string, dtype: DType, dims: readonly Dim[], order?: readonly number[]): Value {
  const axes = dims.map(newAxis);
  return { name, dtype, axes, stored: order === undefined ? axes : order.map((axis) => axes[axis] ?? []) };
}

export function newAxis(size: Dim): Axis {
  return size === 1 ? [] : [{ size }];
}

/** The axes in another order; no node. */
export function permuteAxes(value: Value, perm: readonly number[]): Value {
  return { ...value, axes: perm.map((axis) => value.axes.at(axis) ?? []) };
}

/** The value with an axis of size 1 put in at `axis`; no node. */
export function insertAxis(value: Value, axis: number): Value {
  return { ...value, axes: value.axes.toSpliced(axis, 0, []) };
}

/** The value without its axis `axis`, which has size 1; no node. */
export function removeAxis(value: Value, axis: number): Value {
  return { ...value, axes: value.axes.toSpliced(axis, 1) };
}

/** The same factors in the same order: equal up to where the dimensions are cut. */
export function sameFactors(a: readonly Factor[], b: readonly Factor[]): boolean {
  return a.length === b.length && a.every((factor, index) => factor === b[index]);
}

/** Replace one factor by several whose product it is, everywhere in the value. */
export function splitFactor(value: Value, factor: Factor, parts: readonly Factor[]): Value {
  const split = (axis: Axis): Axis => axis.flatMap((each) => (each === factor ? parts : [each]));
  return { ...value, axes: value.axes.map(split), stored: value.stored.map(split) };
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
    while (left !== 1) {
      const factor: Factor | undefined = fromEnd ? queue.pop() : queue.shift();
      if (factor === undefined) return null;
      const rest = quotient(left, factor.size);
      if (rest !== null) {
        if (fromEnd) taken.unshift(factor);
        else taken.push(factor);
        left = rest;
        continue;
      }
      const over = quotient(factor.size, left);
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
      left = 1;
    }
    return taken;
  };
  const front: Axis[] = [];
  for (const dim of head) {
    const axis = dim === null ? null : take(dim, false);
    if (axis === null) return null;
    front.push(axis);
  }
  const back: Axis[] = [];
  for (const dim of tail.toReversed()) {
    const axis = dim === null ? null : take(dim, true);
    if (axis === null) return null;
    back.unshift(axis);
  }
  if (open === -1 && queue.length > 0) return null;
  return { ...result, axes: [...front, ...(open === -1 ? [] : [queue]), ...back] };
}

/**
 * Cut the factors of both axes alike, so that they correspond one by one; null when they cannot be.
 * Symbolic sizes correspond to each other whatever their names: TF.js adds tensors of unknown sizes.
 */
export function commonFactors(a: readonly Factor[], b: readonly Factor[]): readonly (readonly [Dim, Dim])[] | null {
  const cuts: (readonly [Dim, Dim])[] = [];
  const left = a.map(({ size }) => size);
  const right = b.map(({ size }) => size);
  while (left.length > 0 || right.length > 0) {
    const x = left.shift();
    const y = right.shift();
    if (x === undefined || y === undefined) return null;
    if (x === y || (typeof x === "string" && typeof y === "string")) {
      cuts.push([x, y]);
      continue;
    }
    if (typeof x === "string" || typeof y === "string") return null;
    const smaller = Math.min(x, y);
    const larger = Math.max(x, y);
    if (smaller === 0 || larger % smaller !== 0) return null;
    cuts.push([smaller, smaller]);
    (x > y ? left : right).unshift(larger / smaller);
  }
  return cuts;
}
