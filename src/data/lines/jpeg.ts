import { at, doubleAt, floatAt } from "../../require.ts";

import type { Sheet } from "./augment.ts";

const SIDE = 8;
/** COSINES[u * 8 + x]: the orthonormal cosine transform of 8 numbers. */
const COSINES = Float64Array.from({ length: SIDE * SIDE }, (_, index) => {
  const [frequency, place] = [Math.floor(index / SIDE), index % SIDE];
  const scale = frequency === 0 ? Math.SQRT1_2 : 1;
  return (scale / 2) * Math.cos(((2 * place + 1) * frequency * Math.PI) / 16);
});

/** The luminance table of JPEG's annex K (ITU-T T.81, table K.1). */
const TABLE = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];

/** What JPEG leaves of a picture: blocks of 8 x 8 whose frequencies are rounded to `coarseness` times the usual steps. */
export function jpegArtefacts({ width, height, data }: Sheet, coarseness: number): void {
  const block = new Float64Array(SIDE * SIDE);
  const half = new Float64Array(SIDE * SIDE);
  for (let top = 0; top + SIDE <= height; top += SIDE) {
    for (let left = 0; left + SIDE <= width; left += SIDE) {
      for (let place = 0; place < block.length; place++) {
        block[place] = floatAt(data, (top + (place >> 3)) * width + left + (place & 7)) * 255 - 128;
      }
      transform(block, half, false);
      for (let place = 0; place < block.length; place++) {
        const step = at(TABLE, place) * coarseness;
        block[place] = Math.round(doubleAt(block, place) / step) * step;
      }
      transform(block, half, true);
      for (let place = 0; place < block.length; place++) {
        const level = (doubleAt(block, place) + 128) / 255;
        data[(top + (place >> 3)) * width + left + (place & 7)] = Math.min(1, Math.max(0, level));
      }
    }
  }
}

/** The cosine transform of a block along both axes, or its inverse, in place. */
function transform(block: Float64Array, half: Float64Array, inverse: boolean): void {
  const weight = (to: number, from: number): number => doubleAt(COSINES, inverse ? from * SIDE + to : to * SIDE + from);
  for (let row = 0; row < SIDE; row++) {
    for (let to = 0; to < SIDE; to++) {
      let sum = 0;
      for (let from = 0; from < SIDE; from++) sum += weight(to, from) * doubleAt(block, row * SIDE + from);
      half[row * SIDE + to] = sum;
    }
  }
  for (let column = 0; column < SIDE; column++) {
    for (let to = 0; to < SIDE; to++) {
      let sum = 0;
      for (let from = 0; from < SIDE; from++) sum += weight(to, from) * doubleAt(half, from * SIDE + column);
      block[to * SIDE + column] = sum;
    }
  }
}
