import { describe, expect, test } from "vitest";

import { digitsFromIdx, readIdx } from "../../src/data/idx.ts";
import { DataError } from "../../src/errors.ts";
import { idxFile } from "../helpers/idx-file.ts";

const labelsOf = (labels: readonly number[]): Uint8Array => idxFile([labels.length], Uint8Array.from(labels));
const imagesOf = (count: number, side = 28): Uint8Array =>
  idxFile(
    [count, side, side],
    Uint8Array.from({ length: count * side * side }, (_, at) => at % 251),
  );
const open = (images: Uint8Array, labels: Uint8Array): ReturnType<typeof digitsFromIdx> =>
  digitsFromIdx(
    { file: "images", bytes: images },
    { file: "labels", bytes: labels },
    { name: "mnist", split: "test", source: "here" },
  );

describe("an IDX file", () => {
  test("gives its dimensions and elements, big-endian, wherever the bytes lie in their buffer", () => {
    const file = idxFile([2, 1, 300], new Uint8Array(600).fill(7));
    const padded = new Uint8Array(file.length + 3);
    padded.set(file, 3);
    const { dims, data } = readIdx({ file: "x", bytes: padded.subarray(3) }, 3);
    expect(dims).toEqual([2, 1, 300]);
    expect(data).toEqual(new Uint8Array(600).fill(7));
  });

  test.each([
    ["empty", new Uint8Array(0), /x: cut short: found 0 bytes, expected a header of 8 bytes/],
    ["cut in its header", labelsOf([1]).subarray(0, 6), /cut short: found 6 bytes/],
    ["cut in its data", labelsOf([1, 2, 3]).subarray(0, 10), /found 10 bytes, expected 11 bytes for its 3 elements/],
    ["longer than it says", Uint8Array.from([...labelsOf([1, 2]), 0]), /1 bytes too many: found 11, expected 10/],
    ["of images", imagesOf(1), /not an IDX file of labels: begins with 0x00000803, expected 0x00000801/],
    ["of floats", Uint8Array.from([0, 0, 0x0d, 1, 0, 0, 0, 0]), /begins with 0x00000d01/],
    ["a web page", new TextEncoder().encode("<!doctype html>"), /not an IDX file of labels/],
  ])("that is %s is named with what was expected", (_, bytes, message) => {
    expect(() => readIdx({ file: "x", bytes }, 1)).toThrow(DataError);
    expect(() => readIdx({ file: "x", bytes }, 1)).toThrow(message);
  });

  test("that claims 2^96 elements costs nothing", () => {
    const bytes = idxFile([0xffffffff, 0xffffffff, 0xffffffff], new Uint8Array(4));
    expect(() => readIdx({ file: "x", bytes }, 3)).toThrow(/cut short/);
  });
});

describe("digits from two IDX files", () => {
  test("are labelled images of 28 x 28", () => {
    const set = open(imagesOf(3), labelsOf([4, 0, 9]));
    expect([set.images, set.height, set.width, ...set.labels]).toEqual([3, 28, 28, 4, 0, 9]);
    expect(set.pixels(1)).toEqual(Uint8Array.from({ length: 784 }, (_, at) => (784 + at) % 251));
    expect(() => set.pixels(3)).toThrow(RangeError);
  });

  test.each([
    ["labels of another split", imagesOf(3), labelsOf([1, 2]), /labels: 2 labels, expected 3, one for each image/],
    ["a label out of range", imagesOf(2), labelsOf([1, 10]), /labels: label 1 is 10, expected 0 to 9/],
    ["images of another size", imagesOf(2, 27), labelsOf([1, 2]), /images of 27 x 27, expected 28 x 28/],
    ["no images", imagesOf(0), labelsOf([]), /holds 0 images/],
  ])("refuse %s", (_, images, labels, message) => {
    expect(() => open(images, labels)).toThrow(DataError);
    expect(() => open(images, labels)).toThrow(message);
  });
});
