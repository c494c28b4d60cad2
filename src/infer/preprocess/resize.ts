import { at } from "./image.ts";

/** Values of a picture, [H, W, C] row-major. */
export interface Grid {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Float32Array;
}

/** A part of a picture, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The part `box` of a picture at another size: each new pixel is the mean of what it covers where the picture shrinks,
 * and linear between neighbours where it grows. [H, W, C] to [height, width, C].
 */
export function resize(grid: Grid, width: number, height: number, box: Box = whole(grid)): Grid {
  return resample(grid, width, height, box, linearTaps);
}

/** A whole picture made larger, cubic between neighbours (Catmull-Rom): few pixels become a smooth drawing. Values stay in 0 to 1. */
export function enlarge(grid: Grid, width: number, height: number): Grid {
  const larger = resample(grid, width, height, whole(grid), cubicTaps);
  return { ...larger, data: larger.data.map((value) => Math.min(1, Math.max(0, value))) };
}

type Between = (centre: number, origin: number, end: number) => Taps;

function resample(grid: Grid, width: number, height: number, box: Box, between: Between): Grid {
  const { channels } = grid;
  const across = taps(box.left, box.width, width, grid.width, between);
  const down = taps(box.top, box.height, height, grid.height, between);
  const narrow = new Float32Array(box.height * width * channels);
  for (let y = 0; y < box.height; y++) {
    const row = (box.top + y) * grid.width;
    for (let x = 0; x < width; x++) {
      const { start, weights } = across[x] ?? NO_TAPS;
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let tap = 0; tap < weights.length; tap++) {
          sum += at(weights, tap) * at(grid.data, (row + start + tap) * channels + channel);
        }
        narrow[(y * width + x) * channels + channel] = sum;
      }
    }
  }
  const data = new Float32Array(height * width * channels);
  const line = width * channels;
  for (let y = 0; y < height; y++) {
    const { start, weights } = down[y] ?? NO_TAPS;
    for (let tap = 0; tap < weights.length; tap++) {
      const weight = at(weights, tap);
      const from = (start - box.top + tap) * line;
      for (let x = 0; x < line; x++) data[y * line + x] = at(data, y * line + x) + weight * at(narrow, from + x);
    }
  }
  return { width, height, channels, data };
}

/** Width and height, scaled, at least a pixel each. */
export function scaledSize(
  { width, height }: { readonly width: number; readonly height: number },
  scale: number,
): readonly [width: number, height: number] {
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

export function whole({ width, height }: { readonly width: number; readonly height: number }): Box {
  return { left: 0, top: 0, width, height };
}

/** Source pixels from `start` on, with weights that sum to 1, that make one new pixel. */
interface Taps {
  readonly start: number;
  readonly weights: Float32Array;
}

const NO_TAPS: Taps = { start: 0, weights: new Float32Array() };

/** Weights along one axis. Taps stay inside the box, and so inside the picture. */
function taps(origin: number, length: number, target: number, limit: number, between: Between): Taps[] {
  const end = Math.min(origin + length, limit);
  const scale = length / target;
  return Array.from({ length: target }, (_, index) =>
    scale >= 1
      ? coverTaps(origin + index * scale, origin + (index + 1) * scale, end)
      : between(origin + (index + 0.5) * scale - 0.5, origin, end),
  );
}

function coverTaps(from: number, to: number, end: number): Taps {
  const start = Math.min(Math.floor(from + 1e-6), end - 1);
  const stop = Math.min(Math.max(Math.ceil(to - 1e-6), start + 1), end);
  const weights = Float32Array.from({ length: stop - start }, (_, tap) =>
    Math.max(0, Math.min(to, start + tap + 1) - Math.max(from, start + tap)),
  );
  return { start, weights: normalise(weights) };
}

function linearTaps(centre: number, origin: number, end: number): Taps {
  const clamped = Math.min(Math.max(centre, origin), end - 1);
  const start = Math.floor(clamped);
  const share = clamped - start;
  return { start, weights: share === 0 ? Float32Array.of(1) : Float32Array.of(1 - share, share) };
}

/** Weights of four neighbours; those outside are the outermost inside. R. Keys, "Cubic convolution interpolation", 1981. */
function cubicTaps(centre: number, origin: number, end: number): Taps {
  const first = Math.floor(centre) - 1;
  const start = Math.min(Math.max(first, origin), end - 1);
  const weights = new Float32Array(Math.min(Math.max(first + 3, origin), end - 1) - start + 1);
  for (let tap = first; tap < first + 4; tap++) {
    const place = Math.min(Math.max(tap, origin), end - 1) - start;
    weights[place] = at(weights, place) + cubic(Math.abs(centre - tap));
  }
  return { start, weights };
}

function cubic(distance: number): number {
  if (distance >= 2) return 0;
  const [square, cube] = [distance * distance, distance ** 3];
  return distance < 1 ? 1.5 * cube - 2.5 * square + 1 : -0.5 * cube + 2.5 * square - 4 * distance + 2;
}

function normalise(weights: Float32Array): Float32Array {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
