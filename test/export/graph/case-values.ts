import type { CaseInput } from "./op-case.ts";

/** Inputs of cases: random ones, which depend on their seed alone, and those that kernels treat specially. */

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, dim) => size * dim, 1);
}

/** Uniform numbers from [0, 1). The generator is mulberry32. */
export function randomNumbers(seed: number, count: number): number[] {
  let state = seed >>> 0;
  return Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  });
}

let nextSeed = 1;

/** Floats from [low, high). */
export function floats(shape: readonly number[], low = -2, high = 2, seed: number = nextSeed++): CaseInput {
  const values = randomNumbers(seed, sizeOf(shape)).map((value) => Math.fround(low + value * (high - low)));
  return { dtype: "float32", shape, values, constant: false };
}

/** Integers from low to high, both included. */
export function ints(shape: readonly number[], low = -9, high = 9, seed: number = nextSeed++): CaseInput {
  const values = randomNumbers(seed, sizeOf(shape)).map((value) => low + Math.floor(value * (high - low + 1)));
  return { dtype: "int32", shape, values, constant: false };
}

export function bools(shape: readonly number[], seed: number = nextSeed++): CaseInput {
  const values = randomNumbers(seed, sizeOf(shape)).map((value) => (value < 0.5 ? 0 : 1));
  return { dtype: "bool", shape, values, constant: false };
}

export function given(
  dtype: "float32" | "int32" | "bool",
  values: readonly number[],
  shape: readonly number[] = [values.length],
): CaseInput {
  const exact = dtype === "float32" ? values.map(Math.fround) : values;
  return { dtype, shape, values: exact, constant: false };
}

export function strings(values: readonly string[], shape: readonly number[] = [values.length]): CaseInput {
  return { dtype: "string", shape, values, constant: false };
}

/** The same numbers in a Const. */
export function constant(input: CaseInput): CaseInput {
  return { ...input, constant: true };
}

/** An int32 Const: axes, sizes, permutations. */
export function axes(values: readonly number[], shape: readonly number[] = [values.length]): CaseInput {
  return constant(given("int32", values, shape));
}

/** An int32 Const without axes. */
export function scalar(value: number, dtype: "float32" | "int32" | "bool" = "int32"): CaseInput {
  return constant(given(dtype, [value], []));
}

/** Values that kernels treat specially: not numbers, infinite, both zeros, halves, large, small. */
export const SPECIALS: readonly number[] = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  -1.5,
  2.5,
  -2.5,
  3.75,
  -3.75,
  100,
  -100,
  1e-6,
  -1e-6,
  3e30,
  -3e30,
];

export const specials = (): CaseInput => given("float32", SPECIALS);

/** Shapes of rank 0 to 6, and empty ones. */
export const RANKS: readonly (readonly number[])[] = [
  [],
  [5],
  [2, 3],
  [2, 3, 4],
  [2, 3, 1, 4],
  [2, 1, 3, 2, 2],
  [1, 2, 2, 1, 3, 2],
  [0],
  [2, 0, 3],
];

/** Pairs of shapes that spread over each other. */
export const BROADCASTS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[], []],
  [[], [3]],
  [[3], []],
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [[3], [2, 3]],
  [
    [2, 3],
    [2, 1],
  ],
  [
    [2, 1],
    [1, 3],
  ],
  [
    [2, 3, 4],
    [3, 1],
  ],
  [
    [2, 3, 4, 5],
    [4, 1],
  ],
  [
    [1, 3, 1, 5],
    [2, 1, 4, 5],
  ],
  [
    [2, 1, 2, 1, 2],
    [1, 3, 1, 2, 1],
  ],
  [
    [2, 1, 2, 1, 2, 2],
    [2, 2, 1],
  ],
  [[0], [0]],
  [[0, 3], [3]],
  [[2, 0], [1]],
];
