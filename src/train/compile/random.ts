/** Mixes integers into 32 well-spread bits (the finaliser of MurmurHash3, by A. Appleby). */
export function mixBits(...values: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const value of values) {
    hash ^= value | 0;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash | 0;
}

/**
 * Runs a function while Math.random, from which TF.js seeds every random tensor, repeats the numbers of `seed` and
 * `step`; so eager dropout is the same after a resume as it was before it.
 */
export function withSeededRandom<T>(seed: number, step: number, run: () => T): T {
  const original = Math.random;
  let count = 0;
  Math.random = () => (mixBits(seed, step, count++) >>> 0) / 2 ** 32;
  try {
    return run();
  } finally {
    Math.random = original;
  }
}
