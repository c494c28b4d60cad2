import * as fc from "fast-check";
import { expect, test } from "vitest";

import { permuteData, transposedWhenWritten } from "../../../src/export/build/permute.ts";
import { partsOf } from "../../../src/computed-tensor.ts";
import { at } from "../../../src/require.ts";
import { float32, sizeOf, type DType, type Tensor } from "../../../src/tensor.ts";

/** Places in the source in the order of the result, one index after the other. */
function places(sizes: readonly number[], perm: readonly number[]): number[] {
  const walk = (indices: readonly number[]): number[] => {
    const axis = perm[indices.length];
    if (axis === undefined) {
      const index = sizes.map((_, each) => at(indices, perm.indexOf(each)));
      return [index.reduce((place, each, dimension) => place * at(sizes, dimension) + each, 0)];
    }
    return Array.from({ length: at(sizes, axis) }, (_, each) => walk([...indices, each])).flat();
  };
  return walk([]);
}

/** The tensor 0, 1, 2 ... of a type; a view that does not begin where its buffer does. */
const makers: Readonly<
  Record<
    Extract<DType, "float32" | "int8" | "float16" | "int64" | "float64" | "string">,
    (dims: readonly number[]) => Tensor
  >
> = {
  float32: (dims) => ({
    dtype: "float32",
    dims,
    data: Float32Array.from({ length: sizeOf(dims) + 1 }, (_, index) => index - 1.5).subarray(1),
  }),
  int8: (dims) => ({
    dtype: "int8",
    dims,
    data: Int8Array.from({ length: sizeOf(dims) + 1 }, (_, index) => index - 100).subarray(1),
  }),
  float16: (dims) => ({
    dtype: "float16",
    dims,
    data: Uint16Array.from({ length: sizeOf(dims) + 1 }, (_, index) => index).subarray(1),
  }),
  int64: (dims) => ({
    dtype: "int64",
    dims,
    data: BigInt64Array.from({ length: sizeOf(dims) }, (_, index) => BigInt(index) * -(2n ** 40n)),
  }),
  float64: (dims) => ({
    dtype: "float64",
    dims,
    data: Float64Array.from({ length: sizeOf(dims) }, (_, index) => index / 3),
  }),
  string: (dims) => ({ dtype: "string", dims, data: Array.from({ length: sizeOf(dims) }, (_, index) => `s${index}`) }),
};

const shapes = fc
  .array(fc.constantFrom(1, 2, 3, 4, 7), { maxLength: 5 })
  .chain((sizes) => fc.tuple(fc.constant(sizes), fc.shuffledSubarray([...sizes.keys()], { minLength: sizes.length })));

test.each(Object.entries(makers))("constants of %s are transposed as an index at a time is", (_, make) => {
  fc.assert(
    fc.property(shapes, ([sizes, perm]) => {
      const tensor = make(sizes);
      const before = Array.from<unknown>(tensor.data);
      const moved = permuteData(tensor, sizes, perm);
      expect(Array.from<unknown>(moved.data)).toEqual(places(sizes, perm).map((place) => before[place]));
      expect(Array.from<unknown>(tensor.data)).toEqual(before);
    }),
    { numRuns: 60 },
  );
});

test.each([
  { dims: [70, 130], perm: [1, 0] },
  { dims: [3, 3, 40, 33], perm: [3, 2, 0, 1] },
  { dims: [33, 0, 2], perm: [2, 0, 1] },
])("more than one square of $dims by $perm", ({ dims, perm }) => {
  const data = Float32Array.from({ length: sizeOf(dims) }, (_, index) => index);
  expect(Array.from(permuteData(float32(data, dims), dims, perm).data)).toEqual(places(dims, perm));
});

test("large kernels are computed in parts of several rows, the last one shorter", () => {
  const dims = [512, 3, 299];
  const kernel = float32(
    Float32Array.from({ length: sizeOf(dims) }, (_, index) => index),
    dims,
  );
  const late = transposedWhenWritten(kernel, [2, 0, 1]);
  if (late.dtype !== "float32") throw new TypeError(late.dtype);
  const parts = Array.from(partsOf(late), (part) => part.slice());
  expect(parts.map(({ length }) => length / (512 * 3))).toEqual([43, 43, 43, 43, 43, 43, 41]);
  const expected = permuteData(kernel, dims, [2, 0, 1]).data;
  const found = parts.flatMap((part) => [...part]);
  expect(found).toHaveLength(expected.length);
  expect(found.findIndex((value, index) => value !== expected[index])).toBe(-1);
});
