import { at, type Plane } from "./image.ts";

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
      data[y * width + x] = sign * at(plane.data, from + clamp(x - reach, plane.width));
    }
  }
  dilate(data, width, height, reach);
  for (let pixel = 0; pixel < data.length; pixel++) data[pixel] = -at(data, pixel);
  dilate(data, width, height, reach);
  const rest = new Float32Array(plane.width * plane.height);
  for (let y = 0; y < plane.height; y++) {
    const from = (y + reach) * width + reach;
    for (let x = 0; x < plane.width; x++) rest[y * plane.width + x] = -sign * at(data, from + x);
  }
  return { width: plane.width, height: plane.height, data: rest };
}

/** Replace each value by the largest within `reach` rows and columns. */
function dilate(data: Float32Array, width: number, height: number, reach: number): void {
  const longest = Math.max(width, height);
  const line = new Float32Array(longest + 2 * reach).fill(-Infinity);
  const scratch = { line, fromLeft: line.slice(), fromRight: line.slice() };
  for (let y = 0; y < height; y++) dilateLine(data, y * width, 1, width, reach, scratch);
  for (let x = 0; x < width; x++) dilateLine(data, x, width, height, reach, scratch);
}

interface Scratch {
  readonly line: Float32Array;
  readonly fromLeft: Float32Array;
  readonly fromRight: Float32Array;
}

/** Largest values of a window along one line: the larger of two running maxima, which begin anew every window's length. */
function dilateLine(
  data: Float32Array,
  start: number,
  step: number,
  length: number,
  reach: number,
  { line, fromLeft, fromRight }: Scratch,
): void {
  const span = 2 * reach + 1;
  const total = length + 2 * reach;
  for (let index = 0; index < length; index++) line[reach + index] = at(data, start + index * step);
  for (let index = 0; index < reach; index++) line[reach + length + index] = -Infinity;
  for (let index = 0; index < total; index++) {
    const value = at(line, index);
    fromLeft[index] = index % span === 0 ? value : Math.max(value, at(fromLeft, index - 1));
  }
  for (let index = total - 1; index >= 0; index--) {
    const value = at(line, index);
    const ends = index === total - 1 || index % span === span - 1;
    fromRight[index] = ends ? value : Math.max(value, at(fromRight, index + 1));
  }
  for (let index = 0; index < length; index++) {
    data[start + index * step] = Math.max(at(fromRight, index), at(fromLeft, index + span - 1));
  }
}

/** Each value replaced by the middle one of three along its row, then along its column: odd pixels go, edges stay. */
export function median(plane: Plane): Plane {
  return medianAlong(medianAlong(plane, "rows"), "columns");
}

function medianAlong({ width, height, data }: Plane, along: "rows" | "columns"): Plane {
  const step = along === "rows" ? 1 : width;
  const rest = data.slice();
  const [left, top] = along === "rows" ? [1, 0] : [0, 1];
  for (let y = top; y < height - top; y++) {
    for (let x = left; x < width - left; x++) {
      const pixel = y * width + x;
      const [a, b, c] = [at(data, pixel - step), at(data, pixel), at(data, pixel + step)];
      rest[pixel] = Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
    }
  }
  return { width, height, data: rest };
}

function clamp(index: number, length: number): number {
  return Math.min(Math.max(index, 0), length - 1);
}
