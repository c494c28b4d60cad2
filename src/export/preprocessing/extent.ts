import type { GraphTensor } from "../ir/graph-tensor.ts";

import type { Arithmetic } from "./arithmetic.ts";

/** The part of an axis that something takes, in pixels: [N, 1, 1] each. `length` is 0 or less where there is nothing. */
export interface Extent {
  readonly start: GraphTensor;
  readonly length: GraphTensor;
}

export interface Box {
  readonly down: Extent;
  readonly across: Extent;
}

/** The rows and columns of [N, H, W] that hold a 1 of a mask of 0 and 1. */
export function boxAround(a: Arithmetic, mask: GraphTensor, rows: GraphTensor, columns: GraphTensor): Box {
  return {
    down: extentOf(a, a.reduce("ReduceMax", mask, [2]), rows, 1),
    across: extentOf(a, a.reduce("ReduceMax", mask, [1]), columns, 2),
  };
}

/** @param some [N, H, 1] or [N, 1, W] of 0 and 1 */
export function extentOf(a: Arithmetic, some: GraphTensor, positions: GraphTensor, axis: 1 | 2): Extent {
  const place = axis === 1 ? a.unsqueeze(positions, [1]) : positions;
  const is = a.greater(some, 0.5);
  const start = a.reduce("ReduceMin", a.where(is, place, FAR), [axis]);
  const last = a.reduce("ReduceMax", a.where(is, place, -FAR), [axis]);
  return { start, length: a.add(a.subtract(last, start), 1) };
}

/** Beyond any picture. */
const FAR = 1e6;

/** Centre of mass of [N, H, W] along both axes, [N, 1, 1] each; the middle of the first pixel is at 0.5. `otherwise` where there is no mass. */
export function centreOfMass(
  a: Arithmetic,
  values: GraphTensor,
  rows: GraphTensor,
  columns: GraphTensor,
  otherwise: number,
): { readonly y: GraphTensor; readonly x: GraphTensor } {
  const mass = a.reduce("ReduceSum", values, [1, 2]);
  const mean = (place: GraphTensor): GraphTensor => {
    const moment = a.reduce("ReduceSum", a.multiply(values, a.add(place, 0.5)), [1, 2]);
    return a.where(a.greater(mass, 0), a.divide(moment, a.max(mass, 1e-12)), otherwise);
  };
  return { y: mean(a.unsqueeze(rows, [1])), x: mean(columns) };
}
