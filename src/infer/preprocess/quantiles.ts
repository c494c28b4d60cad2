import { InternalError } from "../../errors.ts";
import { floatAt, intAt } from "../../require.ts";

/** Values are sorted into thousandths first, so that only those of one are put into order. */
const BINS = 1024;

/**
 * Exact quantiles of values that are mostly from 0 to 1, in two passes over them: those of the bin that holds a quantile are searched
 * by C. A. R. Hoare's FIND (1961).
 */
export class Quantiles {
  /** How many values there are. */
  readonly length: number;
  /** The values, those of a bin behind each other. */
  readonly #binned: Float32Array;
  /** Where each bin ends. */
  readonly #ends: Int32Array;

  /**
   * @param values at least one value, no NaN; read alone
   * @param most where there are more values, evenly spaced ones of about this number are taken
   */
  constructor(values: Float32Array, most: number) {
    const step = Math.max(1, Math.floor(values.length / most));
    this.length = Math.floor(values.length / step);
    const counts = new Int32Array(BINS);
    const last = this.length * step;
    for (let place = 0; place < last; place += step) {
      const bin = binOf(floatAt(values, place));
      counts[bin] = intAt(counts, bin) + 1;
    }
    for (let bin = 0, start = 0; bin < BINS; bin++) {
      const count = intAt(counts, bin);
      counts[bin] = start;
      start += count;
    }
    this.#binned = new Float32Array(this.length);
    for (let place = 0; place < last; place += step) {
      const value = floatAt(values, place);
      const bin = binOf(value);
      const target = intAt(counts, bin);
      this.#binned[target] = value;
      counts[bin] = target + 1;
    }
    this.#ends = counts;
  }

  /** The value that sorting would put at a share of the way from the least (0) to the largest (1). */
  at(share: number): number {
    return this.nth(Math.round(share * (this.length - 1)));
  }

  /** The value that sorting would put at an index. */
  nth(index: number): number {
    if (index < 0 || index >= this.length) throw new InternalError(`no value ${index} of ${this.length}`);
    let bin = 0;
    while (intAt(this.#ends, bin) <= index) bin++;
    const start = bin === 0 ? 0 : intAt(this.#ends, bin - 1);
    return find(this.#binned.subarray(start, intAt(this.#ends, bin)), index - start);
  }
}

function binOf(value: number): number {
  return value <= 0 ? 0 : value >= 1 ? BINS - 1 : Math.floor(value * BINS);
}

/** @param values put into another order */
function find(values: Float32Array, index: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const pivot = floatAt(values, (low + high) >> 1);
    let [left, right] = [low, high];
    while (left <= right) {
      while (floatAt(values, left) < pivot) left++;
      while (floatAt(values, right) > pivot) right--;
      if (left > right) break;
      const swapped = floatAt(values, left);
      values[left++] = floatAt(values, right);
      values[right--] = swapped;
    }
    if (index <= right) high = right;
    else if (index >= left) low = left;
    else break;
  }
  return floatAt(values, index);
}
