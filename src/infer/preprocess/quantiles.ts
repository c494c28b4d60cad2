import { InternalError } from "../../errors.ts";
import { floatAt, intAt } from "../../require.ts";

/** Values are counted by thousandths, so that only those of one are put into order. */
const BINS = 1024;

/**
 * Exact quantiles of values that are mostly from 0 to 1. One pass over them counts those of each bin; those of the bin that holds a
 * quantile are then searched by C. A. R. Hoare's FIND (1961).
 */
export class Quantiles {
  /** How many values there are. */
  readonly length: number;
  /** The least and the largest. */
  readonly least: number;
  readonly largest: number;
  readonly #values: Float32Array;
  readonly #step: number;
  /** How many values each bin has. */
  readonly #counts = new Int32Array(BINS);

  /**
   * @param values at least one value, no NaN; they must stay as they are while quantiles are asked for
   * @param most where there are more values, evenly spaced ones of about this number are taken
   */
  constructor(values: Float32Array, most: number) {
    this.#step = Math.max(1, Math.floor(values.length / most));
    this.length = Math.floor(values.length / this.#step);
    this.#values = values;
    let [least, largest] = [floatAt(values, 0), floatAt(values, 0)];
    for (let index = 0, place = 0; index < this.length; index++, place += this.#step) {
      const value = floatAt(values, place);
      if (value < least) least = value;
      if (value > largest) largest = value;
      const bin = binOf(value);
      this.#counts[bin] = intAt(this.#counts, bin) + 1;
    }
    this.least = least;
    this.largest = largest;
  }

  /** The value that sorting would put at a share of the way from the least (0) to the largest (1). */
  at(share: number): number {
    return this.nth(Math.round(share * (this.length - 1)));
  }

  /** The value that sorting would put at an index. */
  nth(index: number): number {
    if (index < 0 || index >= this.length) throw new InternalError(`no value ${index} of ${this.length}`);
    let bin = 0;
    let rank = index;
    while (rank >= intAt(this.#counts, bin)) rank -= intAt(this.#counts, bin++);
    const own = new Float32Array(intAt(this.#counts, bin));
    let filled = 0;
    let isOneValue = true;
    for (let place = 0; filled < own.length; place += this.#step) {
      const value = floatAt(this.#values, place);
      if (binOf(value) !== bin) continue;
      if (value !== own[0] && filled > 0) isOneValue = false;
      own[filled++] = value;
    }
    return isOneValue ? floatAt(own, 0) : find(own, rank);
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
