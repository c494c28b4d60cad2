/** Random numbers that integer keys decide. */
export class Random {
  /** @type {number} */
  #state;

  /** @param {readonly number[]} keys */
  constructor(keys) {
    let hash = 0x9e3779b9;
    for (const key of keys) {
      hash = Math.imul(hash ^ key, 0x85ebca6b);
      hash ^= hash >>> 13;
    }
    this.#state = hash >>> 0;
    for (let warm = 0; warm < 4; warm++) this.unit();
  }

  /** Uniform in [0, 1) (mulberry32 by T. Ettinger). */
  unit() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /**
   * @param {number} low
   * @param {number} high
   */
  between(low, high) {
    return low + (high - low) * this.unit();
  }

  /** @param {number} below */
  integer(below) {
    return Math.floor(this.unit() * below);
  }

  /** @param {number} probability */
  chance(probability) {
    return this.unit() < probability;
  }

  normal() {
    return (this.unit() + this.unit() + this.unit() + this.unit() - 2) * Math.sqrt(3);
  }

  /**
   * @template T
   * @param {ArrayLike<T>} values
   * @returns {T}
   */
  of(values) {
    return checked(values[this.integer(values.length)]);
  }

  /**
   * One of several makers, by weight.
   *
   * @template T
   * @param {readonly (readonly [number, T])[]} weighted
   * @returns {T}
   */
  weighted(weighted) {
    let left = this.unit() * weighted.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of weighted) {
      left -= weight;
      if (left < 0) return value;
    }
    return checked(weighted.at(-1))[1];
  }
}

/**
 * A value that must exist.
 *
 * @template T
 * @param {T | undefined} value
 * @returns {T}
 */
export function checked(value) {
  if (value === undefined) throw new RangeError("a value that must exist does not");
  return value;
}
