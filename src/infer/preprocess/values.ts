import { InternalError } from "../../errors.ts";

/**
 * Checked element access. One function for each kind of array: a function that meets several kinds is several times
 * slower, and these are called for every pixel.
 *
 * @throws {InternalError} when there is no such element
 */
export function f32(values: Float32Array, index: number): number {
  const value = values[index];
  if (value === undefined) throw outside(index, values.length);
  return value;
}

/** See {@link f32}. */
export function u8(values: Uint8Array | Uint8ClampedArray, index: number): number {
  const value = values[index];
  if (value === undefined) throw outside(index, values.length);
  return value;
}

/** See {@link f32}. */
export function i32(values: Int32Array, index: number): number {
  const value = values[index];
  if (value === undefined) throw outside(index, values.length);
  return value;
}

/** See {@link f32}; for lists that are short or read rarely. */
export function item<T>(list: readonly T[], index: number): T {
  const value = list[index];
  if (value === undefined) throw outside(index, list.length);
  return value;
}

function outside(index: number, length: number): InternalError {
  return new InternalError(`no element ${index} in an array of ${length}`);
}
