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
  dilateRows(data, width, height, reach);
  dilateColumns(data, width, height, reach);
}

/** Largest values of a window along each row: the larger of two running maxima, which begin anew every window's length. */
function dilateRows(data: Float32Array, width: number, height: number, reach: number): void {
  const span = 2 * reach + 1;
  const total = width + 2 * reach;
  const line = new Float32Array(total).fill(-Infinity);
  const [fromLeft, fromRight] = [line.slice(), line.slice()];
  for (let y = 0; y < height; y++) {
    line.set(data.subarray(y * width, (y + 1) * width), reach);
    for (let index = 0; index < total; index++) {
      const value = at(line, index);
      fromLeft[index] = index % span === 0 ? value : Math.max(value, at(fromLeft, index - 1));
    }
    for (let index = total - 1; index >= 0; index--) {
      const value = at(line, index);
      const ends = index === total - 1 || index % span === span - 1;
      fromRight[index] = ends ? value : Math.max(value, at(fromRight, index + 1));
    }
    for (let x = 0; x < width; x++) data[y * width + x] = Math.max(at(fromRight, x), at(fromLeft, x + span - 1));
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
  for (let pixel = 0; pixel < data.length; pixel++)
    data[pixel] = Math.max(at(padded, pixel), at(fromTop, pixel + below));
}

/** Each of `count` values raised to the one `step` further on, where that is larger. */
function raise(values: Float32Array, start: number, step: number, count: number): void {
  for (let index = start; index < start + count; index++) {
    values[index] = Math.max(at(values, index), at(values, index + step));
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
