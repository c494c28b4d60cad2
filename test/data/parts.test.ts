import { expect, test } from "vitest";

import type { ImageSet } from "../../src/data/dataset.ts";
import { joinSets, splitOff } from "../../src/data/parts.ts";
import { storeSamples } from "../../src/data/sample-store.ts";

/** Images that are told apart by their first two pixels. */
function numbered(images: number, mark: number): ImageSet {
  return {
    name: "digits",
    split: "train",
    source: `marked ${mark}`,
    images,
    height: 1,
    width: 2,
    labels: Uint8Array.from({ length: images }, (_, index) => index % 10),
    pixels: (index) => {
      if (index >= images) throw new RangeError(`no image ${index}`);
      return Uint8Array.of(mark, index);
    },
  };
}

function numbers(set: ImageSet): number[] {
  return Array.from({ length: set.images }, (_, index) => set.pixels(index)[1] ?? -1);
}

test("a part kept apart and the rest make the whole, and labels stay with their images", () => {
  const { train, kept } = splitOff(numbered(200, 1), 0.25);
  if (kept === undefined) throw new Error("nothing was kept");
  expect([train.images, kept.images]).toEqual([150, 50]);
  expect([...numbers(train), ...numbers(kept)].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 200 }, (_, index) => index),
  );
  for (const part of [train, kept]) expect(Array.from(part.labels)).toEqual(numbers(part).map((index) => index % 10));
  expect(numbers(kept)).not.toEqual(Array.from({ length: 50 }, (_, index) => index));
  expect(numbers(splitOff(numbered(200, 1), 50).kept ?? train)).toEqual(numbers(kept));
  expect(() => kept.pixels(50)).toThrow(RangeError);
});

test("nothing or everything kept apart", () => {
  expect(splitOff(numbered(5, 1), 0).kept).toBeUndefined();
  expect(() => splitOff(numbered(5, 1), 5)).toThrow("5 images to keep apart of 5");
});

test("sets joined are read one after the other, and so stored for other threads", () => {
  const joined = joinSets([numbered(3, 1), numbered(2, 7)]);
  const expected = [1, 0, 1, 1, 1, 2, 7, 0, 7, 1];
  expect(Array.from({ length: 5 }, (_, index) => [...joined.pixels(index)]).flat()).toEqual(expected);
  expect(() => joined.pixels(5)).toThrow(RangeError);
  const store = storeSamples([joined]);
  expect([...store.pixels]).toEqual(expected);
  expect([...store.labels]).toEqual([0, 1, 2, 0, 1]);
  expect(() => joinSets([numbered(3, 1), { ...numbered(2, 7), height: 2 }])).toThrow("images of 2 x 2 beside 1 x 2");
});
