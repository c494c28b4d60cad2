import { InternalError } from "./errors.ts";

/** An element that must exist. @throws {InternalError} when it does not */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const found = list[index];
  if (found === undefined) throw missing(index, list.length);
  return found;
}

/** As {@link at}, for loops over many numbers: it is several times faster, because it sees arrays of one kind only. */
export function floatAt(list: Float32Array, index: number): number {
  const found = list[index];
  if (found === undefined) throw missing(index, list.length);
  return found;
}

/** As {@link floatAt}, of double precision. */
export function doubleAt(list: Float64Array, index: number): number {
  const found = list[index];
  if (found === undefined) throw missing(index, list.length);
  return found;
}

/** As {@link floatAt}, of bytes. */
export function byteAt(list: Uint8Array | Uint8ClampedArray, index: number): number {
  const found = list[index];
  if (found === undefined) throw missing(index, list.length);
  return found;
}

/** As {@link floatAt}, of int32. */
export function intAt(list: Int32Array, index: number): number {
  const found = list[index];
  if (found === undefined) throw missing(index, list.length);
  return found;
}

/** As {@link floatAt}, for loops over the bits of many elements. */
export function wordAt(list: Uint32Array, index: number): number {
  const found = list[index];
  if (found === undefined) throw missing(index, list.length);
  return found;
}

function missing(index: number, length: number): InternalError {
  return new InternalError(`there is no element ${index} in a list of ${length}`);
}

/** The first element of a list that must have one. @throws {InternalError} when it is empty */
export function first<T>(list: ArrayLike<T>): T {
  return at(list, 0);
}

/** The last element of a list that must have one. @throws {InternalError} when it is empty */
export function last<T>(list: ArrayLike<T>): T {
  return at(list, list.length - 1);
}

/** The value of a key that must be there. @throws {InternalError} when it is not */
export function valueOf<K, V>(map: ReadonlyMap<K, V>, key: K, what = "entry"): V {
  const found = map.get(key);
  if (found === undefined) throw new InternalError(`there is no ${what} ${String(key)}`);
  return found;
}
