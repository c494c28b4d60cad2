import { at, type Pixels, type Plane } from "./image.ts";

/** Share of a side's pixels that a border has at least. */
const BORDER_SHARE = 0.02;
/** Spread of the border's grey below which the ground is one colour. */
const EVEN = 0.06;

/**
 * The ground that a drawing is on, one plane a channel: the colour that the border mostly has or, where light is uneven, a
 * smooth surface (quadratic in x and y) fitted to all that is not drawn.
 */
export function findGround(pixels: Pixels): Plane[] {
  const border = borderPixels(pixels.width, pixels.height);
  const inside = allPixels(pixels);
  return Array.from({ length: pixels.channels }, (_, channel) => {
    const plane = channelOf(pixels, channel);
    const edge = quantiles(plane.data, border);
    const all = quantiles(plane.data, inside);
    const colour = chooseColour(plane, border, edge.middle, all.middle);
    const spread = spreadAround(plane, border, colour);
    if (spread < EVEN) return fill(pixels, colour);
    return fitSurface(plane, border) ?? fill(pixels, colour);
  });
}

/** Indices of the pixels along the four sides. */
export function borderPixels(width: number, height: number): number[] {
  const thickness = Math.max(1, Math.round(Math.min(width, height) * BORDER_SHARE));
  const border: number[] = [];
  for (let y = 0; y < height; y++) {
    const edge = y < thickness || y >= height - thickness;
    for (let x = 0; x < width; x++) {
      if (edge || x < thickness || x >= width - thickness) border.push(y * width + x);
    }
  }
  return border;
}

function allPixels({ width, height }: Pixels): number[] {
  return Array.from({ length: width * height }, (_, index) => index);
}

function channelOf({ width, height, channels, data }: Pixels, channel: number): Plane {
  if (channels === 1) return { width, height, data };
  const plane = new Float32Array(width * height);
  for (let pixel = 0; pixel < plane.length; pixel++) plane[pixel] = at(data, pixel * channels + channel);
  return { width, height, data: plane };
}

function quantiles(data: Float32Array, indices: readonly number[]): { readonly middle: number } {
  const sorted = Float32Array.from(indices, (index) => at(data, index)).toSorted();
  return { middle: at(sorted, Math.floor(sorted.length / 2)) };
}

/** Ink that touches the border is outvoted there by the ground; where it is not, the ground is what most pixels are. */
function chooseColour(plane: Plane, border: readonly number[], edge: number, all: number): number {
  if (Math.abs(edge - all) < 0.1) return edge;
  const near = border.filter((pixel) => Math.abs(at(plane.data, pixel) - edge) < Math.abs(edge - all) / 2).length;
  return near >= 0.7 * border.length ? edge : all;
}

/** How far border pixels are from the colour: the value that 80 % of those nearer to it than ink stay under, times 2. */
function spreadAround(plane: Plane, border: readonly number[], colour: number): number {
  const far = Float32Array.from(border, (pixel) => Math.abs(at(plane.data, pixel) - colour)).toSorted();
  return at(far, Math.floor(0.8 * (far.length - 1)));
}

const TERMS = 6;
const ROUNDS = 8;

/**
 * Least squares of 1, x, y, x², xy, y² to pixels that lie near the surface of the round before, from the border inwards.
 * Null when the fit is degenerate.
 */
function fitSurface(plane: Plane, border: readonly number[]): Plane | null {
  const { width, height, data } = plane;
  let surface = fill(plane, quantiles(data, border).middle);
  let reach = 1;
  for (let round = 0; round < ROUNDS; round++) {
    const sums = new Float64Array(TERMS * (TERMS + 1));
    const residuals: number[] = [];
    const step = Math.max(1, Math.floor(Math.sqrt((width * height) / 20_000)));
    for (let y = 0; y < height; y += step) {
      for (let x = 0; x < width; x += step) {
        const value = at(data, y * width + x);
        const residual = Math.abs(value - at(surface.data, y * width + x));
        residuals.push(residual);
        if (residual <= reach) accumulate(sums, terms(x / width, y / height), value);
      }
    }
    const solution = solve(sums);
    if (solution === null) return null;
    surface = evaluate(solution, width, height);
    const sorted = Float32Array.from(residuals).toSorted();
    reach = Math.max(0.02, 2.5 * at(sorted, Math.floor(sorted.length * 0.5)));
  }
  return surface;
}

function terms(x: number, y: number): readonly number[] {
  return [1, x, y, x * x, x * y, y * y];
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

function evaluate(solution: readonly number[], width: number, height: number): Plane {
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const basis = terms(x / width, y / height);
      let value = 0;
      for (let term = 0; term < TERMS; term++) value += (solution[term] ?? 0) * (basis[term] ?? 0);
      data[y * width + x] = value;
    }
  }
  return { width, height, data };
}

function fill({ width, height }: { readonly width: number; readonly height: number }, value: number): Plane {
  return { width, height, data: new Float32Array(width * height).fill(value) };
}
