import { describe, expect, test } from "vitest";

import type { Tensor } from "../../src/tensor.ts";
import { compareTensors } from "../../src/verify/compare.ts";

const tolerance = { atol: 1e-5, rtol: 1e-4 };

function float(...values: number[]): Tensor {
  return { dtype: "float32", dims: [values.length], data: Float32Array.from(values) };
}

function int(...values: number[]): Tensor {
  return { dtype: "int32", dims: [values.length], data: Int32Array.from(values) };
}

function long(...values: bigint[]): Tensor {
  return { dtype: "int64", dims: [values.length], data: BigInt64Array.from(values) };
}

function text(...values: string[]): Tensor {
  return { dtype: "string", dims: [values.length], data: values };
}

describe("floating-point numbers", () => {
  test("pass up to the tolerance and fail above it", () => {
    expect(compareTensors(float(1.0001, 2), float(1, 2), tolerance).passed).toBe(true);
    expect(compareTensors(float(1.0003, 2), float(1, 2), tolerance).passed).toBe(false);
    expect(compareTensors(float(0.00001), float(0), tolerance).passed).toBe(true);
    expect(compareTensors(float(0.00003), float(0), tolerance).passed).toBe(false);
  });

  test("the absolute tolerance grows with the largest expected number", () => {
    expect(compareTensors(float(0.005, 1000), float(0, 1000), tolerance).passed).toBe(true);
    expect(compareTensors(float(0.05, 1000), float(0, 1000), tolerance).passed).toBe(false);
    expect(compareTensors(float(0.005, Infinity), float(0, Infinity), tolerance).passed).toBe(false);
  });

  test("report the largest differences, and where the worst is", () => {
    const actual: Tensor = { dtype: "float32", dims: [2, 3], data: Float32Array.of(1, 2, 3, 4, 7, 6) };
    const expected: Tensor = { dtype: "float32", dims: [2, 3], data: Float32Array.of(1, 2, 3.5, 4, 5, 6) };
    expect(compareTensors(actual, expected, tolerance)).toEqual({
      maxAbsDiff: 2,
      maxRelDiff: 0.4,
      nan: 0,
      passed: false,
      reason: "2 of 6 elements out of tolerance; the worst: 7 instead of 5 at [1, 1]",
    });
  });

  test("NaN equals NaN, and differs from every number", () => {
    expect(compareTensors(float(NaN, 1), float(NaN, 1), tolerance)).toEqual({
      maxAbsDiff: 0,
      maxRelDiff: 0,
      nan: 1,
      passed: true,
      reason: null,
    });
    for (const [actual, expected] of [
      [float(NaN, 1), float(0, 1)],
      [float(0, 1), float(NaN, 1)],
      [float(NaN, NaN), float(NaN, 1)],
      [float(NaN), float(Infinity)],
    ] as const) {
      const { passed, maxAbsDiff } = compareTensors(actual, expected, tolerance);
      expect([passed, maxAbsDiff]).toEqual([false, NaN]);
    }
  });

  test("an infinity equals itself alone", () => {
    expect(compareTensors(float(Infinity, -Infinity), float(Infinity, -Infinity), tolerance).passed).toBe(true);
    expect(compareTensors(float(Infinity), float(-Infinity), tolerance).passed).toBe(false);
    expect(compareTensors(float(3e38), float(Infinity), tolerance).passed).toBe(false);
  });

  test("of other shapes fail", () => {
    const matrix: Tensor = { dtype: "float32", dims: [1, 2], data: Float32Array.of(1, 2) };
    expect(compareTensors(float(1, 2), matrix, tolerance).reason).toBe("shape [2] instead of [1, 2]");
  });

  test("of no elements are equal", () => {
    expect(compareTensors(float(), float(), tolerance).passed).toBe(true);
  });
});

describe("integers, booleans and strings", () => {
  test("are equal or not, whatever the tolerance", () => {
    const loose = { atol: 10, rtol: 10 };
    expect(compareTensors(int(1, 2), int(1, 2), loose).passed).toBe(true);
    expect(compareTensors(int(100_000, 3), int(100_001, 2), loose).reason).toBe(
      "2 of 2 int32 elements are not equal; the worst: 100000 instead of 100001 at [0]",
    );
    expect(compareTensors(text("a"), text("a"), loose).passed).toBe(true);
    expect(compareTensors(text("a"), text("b"), loose).passed).toBe(false);
    expect(compareTensors(float(1), text("1.5"), loose).passed).toBe(false);
  });

  test("of 64 bits keep their last digits, and equal the same number of another type", () => {
    expect(compareTensors(long(2n ** 53n + 1n), long(2n ** 53n), tolerance).passed).toBe(false);
    expect(compareTensors(long(7n), int(7), tolerance).passed).toBe(true);
    expect(compareTensors(long(7n), int(8), tolerance).passed).toBe(false);
    expect(compareTensors(float(7), int(7), tolerance).passed).toBe(true);
    expect(compareTensors(float(100_000.5), int(100_000), { atol: 10, rtol: 10 }).passed).toBe(false);
    expect(compareTensors(int(7), float(7.00001), tolerance).passed).toBe(true);
    expect(compareTensors(float(7.5), int(7), tolerance).passed).toBe(false);
  });
});
