import { at } from "../require.ts";

import { Random } from "./random.ts";
import type { ImageSet } from "./dataset.ts";

/** A set cut in two. */
export interface Parts {
  readonly train: ImageSet;
  /** Absent when nothing was to be kept. */
  readonly kept: ImageSet | undefined;
}

const KEPT_STREAM = 0x5e1ec7;

/**
 * Keep images apart, chosen at random but the same ones for every seed of a run, so that runs can be compared.
 *
 * @param amount how many (from 1), or what share (below 1); 0 for none
 * @throws {RangeError} when nothing would be left
 */
export function splitOff(set: ImageSet, amount: number): Parts {
  const count = amount < 1 ? Math.round(amount * set.images) : Math.round(amount);
  if (count === 0) return { train: set, kept: undefined };
  if (count >= set.images) throw new RangeError(`${count} images to keep apart of ${set.images}`);
  const isKept = chosen(set.images, count);
  const indices = Array.from({ length: set.images }, (_, index) => index);
  return {
    train: pick(
      set,
      indices.filter((index) => isKept[index] === 0),
    ),
    kept: pick(
      set,
      indices.filter((index) => isKept[index] === 1),
    ),
  };
}

/** Marks `count` of `images` (R. W. Floyd's sampling). */
function chosen(images: number, count: number): Uint8Array {
  const marks = new Uint8Array(images);
  const random = new Random(KEPT_STREAM, images);
  for (let last = images - count; last < images; last++) {
    const place = random.integer(last + 1);
    marks[marks[place] === 1 ? last : place] = 1;
  }
  return marks;
}

function pick(set: ImageSet, indices: readonly number[]): ImageSet {
  return {
    name: set.name,
    split: set.split,
    source: set.source,
    images: indices.length,
    height: set.height,
    width: set.width,
    labels: Uint8Array.from(indices, (index) => at(set.labels, index)),
    pixels: (index) => set.pixels(indices[index] ?? set.images),
  };
}

/** The images of several sets of one size, one set after the other, under the first one's name. */
export function joinSets(sets: readonly ImageSet[]): ImageSet {
  const [first] = sets;
  if (first === undefined) throw new RangeError("no set to join");
  if (sets.length === 1) return first;
  const starts: number[] = [];
  let images = 0;
  for (const set of sets) {
    if (set.height !== first.height || set.width !== first.width) {
      throw new RangeError(
        `${set.name}: images of ${set.height} x ${set.width} beside ${first.height} x ${first.width}`,
      );
    }
    starts.push(images);
    images += set.images;
  }
  return {
    name: first.name,
    split: first.split,
    source: sets.map(({ source }) => source).join(" + "),
    images,
    height: first.height,
    width: first.width,
    labels: Uint8Array.from(sets.flatMap(({ labels }) => [...labels])),
    pixels: (index) => {
      const place = starts.findLastIndex((start) => start <= index);
      const set = sets[place];
      if (set === undefined) throw new RangeError(`no image ${index} among ${images}`);
      return set.pixels(index - at(starts, place));
    },
  };
}
