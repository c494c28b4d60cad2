import { DataError } from "../errors.ts";

import { DIGIT_PIXELS, DIGIT_SIDE } from "./dataset.ts";
import type { ImageSet, ImageSetName, Split } from "./dataset.ts";

/** The content of a file, with the name to use in errors. */
export interface NamedBytes {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** An array of unsigned bytes, row-major, as an IDX file holds it. */
export interface IdxArray {
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

const TYPE_UINT8 = 0x08;
const MAGIC_BYTES = 4;
const DIM_BYTES = 4;
const CLASSES = 10;

/**
 * Read an unpacked IDX file of unsigned bytes: two zero bytes, the element type, the number of dimensions, each dimension
 * as a big-endian uint32, the elements (Y. LeCun, "The MNIST database", file formats). `data` is a view of `bytes`.
 *
 * @throws {DataError} when the file is something else, has not `rank` dimensions, is cut short or goes on after its end.
 */
export function readIdx({ file, bytes }: NamedBytes, rank: number): IdxArray {
  const header = MAGIC_BYTES + rank * DIM_BYTES;
  if (bytes.length < MAGIC_BYTES) throw cutShort(file, bytes.length, `a header of ${header} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const expected = (TYPE_UINT8 << 8) | rank;
  if (magic !== expected) {
    throw new DataError(
      `${file}: not an IDX file of ${rank === 1 ? "labels" : "images"}: begins with ${hex(magic)}, expected ${hex(expected)}`,
      { hint: "look whether images and labels are exchanged, or the file is something else under this name" },
    );
  }
  if (bytes.length < header) throw cutShort(file, bytes.length, `a header of ${header} bytes`);
  const dims = Array.from({ length: rank }, (_, axis) => view.getUint32(MAGIC_BYTES + axis * DIM_BYTES));
  const elements = dims.reduce((product, dim) => product * dim, 1);
  const shape = dims.join(" x ");
  if (bytes.length < header + elements) {
    throw cutShort(file, bytes.length, `${header + elements} bytes for its ${shape} elements`);
  }
  if (bytes.length > header + elements) {
    throw new DataError(
      `${file}: ${bytes.length - header - elements} bytes too many: found ${bytes.length}, ` +
        `expected ${header + elements} for its ${shape} elements`,
      { hint: REPLACE },
    );
  }
  return { dims, data: bytes.subarray(header) };
}

/**
 * Digits from an IDX file of images [N, 28, 28] and one of their labels [N].
 *
 * @throws {DataError} when either is damaged, the images have another size, there are none, the two disagree on N, or a
 *   label is above 9.
 */
export function digitsFromIdx(
  images: NamedBytes,
  labels: NamedBytes,
  { name, split, source }: { readonly name: ImageSetName; readonly split: Split; readonly source: string },
): ImageSet {
  const { dims, data } = readIdx(images, 3);
  const [count = 0, height = 0, width = 0] = dims;
  if (height !== DIGIT_SIDE || width !== DIGIT_SIDE) {
    throw new DataError(`${images.file}: images of ${height} x ${width}, expected ${DIGIT_SIDE} x ${DIGIT_SIDE}`);
  }
  if (count === 0) throw new DataError(`${images.file}: holds 0 images, expected at least 1`);
  const { data: answers } = readIdx(labels, 1);
  if (answers.length !== count) {
    throw new DataError(
      `${labels.file}: ${answers.length} labels, expected ${count}, one for each image of ${images.file}`,
      {
        hint: "take images and labels of the same split",
      },
    );
  }
  const wrong = answers.findIndex((label) => label >= CLASSES);
  if (wrong !== -1) {
    throw new DataError(
      `${labels.file}: label ${wrong} is ${answers[wrong] ?? "missing"}, expected 0 to ${CLASSES - 1}`,
    );
  }
  return {
    name,
    split,
    source,
    images: count,
    height,
    width,
    labels: answers,
    pixels: (index) => {
      if (!(index >= 0 && index < count)) throw new RangeError(`no image ${index} among ${count}`);
      return data.subarray(index * DIGIT_PIXELS, (index + 1) * DIGIT_PIXELS);
    },
  };
}

const REPLACE = "replace the file with an intact copy";

function cutShort(file: string, found: number, expected: string): DataError {
  return new DataError(`${file}: cut short: found ${found} bytes, expected ${expected}`, { hint: REPLACE });
}

function hex(magic: number): string {
  return `0x${magic.toString(16).padStart(8, "0")}`;
}
