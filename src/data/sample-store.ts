import type { ImageSet } from "./dataset.ts";

/** Labelled images [N, H, W] in memory that worker threads share. */
export interface SampleStore {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  /** [N, H, W], 0 paper to 255 ink. */
  readonly pixels: Uint8Array<SharedArrayBuffer>;
  readonly labels: Uint8Array<SharedArrayBuffer>;
}

/** One after the other, the images of several sets of one size. */
export function storeSamples(sets: readonly ImageSet[]): SampleStore {
  const { height = 0, width = 0 } = sets[0] ?? {};
  const images = sets.reduce((sum, set) => sum + set.images, 0);
  const size = height * width;
  const pixels = new Uint8Array(new SharedArrayBuffer(images * size));
  const labels = new Uint8Array(new SharedArrayBuffer(images));
  let first = 0;
  for (const set of sets) {
    if (set.height !== height || set.width !== width) {
      throw new RangeError(`${set.name}: images of ${set.height} x ${set.width} beside ${height} x ${width}`);
    }
    for (let index = 0; index < set.images; index++) pixels.set(set.pixels(index), (first + index) * size);
    labels.set(set.labels, first);
    first += set.images;
  }
  return { images, height, width, pixels, labels };
}
