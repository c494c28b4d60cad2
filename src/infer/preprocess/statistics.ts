import { at } from "./image.ts";

/** Values that statistics look at, at most; a prime, so that they do not come from a few columns of a picture alone. */
const SAMPLES = 4093;

/** Some of many values, evenly spread over them. */
export function sampleOf(values: Float32Array): Float32Array {
  const count = Math.min(values.length, SAMPLES);
  const sample = new Float32Array(count);
  for (let index = 0; index < count; index++) sample[index] = at(values, Math.floor((index * values.length) / count));
  return sample;
}

/** The value that so large a share of some values stays at or under. */
export function quantile(values: Float32Array, share: number): number {
  const sorted = sampleOf(values).toSorted();
  return at(sorted, Math.floor(share * (sorted.length - 1)));
}

/** Values at some places, in their order. */
export function valuesAt(values: Float32Array, places: readonly number[]): Float32Array {
  const some = new Float32Array(places.length);
  places.forEach((place, index) => (some[index] = at(values, place)));
  return some;
}

/** 1 where a value is wanted, 0 elsewhere: `Uint8Array.from` with a function takes ten times as long. */
export function maskWhere(values: Float32Array | Uint8Array, isWanted: (value: number) => boolean): Uint8Array {
  const mask = new Uint8Array(values.length);
  for (let index = 0; index < mask.length; index++) if (isWanted(at(values, index))) mask[index] = 1;
  return mask;
}
