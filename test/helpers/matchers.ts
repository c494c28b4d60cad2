import { expect } from "vitest";

import type { Tensor } from "../../src/tensor.ts";

/** `expect` with the matchers below. */
export { expect };

/** `|actual − expected| ≤ atol + rtol · |expected|` for every element. */
export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
}

expect.extend({
  toMatchTensor(actual: Tensor, expected: Tensor, { atol, rtol }: Tolerance) {
    if (actual.dtype !== expected.dtype || actual.dims.join() !== expected.dims.join()) {
      return {
        pass: false,
        message: () =>
          `expected ${expected.dtype} [${expected.dims.join()}], got ${actual.dtype} [${actual.dims.join()}]`,
      };
    }
    let worst = 0;
    let misses = 0;
    let maxError = 0;
    for (let index = 0; index < expected.data.length; index++) {
      const want = Number(expected.data[index]);
      const got = Number(actual.data[index]);
      if (Object.is(want, got) || want === got) continue;
      const error = Math.abs(got - want);
      if (!(error <= atol + rtol * Math.abs(want))) misses++;
      if (!(error <= maxError)) [maxError, worst] = [error, index];
    }
    return {
      pass: misses === 0,
      message: () =>
        `${misses} of ${expected.data.length} elements out of tolerance (atol ${atol}, rtol ${rtol}); ` +
        `worst at ${worst}: expected ${String(expected.data[worst])}, got ${String(actual.data[worst])}`,
    };
  },
});

declare module "vitest" {
  interface Matchers {
    toMatchTensor(expected: Tensor, tolerance: Tolerance): void;
  }
}
