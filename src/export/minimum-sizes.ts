import { evaluate, symbolsOf, type Dim } from "../onnx/dim.ts";

import type { NamedValue } from "./build/finish.ts";

/** A window that fits into no size up to this is left to the runtime. */
const MOST = 1_000_000;

/**
 * The smallest value of each free size of the inputs at which all windows fit at least once; those that may be 1 are left
 * out, and so are windows whose number depends on two free sizes.
 *
 * Below it TF.js gives an empty tensor. ONNX Runtime's convolutions refuse such an input, and its poolings, which divide a
 * negative number by rounding towards zero, give one element.
 */
export function minimumSizes(
  inputs: readonly NamedValue[],
  windowCounts: ReadonlySet<Dim>,
): ReadonlyMap<string, number> {
  const free = new Set(inputs.flatMap(({ value }) => value.dims.flatMap(symbolsOf)));
  const found = new Map<string, number>();
  for (const count of windowCounts) {
    const [symbol, ...others] = symbolsOf(count);
    if (symbol === undefined || others.length > 0 || !free.has(symbol)) continue;
    const least = leastSize(count, symbol);
    if (least !== null && least > (found.get(symbol) ?? 1)) found.set(symbol, least);
  }
  return found;
}

/** The number of windows grows with the size, so that halving finds the first size with a window. */
function leastSize(count: Dim, symbol: string): number | null {
  let [low, high] = [0, MOST];
  const most = windowsAt(count, symbol, high);
  if (most === null || most < 1) return null;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const windows = windowsAt(count, symbol, middle);
    if (windows === null) return null;
    if (windows >= 1) high = middle;
    else low = middle;
  }
  return high;
}

/** Null at a size that the model refuses, because tensors made of it cannot be broadcast. */
function windowsAt(count: Dim, symbol: string, size: number): number | null {
  try {
    return evaluate(count, new Map([[symbol, size]]));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
