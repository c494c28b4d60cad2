import { expect, test } from "vitest";

import { exactHalves, halfToNumber, halvesToFloats, numberToHalf } from "../src/half.ts";

/** After the definition: (-1)^s · 2^(e - 15) · 1.f, or (-1)^s · 2^-14 · 0.f for e = 0. */
function defined(bits: number): number {
  const digits = bits.toString(2).padStart(16, "0");
  const sign = digits.startsWith("1") ? -1 : 1;
  const exponent = Number.parseInt(digits.slice(1, 6), 2);
  const fraction = Number.parseInt(digits.slice(6), 2);
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? 2 ** -14 : 2 ** (exponent - 15)) * ((exponent === 0 ? 0 : 1) + fraction / 1024);
}

const all = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);

test("all float16s have the value of the definition", () => {
  const expected = Array.from(all, defined);
  expect(Array.from(all, halfToNumber)).toEqual(expected);
  // A view that begins in the middle of a buffer.
  expect(Array.from(halvesToFloats(all.subarray(1)))).toEqual(expected.slice(1));
});

test("float16 rounds to the nearest, ties to even", () => {
  const wrong: number[] = [];
  for (let bits = 0; bits < 2 ** 16; bits++) {
    const value = halfToNumber(bits);
    if (Number.isNaN(value)) continue;
    if (numberToHalf(value) !== bits) wrong.push(bits);
    const next = halfToNumber(bits + 1);
    if (!Number.isFinite(value) || !Number.isFinite(next)) continue;
    if (numberToHalf((value + next) / 2) !== (bits % 2 === 0 ? bits : bits + 1)) wrong.push(bits + 0.5);
  }
  expect(wrong).toEqual([]);
  expect([65_519, 65_520, 1e9, -1e9, NaN, 2 ** -25, 2 ** -24].map(numberToHalf)).toEqual([
    0x7bff, 0x7c00, 0x7c00, 0xfc00, 0x7e00, 0, 1,
  ]);
});

test("floats that are float16s are told from those that are not", () => {
  const floats = halvesToFloats(all);
  const isNaN = (bits: number): boolean => (bits & 0x7fff) > 0x7c00;
  expect(exactHalves(floats)).toEqual(all.map((bits) => (isNaN(bits) ? 0x7e00 : bits)));
  const others = [1 + 2 ** -11, 2 ** -25, 65_520, 1e-40, -0.1].map(Math.fround);
  expect(others.map((value) => exactHalves(Float32Array.of(1, value)))).toEqual(others.map(() => null));
});
