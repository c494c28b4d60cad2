import type { Tensor } from "../tensor.ts";

/** `|actual − expected| ≤ atol · max(1, largest |expected|) + rtol · |expected|` for every element. */
export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
  /**
   * For files whose weights are rounded, instead of a limit for every element: the root mean square of the differences may be this
   * share of that of the expected numbers. Integers, booleans and strings may differ in this share of the elements.
   */
  readonly relativeRms?: number;
}

/** The tolerance that `export` and `verify` use. */
export const DEFAULT_TOLERANCE: Tolerance = { atol: 1e-5, rtol: 1e-4 };

/** The root mean square that rounded weights may cost before a file counts as another model's. */
export const ROUNDED_LIMIT: Readonly<Record<"float16" | "int8" | "int4", number>> = {
  float16: 0.02,
  int8: 0.2,
  int4: 0.6,
};

export interface Comparison {
  /** Largest difference; NaN where the shapes differ, or where one side alone has a NaN. */
  readonly maxAbsDiff: number;
  /** Largest difference relative to the expected element, over elements above `atol`. */
  readonly maxRelDiff: number;
  /** How many elements are NaN on both sides. */
  readonly nan: number;
  readonly passed: boolean;
  /** Why it did not pass, or null. */
  readonly reason: string | null;
  /** Where a tolerance limits it: the root mean square of the differences, relative to that of the expected numbers. */
  readonly relativeRms?: number;
}

/**
 * Compare two tensors element by element. Floating-point numbers may differ by the tolerance; NaN equals NaN alone, and an
 * infinity only itself. Integers, booleans and strings are equal or not.
 */
export function compareTensors(actual: Tensor, expected: Tensor, tolerance: Tolerance): Comparison {
  if (actual.dims.join() !== expected.dims.join()) {
    return failed(`shape [${actual.dims.join(", ")}] instead of [${expected.dims.join(", ")}]`);
  }
  const isReal = actual.dtype !== "string" && isFloat(expected);
  const compared = isReal ? compareNumbers(actual, expected, tolerance) : compareExactly(actual, expected);
  return tolerance.relativeRms === undefined
    ? compared
    : compareRounded(actual, expected, compared, tolerance.relativeRms, isReal);
}

/** A comparison of tensors of one shape, judged by the root mean square of their differences. */
function compareRounded(
  actual: Tensor,
  expected: Tensor,
  compared: Comparison,
  limit: number,
  isReal: boolean,
): Comparison {
  let [squares, exact, unequal] = [0, 0, 0];
  for (let index = 0; index < expected.data.length; index++) {
    const [got, want] = [actual.data[index], expected.data[index]];
    if (isSame(got, want)) {
      if (Number.isFinite(Number(want))) exact += Number(want) ** 2;
      continue;
    }
    unequal++;
    squares += (Number(got) - Number(want)) ** 2;
    exact += Number(want) ** 2;
  }
  const share = unequal === 0 ? 0 : unequal / expected.data.length;
  const relativeRms = isReal ? (squares === 0 ? 0 : Math.sqrt(squares / exact)) : share;
  const passed = relativeRms <= limit;
  const what = isReal ? "root mean square of the differences" : "share of unequal elements";
  const reason = passed ? null : `the ${what} is ${relativeRms.toPrecision(2)}, more than ${limit}`;
  return { ...compared, passed, reason, relativeRms };
}

function isFloat({ dtype }: Tensor): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16";
}

function compareNumbers(actual: Tensor, expected: Tensor, { atol, rtol }: Tolerance): Comparison {
  const limit = atol * Math.max(1, largest(expected));
  let [maxAbsDiff, maxRelDiff, nan, misses, worst] = [0, 0, 0, 0, 0];
  for (let index = 0; index < expected.data.length; index++) {
    const want = Number(expected.data[index]);
    const got = Number(actual.data[index]);
    if (want === got) continue;
    if (Number.isNaN(want) && Number.isNaN(got)) {
      nan++;
      continue;
    }
    const difference = Math.abs(got - want);
    if (!(difference <= limit + rtol * Math.abs(want)) || !Number.isFinite(difference)) misses++;
    if (!(difference <= maxAbsDiff) && !Number.isNaN(maxAbsDiff)) [maxAbsDiff, worst] = [difference, index];
    if (Math.abs(want) > limit) maxRelDiff = Math.max(maxRelDiff, difference / Math.abs(want));
  }
  if (misses === 0) return { maxAbsDiff, maxRelDiff, nan, passed: true, reason: null };
  const reason = `${misses} of ${expected.data.length} elements out of tolerance; the worst: ${worstElement(actual, expected, worst)}`;
  return { maxAbsDiff, maxRelDiff, nan, passed: false, reason };
}

/** 64-bit integers may come as bigint or as numbers. */
function isSame(got: unknown, want: unknown): boolean {
  if (got === want || (Number.isNaN(got) && Number.isNaN(want))) return true;
  return typeof got !== typeof want && String(got) === String(want);
}

function compareExactly(actual: Tensor, expected: Tensor): Comparison {
  let [maxAbsDiff, misses, worst] = [0, 0, 0];
  for (let index = 0; index < expected.data.length; index++) {
    const want = expected.data[index];
    const got = actual.data[index];
    // 64-bit integers are compared as they are: as numbers they would lose digits.
    if (want === got || (typeof want !== typeof got && String(want) === String(got))) continue;
    misses++;
    const distance = Math.abs(Number(got) - Number(want));
    if (misses === 1) worst = index;
    if (!(distance <= maxAbsDiff) && !Number.isNaN(maxAbsDiff)) [maxAbsDiff, worst] = [distance, index];
  }
  if (misses === 0) return { maxAbsDiff: 0, maxRelDiff: 0, nan: 0, passed: true, reason: null };
  const reason = `${misses} of ${expected.data.length} ${expected.dtype} elements are not equal; the worst: ${worstElement(actual, expected, worst)}`;
  return { maxAbsDiff, maxRelDiff: Number.NaN, nan: 0, passed: false, reason };
}

/** `0.5 instead of 0.25 at [0, 3]`. */
function worstElement(actual: Tensor, expected: Tensor, index: number): string {
  const place = expected.dims.map((size, axis) => {
    const stride = expected.dims.slice(axis + 1).reduce((product, each) => product * each, 1);
    return Math.floor(index / stride) % size;
  });
  const at = place.length === 0 ? "" : ` at [${place.join(", ")}]`;
  return `${shown(actual, index)} instead of ${shown(expected, index)}${at}`;
}

function shown({ dtype, data }: Tensor, index: number): string {
  return dtype === "string" ? JSON.stringify(data[index]) : String(data[index]);
}

function failed(reason: string): Comparison {
  return { maxAbsDiff: Number.NaN, maxRelDiff: Number.NaN, nan: 0, passed: false, reason };
}

/** Largest finite magnitude. */
export function largest(tensor: Tensor): number {
  let most = 0;
  for (const value of tensor.data) {
    const magnitude = Math.abs(Number(value));
    if (Number.isFinite(magnitude) && magnitude > most) most = magnitude;
  }
  return most;
}
