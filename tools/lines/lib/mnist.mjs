// Digits of MNIST's training set, from the folder that $MNIST_DIR names.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const SIDE = 28;

/** @typedef {{ readonly side: number, readonly pixels: Uint8Array }} Digit 0 paper to 255 ink */

/** @param {string} name */
function fileOf(name) {
  const folder = process.env["MNIST_DIR"];
  if (folder === undefined) throw new Error("name the folder of MNIST's files by $MNIST_DIR");
  return gunzipSync(readFileSync(join(folder, `${name}.gz`)));
}

/**
 * All images of each digit.
 *
 * @returns {readonly (readonly Digit[])[]}
 */
export function readDigits() {
  const [images, labels] = [
    fileOf("train-images-idx3-ubyte").subarray(16),
    fileOf("train-labels-idx1-ubyte").subarray(8),
  ];
  /** @type {Digit[][]} */
  const digits = Array.from({ length: 10 }, () => []);
  labels.forEach((label, index) => {
    digits[label]?.push({ side: SIDE, pixels: images.subarray(index * SIDE * SIDE, (index + 1) * SIDE * SIDE) });
  });
  return digits;
}
