/**
 * Random numbers that are the same on every platform: integer arithmetic and the four IEEE operations only, since
 * engines may round `Math.sin`, `Math.log` and their kin as they like.
 */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 0;

  /** A stream of its own for each list of keys, e.g. (seed, epoch, index); integers, taken modulo 2^32. */
  constructor(...keys: readonly number[]) {
    this.restart(...keys);
  }

  /** Begin the stream of other keys. */
  restart(...keys: readonly number[]): void {
    let hash = 0x9e3779b9;
    for (const key of keys) hash = scramble(Math.imul(hash ^ (key >>> 0), 0x85ebca6b) + 0x6a09e667);
    this.#a = hash;
    this.#b = scramble(hash + 0x9e3779b9);
    this.#c = scramble(hash + 0x3c6ef372);
    this.#counter = 1;
    for (let warm = 0; warm < 8; warm++) this.bits();
  }

  /** 32 random bits (sfc32 by C. Doty-Humphrey, PractRand). */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.bits() / 2 ** 32;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }

  /** Nearly normal with mean 0 and deviation 1: the sum of four uniform numbers, never beyond 3.5. */
  normal(): number {
    return (this.unit() + this.unit() + this.unit() + this.unit() - 2) * SQRT_3;
  }

  /** True so often. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** Uniform in 0 .. below - 1. */
  integer(below: number): number {
    return Math.floor(this.unit() * below);
  }
}

const SQRT_3 = Math.sqrt(3);

/** A bijection of 32-bit integers in which every bit depends on every other (lowbias32 by C. Wellons). */
function scramble(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) | 0;
}
