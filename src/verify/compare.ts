import type { Tensor } from "../tensor.ts";

/** `|actual − expected| ≤ atol · max(1, largest |expected|) + rtol · |expected|` for every element. */
export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
}

export const DEFAULT_TOLERANCE: Tolerance = { atol: 1e-5, rtol: 1e-4 };

export interface Comparison {
  /** NaN where a side is NaN or the shapes differ. */
  readonly maxAbsDiff: number;
  /** Largest difference relative to the expected element, over elements above `atol`. */
  readonly maxRelDiff: number;
  readonly passed: boolean;
  /** Why it did not pass, or null. */
  readonly reason: string | null;
}

/** Compare two tensors element by element. NaN equals nothing, itself included, and infinities only themselves. */
export function compareTensors(actual: Tensor, expected: Tensor, { atol, rtol }: Tolerance): Comparison {
  if (actual.dims.join() !== expected.dims.join()) {
    return failed(`shape [${actual.dims.join(", ")}] instead of [${expected.dims.join(", ")}]`);
  }
  const limit = atol * Math.max(1, largest(expected));
  let maxAbsDiff = 0;
  let maxRelDiff = 0;
  let misses = 0;
  let worst = 0;
  for (let index = 0; index < expected.data.length; index++) {
    const want = Number(expected.data[index]);
    const got = Number(actual.data[index]);
    if (want === got) continue;
    const difference = Math.abs(got - want);
    if (!(difference <= limit + rtol * Math.abs(want)) || !Number.isFinite(difference)) misses++;
    if (!(difference <= maxAbsDiff) && !Number.isNaN(maxAbsDiff)) [maxAbsDiff, worst] = [difference, index];
    if (Math.abs(want) > limit) maxRelDiff = Math.max(maxRelDiff, difference / Math.abs(want));
  }
  if (misses === 0) return { maxAbsDiff, maxRelDiff, passed: true, reason: null };
  const values = `${String(actual.data[worst])} instead of ${String(expected.data[worst])} at ${worst}`;
  const reason = `${misses} of ${expected.data.length} elements out of tolerance; the worst: ${values}`;
  return { maxAbsDiff, maxRelDiff, passed: false, reason };
}

function failed(reason: string): Comparison {
  return { maxAbsDiff: Number.NaN, maxRelDiff: Number.NaN, passed: false, reason };
}

function largest(tensor: Tensor): number {
  let most = 0;
  for (const value of tensor.data) {
    const magnitude = Math.abs(Number(value));
    if (Number.isFinite(magnitude) && magnitude > most) most = magnitude;
  }
  return most;
}
