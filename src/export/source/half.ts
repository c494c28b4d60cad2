import { floatAt } from "../../require.ts";

/** The numbers of all 65,536 bit patterns, computed when the first one is asked for. */
let table: Float32Array | null = null;

/** The number that the 16 bits of an IEEE 754 binary16 stand for. */
export function halfToNumber(bits: number): number {
  table ??= Float32Array.from({ length: 2 ** 16 }, (_, each) => numberOf(each));
  return floatAt(table, bits);
}

/** 1 sign bit, 5 of exponent (bias 15), 10 of fraction. */
function numberOf(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
