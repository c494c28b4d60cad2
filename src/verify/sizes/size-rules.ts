import type { Sizes } from "../feeds.ts";

import { evaluateSize } from "./expression.ts";

/** A tensor of which the exporter knows the shape: numbers, and expressions over the free sizes. */
export interface ShapedTensor {
  readonly name: string;
  readonly dims: readonly (number | string)[];
}

/**
 * Why a model with these inner tensors does not take some sizes: one of its tensors would have a size that is negative or no
 * whole number, or is 0 where no free size is. Null when nothing is known to be wrong; sizes that cannot be told count as right.
 */
export function faultOfShapes(tensors: readonly ShapedTensor[], sizes: Sizes): string | null {
  const least = [...sizes.values()].includes(0) ? 0 : 1;
  for (const { name, dims } of tensors) {
    for (const size of dims) {
      if (typeof size === "number") continue;
      const value = evaluateSize(size, sizes);
      if (value === null || (Number.isInteger(value) && value >= least)) continue;
      return `tensor ${name} of shape [${dims.join(", ")}] would have an axis of size ${value}`;
    }
  }
  return null;
}

/** How many axes of these tensors have the size 1 that need not: their size depends on a free one. */
export function countOnes(tensors: readonly ShapedTensor[], sizes: Sizes): number {
  return tensors
    .flatMap(({ dims }) => dims)
    .filter((size) => typeof size === "string" && evaluateSize(size, sizes) === 1).length;
}
