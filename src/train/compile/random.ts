import type { TensorFlow } from "./types.ts";

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

/** Runs a function with another Math.random, from which TF.js seeds every random tensor. */
function withRandom<T>(random: () => number, run: () => T): T {
  const original = Math.random;
  Math.random = random;
  try {
    return run();
  } finally {
    Math.random = original;
  }
}

/**
 * Runs a function while Math.random repeats the numbers of `seed` and `step`; so eager dropout is the same after a
 * resume as it was before it.
 */
export function withSeededRandom<T>(seed: number, step: number, run: () => T): T {
  let count = 0;
  return withRandom(() => (mixBits(seed, step, count++) >>> 0) / 2 ** 32, run);
}

/** scale * z + offset, with z uniform in [0, 1), standard normal, or that cut off at 2. */
export interface Distribution {
  readonly kind: "uniform" | "normal" | "truncatedNormal";
  readonly scale: number;
  readonly offset: number;
}

const KINDS = ["uniform", "normal", "truncatedNormal"] as const;
const COMPARED = 24;

/**
 * TF.js draws random tensors in JavaScript, each from a generator of its own that Math.random seeds. This remembers the
 * seeds, and recognises a tensor by what TF.js itself draws from the same seed.
 */
export class RandomDraws {
  readonly #tf: TensorFlow;
  readonly #seeds: number[] = [];
  #comparing = false;

  constructor(tf: TensorFlow) {
    this.#tf = tf;
  }

  /** How many calls of Math.random are not accounted for. */
  get pending(): number {
    return this.#seeds.length;
  }

  while<T>(run: () => T): T {
    const { random } = Math;
    return withRandom(() => {
      const seed = random();
      this.#seeds.push(seed);
      return seed;
    }, run);
  }

  /** The distribution the values were drawn from, if they were drawn since `while` began and not recognised yet. */
  recognise(values: Float32Array): Distribution | undefined {
    if (this.#comparing) return undefined;
    for (const [position, seed] of this.#seeds.entries()) {
      const found = this.#fit(seed, values);
      if (found === undefined) continue;
      this.#seeds.splice(position, 1);
      return found;
    }
    return undefined;
  }

  #fit(seed: number, values: Float32Array): Distribution | undefined {
    const some = values.subarray(0, COMPARED);
    for (const kind of KINDS) {
      const drawn = this.#draw(kind, seed, some.length);
      const found = fitLine(drawn, some);
      if (found !== undefined) return { kind, ...found };
    }
    return undefined;
  }

  #draw(kind: Distribution["kind"], seed: number, count: number): Float32Array {
    const tf = this.#tf;
    const draw = {
      uniform: () => tf.randomUniform([count], 0, 1),
      normal: () => tf.randomNormal([count], 0, 1),
      truncatedNormal: () => tf.truncatedNormal([count], 0, 1),
    }[kind];
    this.#comparing = true;
    try {
      const tensor = withRandom(() => seed, draw);
      const values = tensor.dataSync<"float32">();
      tensor.dispose();
      return values;
    } finally {
      this.#comparing = false;
    }
  }
}

/** scale and offset that make `values` of `standard`, if there are any. Fewer than three values fit only as they are. */
function fitLine(standard: Float32Array, values: Float32Array): Pick<Distribution, "scale" | "offset"> | undefined {
  const line = values.length < 3 ? { scale: 1, offset: 0 } : lineThrough(standard, values);
  const tolerance = 1e-5 * (Math.abs(line.scale) + Math.abs(line.offset));
  const fits = values.every((value, index) => {
    return Math.abs(line.scale * (standard[index] ?? Number.NaN) + line.offset - value) <= tolerance;
  });
  return fits && line.scale !== 0 ? line : undefined;
}

/** Through the two points that are furthest apart. */
function lineThrough(standard: Float32Array, values: Float32Array): Pick<Distribution, "scale" | "offset"> {
  const low = standard.indexOf(Math.min(...standard));
  const high = standard.indexOf(Math.max(...standard));
  const [x0 = 0, x1 = 0, y0 = 0, y1 = 0] = [standard[low], standard[high], values[low], values[high]];
  const scale = (y1 - y0) / (x1 - x0);
  return { scale: rounded(scale), offset: rounded(y0 - scale * x0) };
}

/** The simple number that was meant, if there is one within float32's precision. */
function rounded(value: number): number {
  const simple = Math.round(value * 1e5) / 1e5;
  return Math.abs(simple - value) < 2e-6 ? simple : value;
}
