import { expect, test } from "vitest";

import { elementAt, isComputed } from "../../src/computed-tensor.ts";
import { transposed, transposedWhenWritten } from "../../src/export/build/permute.ts";
import { float32 } from "../../src/tensor.ts";

const dims = [3, 2, 300, 200];
const kernel = float32(
  Float32Array.from({ length: 3 * 2 * 300 * 200 }, (_, index) => Math.sin(index)),
  dims,
);

test.each([[[3, 2, 0, 1]], [[2, 3, 0, 1]], [[0, 1, 2, 3]]])(
  "a large kernel transposed by %j when it is written",
  (perm) => {
    const kept = transposed(kernel, perm);
    const late = transposedWhenWritten(kernel, perm);
    expect([isComputed(late), isComputed(kept)]).toEqual([true, false]);
    expect(late.dims).toEqual(kept.dims);
    const [once, again] = [late.data, late.data];
    expect(once === again).toBe(false);
    expect(once.length).toBe(kept.data.length);
    // toEqual takes seconds for so many elements.
    expect(once.findIndex((value, index) => value !== kept.data[index])).toBe(-1);
    for (const index of [0, 1, 199, 200, 60_001, 359_999]) expect(elementAt(late, index)).toBe(kept.data[index]);
  },
);

test("a small one is transposed at once", () => {
  const small = float32(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
  const late = transposedWhenWritten(small, [1, 0]);
  expect(isComputed(late)).toBe(false);
  expect(late).toEqual(float32(Float32Array.of(1, 4, 2, 5, 3, 6), [3, 2]));
});
