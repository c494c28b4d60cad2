import { first, floatAt, wordAt } from "./require.ts";

// IEEE 754 binary16: 1 sign bit, 5 of exponent (bias 15), 10 of fraction; float32 has 1, 8 (bias 127) and 23.

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** What the bits of a float16 moved to the place of float32's lack: the difference of the biases, in float32's exponent. */
const REBIAS = (127 - 15) << 23;
const HALF_EXPONENT = 0x7c00;

/** The number that the 16 bits of a float16 stand for. */
export function halfToNumber(bits: number): number {
  const exponent = bits & HALF_EXPONENT;
  if (exponent !== 0 && exponent !== HALF_EXPONENT) {
    floatBits[0] = widened(bits);
    return first(float);
  }
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return fraction === 0 ? sign * Infinity : Number.NaN;
}

/** The same number's bits as a float32, where it is neither subnormal nor 0, infinite or NaN. */
function widened(bits: number): number {
  return ((bits & 0x8000) << 16) | (((bits & 0x7fff) << 13) + REBIAS);
}

/** Bits of the float16 next to a number, to even on a tie; an infinity from 65520 on. */
export function numberToHalf(value: number): number {
  float[0] = value;
  return narrowed(wordAt(floatBits, 0));
}

/** Bits of the float16 next to the float32 of these bits. */
function narrowed(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return sign | 0x7e00;
  if (rest >= 0x47800000) return sign | HALF_EXPONENT;
  const exponent = rest >>> 23;
  // Below 2^-14, numbers are multiples of 2^-24; what is below half of that becomes 0.
  if (exponent < 102) return sign;
  if (exponent < 113) return sign | shiftedToEven((rest & 0x7fffff) | 0x800000, 126 - exponent);
  return sign | shiftedToEven(rest - REBIAS, 13);
}

/** `value / 2^places` rounded to a whole number, to an even one on a tie. */
function shiftedToEven(value: number, places: number): number {
  const below = value >>> places;
  return (value + (1 << (places - 1)) - 1 + (below & 1)) >>> places;
}

/** The numbers of many float16s. */
export function halvesToFloats(halves: Uint16Array): Float32Array {
  // Accesses to arrays of one kind only are several times faster.
  const source = new Uint32Array(halves);
  const floats = new Float32Array(source.length);
  const bits = new Uint32Array(floats.buffer);
  for (let index = 0; index < source.length; index++) {
    const half = wordAt(source, index);
    const exponent = half & HALF_EXPONENT;
    if (exponent !== 0 && exponent !== HALF_EXPONENT) bits[index] = widened(half);
    else floats[index] = halfToNumber(half);
  }
  return floats;
}

/** The bits of many numbers as float16s; null when one of them is no float16. NaN is one. */
export function exactHalves(floats: Float32Array): Uint16Array | null {
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const halves = new Uint16Array(floats.length);
  for (let index = 0; index < bits.length; index++) {
    const word = wordAt(bits, index);
    const rest = word & 0x7fffffff;
    const exponent = rest >>> 23;
    if (exponent > 112 && exponent < 143 && (rest & 0x1fff) === 0) {
      halves[index] = ((word >>> 16) & 0x8000) | ((rest - REBIAS) >>> 13);
      continue;
    }
    const half = narrowed(word);
    if (!Object.is(halfToNumber(half), floatAt(floats, index))) return null;
    halves[index] = half;
  }
  return halves;
}
