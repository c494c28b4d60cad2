import { byteAt, floatAt } from "../../require.ts";

import type { Plane } from "./image.ts";

/**
 * The plane without its dark marks (closing) or its light ones (opening): what no square of 2 `reach` + 1 pixels fits into
 * takes its surroundings' grey. An edge between two grounds stays where it is, however sharp. Beyond its sides the plane
 * goes on as it ends.
 *
 * Source: P. Soille, "Morphological Image Analysis" (2003), 4.2; M. van Herk, "A fast algorithm for local minimum and
 * maximum filters on rectangular and octagonal kernels" (1992).
 */
export function withoutMarks(plane: Plane, marks: "dark" | "light", reach: number): Plane {
  const sign = marks === "dark" ? 1 : -1;
  const width = plane.width + 2 * reach;
  const height = plane.height + 2 * reach;
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = clamp(y - reach, plane.height) * plane.width;
    for (let x = 0; x < width; x++) {
      data[y * width + x] = sign * floatAt(plane.data, from + clamp(x - reach, plane.width));
    }
  }
  dilate(data, width, height, reach);
  for (let pixel = 0; pixel < data.length; pixel++) data[pixel] = -floatAt(data, pixel);
  dilate(data, width, height, reach);
  const rest = new Float32Array(plane.width * plane.height);
  for (let y = 0; y < plane.height; y++) {
    const from = (y + reach) * width + reach;
    for (let x = 0; x < plane.width; x++) rest[y * plane.width + x] = -sign * floatAt(data, from + x);
  }
  return { width: plane.width, height: plane.height, data: rest };
}

/** Replace each value by the largest within `reach` rows and columns. */
function dilate(data: Float32Array, width: number, height: number, reach: number): void {
  dilateRows(data, width, height, reach);
  dilateColumns(data, width, height, reach);
}

/** Largest values of a window along each row: the larger of two running maxima, which begin again every window's length. */
function dilateRows(data: Float32Array, width: number, height: number, reach: number): void {
  const span = 2 * reach + 1;
  const total = width + 2 * reach;
  const line = new Float32Array(total).fill(-Infinity);
  const [fromLeft, fromRight] = [line.slice(), line.slice()];
  for (let y = 0; y < height; y++) {
    line.set(data.subarray(y * width, (y + 1) * width), reach);
    for (let start = 0; start < total; start += span) {
      const end = Math.min(start + span, total);
      let most = -Infinity;
      for (let index = start; index < end; index++) {
        most = larger(floatAt(line, index), most);
        fromLeft[index] = most;
      }
      most = -Infinity;
      for (let index = end - 1; index >= start; index--) {
        most = larger(floatAt(line, index), most);
        fromRight[index] = most;
      }
    }
    for (let x = 0; x < width; x++)
      data[y * width + x] = larger(floatAt(fromRight, x), floatAt(fromLeft, x + span - 1));
  }
}

/** The same along each column, a row at a time: neighbours in memory are read together. */
function dilateColumns(data: Float32Array, width: number, height: number, reach: number): void {
  const span = 2 * reach + 1;
  const total = height + 2 * reach;
  const padded = new Float32Array(total * width).fill(-Infinity);
  padded.set(data, reach * width);
  const fromTop = padded.slice();
  for (let row = 1; row < total; row++) if (row % span !== 0) raise(fromTop, row * width, -width, width);
  for (let row = total - 2; row >= 0; row--) if (row % span !== span - 1) raise(padded, row * width, width, width);
  const below = (span - 1) * width;
  for (let pixel = 0; pixel < data.length; pixel++) {
    data[pixel] = larger(floatAt(padded, pixel), floatAt(fromTop, pixel + below));
  }
}

/** Each of `count` values raised to the one `step` further on, where that is larger. */
function raise(values: Float32Array, start: number, step: number, count: number): void {
  for (let index = start; index < start + count; index++) {
    values[index] = larger(floatAt(values, index), floatAt(values, index + step));
  }
}

/** `Math.max` also orders zeros by sign and looks for NaN, which takes twice as long. */
function larger(a: number, b: number): number {
  return a > b ? a : b;
}

function clamp(index: number, length: number): number {
  return Math.min(Math.max(index, 0), length - 1);
}

/** A mask, and all within `reach` rows and columns of it. */
export function grown(mask: Uint8Array, width: number, height: number, reach: number): Uint8Array {
  const wide = new Uint8Array(mask.length);
  for (let y = 0; y < height; y++) spread(mask, wide, y * width, 1, width, reach);
  const both = new Uint8Array(mask.length);
  for (let x = 0; x < width; x++) spread(wide, both, x, width, height, reach);
  return both;
}

/** {@link grown} along one line of `count` pixels, `step` apart from `start` on. */
function spread(mask: Uint8Array, to: Uint8Array, start: number, step: number, count: number, reach: number): void {
  let end = -1;
  for (let index = 0; index < count; index++) {
    if (byteAt(mask, start + index * step) === 0) continue;
    const last = Math.min(count - 1, index + reach);
    for (let place = Math.max(end + 1, index - reach); place <= last; place++) to[start + place * step] = 1;
    end = Math.max(end, last);
  }
}
