import { at, type Pixels, type Plane } from "./image.ts";
import { quantile, sampleOf, valuesAt } from "./statistics.ts";

/** Share of a side's pixels that a border has at least. */
const BORDER_SHARE = 0.02;
/** Spread of the border's grey below which the ground is one colour. */
const EVEN = 0.1;

/** Pixels that statistics and fits look at, at most about so many. */
const SAMPLES = 4096;

/**
 * The ground that a drawing is on, one plane a channel: the colour that the border mostly has or, where light is uneven, a
 * smooth surface (quadratic in x and y) fitted to all that is not drawn.
 */
export function findGround(pixels: Pixels): Plane[] {
  const border = borderPixels(pixels.width, pixels.height);
  const inside = gridOf(pixels);
  return Array.from({ length: pixels.channels }, (_, channel) => {
    const plane = channelOf(pixels, channel);
    const along = sampleOf(valuesAt(plane.data, border));
    const edge = quantile(along, 0.5);
    const colour = chooseColour(along, edge, quantile(valuesAt(plane.data, inside), 0.5));
    if (spreadAround(along, colour) < EVEN) return fill(pixels, colour);
    return fitSurface(plane, edge, inside) ?? fill(pixels, colour);
  });
}

/** Indices of the pixels along the four sides. */
export function borderPixels(width: number, height: number): number[] {
  const thickness = Math.max(1, Math.round(Math.min(width, height) * BORDER_SHARE));
  const border: number[] = [];
  for (let y = 0; y < height; y++) {
    const edge = y < thickness || y >= height - thickness;
    for (let x = 0; x < width; x++) {
      if (!edge && x === thickness) x = Math.max(x, width - thickness);
      border.push(y * width + x);
    }
  }
  return border;
}

/** Indices of pixels on an even grid over the whole. */
function gridOf({ width, height }: Pixels): number[] {
  const step = Math.max(1, Math.floor(Math.sqrt((width * height) / SAMPLES)));
  const grid: number[] = [];
  for (let y = 0; y < height; y += step) for (let x = 0; x < width; x += step) grid.push(y * width + x);
  return grid;
}

/** One channel of a picture; of a grey one its own values, not a copy. */
export function channelOf({ width, height, channels, data }: Pixels, channel: number): Plane {
  if (channels === 1) return { width, height, data };
  const plane = new Float32Array(width * height);
  for (let pixel = 0; pixel < plane.length; pixel++) plane[pixel] = at(data, pixel * channels + channel);
  return { width, height, data: plane };
}

/** Ink that touches the border is outvoted there by the ground; where it is not, the ground is what most pixels are. */
function chooseColour(border: Float32Array, edge: number, all: number): number {
  if (Math.abs(edge - all) < 0.1) return edge;
  const near = border.filter((value) => Math.abs(value - edge) < Math.abs(edge - all) / 2).length;
  return near >= 0.7 * border.length ? edge : all;
}

/** How far border pixels are from the colour: the distance that 80 % of them stay under. */
function spreadAround(border: Float32Array, colour: number): number {
  return quantile(
    border.map((value) => Math.abs(value - colour)),
    0.8,
  );
}

const TERMS = 6;
const ROUNDS = 8;

/**
 * Least squares of 1, x, y, x², xy, y² to those of some pixels that lie near the surface of the round before, at first near
 * `start`. Null when the fit is degenerate.
 */
function fitSurface(plane: Plane, start: number, pixels: readonly number[]): Plane | null {
  const { width, height, data } = plane;
  const bases = pixels.map((pixel) => terms((pixel % width) / width, Math.floor(pixel / width) / height));
  let solution: readonly number[] = [start, 0, 0, 0, 0, 0];
  let reach = 1;
  for (let round = 0; round < ROUNDS; round++) {
    const sums = new Float64Array(TERMS * (TERMS + 1));
    const residuals = new Float32Array(pixels.length);
    for (let index = 0; index < pixels.length; index++) {
      const basis = bases[index] ?? [];
      const value = at(data, pixels[index] ?? 0);
      const residual = Math.abs(value - surfaceAt(basis, solution));
      residuals[index] = residual;
      if (residual <= reach) accumulate(sums, basis, value);
    }
    const solved = solve(sums);
    if (solved === null) return null;
    solution = solved;
    reach = Math.max(0.02, 2.5 * at(residuals.toSorted(), Math.floor(residuals.length / 2)));
  }
  return evaluate(solution, width, height);
}

function terms(x: number, y: number): readonly number[] {
  return [1, x, y, x * x, x * y, y * y];
}

function surfaceAt(basis: readonly number[], solution: readonly number[]): number {
  let value = 0;
  for (let term = 0; term < TERMS; term++) value += (solution[term] ?? 0) * (basis[term] ?? 0);
  return value;
}

/** Add one equation to the normal equations, kept as TERMS rows of TERMS + 1. */
function accumulate(sums: Float64Array, basis: readonly number[], value: number): void {
  for (let row = 0; row < TERMS; row++) {
    const scale = basis[row] ?? 0;
    for (let column = 0; column < TERMS; column++) {
      const index = row * (TERMS + 1) + column;
      sums[index] = (sums[index] ?? 0) + scale * (basis[column] ?? 0);
    }
    const last = row * (TERMS + 1) + TERMS;
    sums[last] = (sums[last] ?? 0) + scale * value;
  }
}

/** Gauss-Jordan elimination with pivoting; null when the equations do not determine the answer. */
function solve(sums: Float64Array): number[] | null {
  const rows = Array.from({ length: TERMS }, (_, row) => [
    ...sums.subarray(row * (TERMS + 1), (row + 1) * (TERMS + 1)),
  ]);
  for (let column = 0; column < TERMS; column++) {
    const rest = rows.slice(column);
    const pivot = rest.reduce((best, row) => (Math.abs(row[column] ?? 0) > Math.abs(best[column] ?? 0) ? row : best));
    const lead = pivot[column] ?? 0;
    if (Math.abs(lead) < 1e-9) return null;
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(column, 0, pivot);
    for (const row of rows) {
      if (row === pivot) continue;
      const factor = (row[column] ?? 0) / lead;
      for (let index = column; index <= TERMS; index++) row[index] = (row[index] ?? 0) - factor * (pivot[index] ?? 0);
    }
  }
  return rows.map((row, index) => (row[TERMS] ?? 0) / (row[index] ?? 1));
}

function evaluate([a = 0, b = 0, c = 0, d = 0, e = 0, f = 0]: readonly number[], width: number, height: number): Plane {
  const data = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    const y = row / height;
    const constant = a + c * y + f * y * y;
    const slope = b + e * y;
    for (let column = 0; column < width; column++) {
      const x = column / width;
      data[row * width + column] = constant + (slope + d * x) * x;
    }
  }
  return { width, height, data };
}

function fill({ width, height }: { readonly width: number; readonly height: number }, value: number): Plane {
  return { width, height, data: new Float32Array(width * height).fill(value) };
}
