import { at, byteAt, floatAt, intAt } from "../../require.ts";

/** Values of a picture, [H, W, C] row-major: from 0 to 1, or bytes from 0 to 255. */
export interface Grid {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Float32Array | Uint8Array;
}

/** A picture at its new size, values from 0 to 1. */
export interface Resized extends Grid {
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
 * The part `box` of a picture at another size: each new pixel is the mean of the pixels it covers where the picture shrinks,
 * and linear between neighbours where it grows. [H, W, C] to [height, width, C].
 */
export function resize(grid: Grid, width: number, height: number, box: Box = whole(grid)): Resized {
  return resample(grid, width, height, box, linear);
}

/** {@link resize} of a picture that shrinks a lot, from some of its pixels: at least 3 x 3 make a new one. */
export function sketch(grid: Grid, width: number, height: number, box: Box = whole(grid)): Resized {
  return resample(grid, width, height, box, linear, ENOUGH);
}

/** The part `box` of a picture made larger, cubic between neighbours (Catmull-Rom): few pixels become a smooth drawing. Values stay in 0 to 1. */
export function enlarge(grid: Grid, width: number, height: number, box: Box = whole(grid)): Resized {
  const larger = resample(grid, width, height, box, cubic);
  return { ...larger, data: larger.data.map((value) => Math.min(1, Math.max(0, value))) };
}

function resample(grid: Grid, width: number, height: number, box: Box, between: Between, enough = Infinity): Resized {
  const { channels } = grid;
  const across = tapsAlong(box.left, box.width, width, grid.width, between, enough);
  const down = tapsAlong(box.top, box.height, height, grid.height, between, enough);
  const rows = Math.min(box.height, grid.height - box.top);
  const narrow = new Float32Array(rows * width * channels);
  if (!(grid.data instanceof Float32Array)) multiply(across.weights, 1 / 255);
  const isUsed = rowsOf(down, box.top, rows);
  const stride = grid.width * channels;
  for (let y = 0; y < rows; y++) {
    if (byteAt(isUsed, y) === 0) continue;
    const source = (box.top + y) * stride;
    const target = y * width * channels;
    if (channels !== 3) {
      const row = floats(grid.data, source, source + stride);
      for (let channel = 0; channel < channels; channel++) {
        narrowRow(row, channel, narrow, target + channel, channels, across);
      }
    } else if (grid.data instanceof Float32Array) {
      narrowColours(grid.data, source, narrow, target, across);
    } else {
      narrowBytes(grid.data, source, narrow, target, across);
    }
  }
  const data = new Float32Array(height * width * channels);
  const line = width * channels;
  for (let y = 0; y < height; y++) {
    let from = (intAt(down.start, y) - box.top) * line;
    for (let tap = intAt(down.first, y); tap < intAt(down.first, y + 1); tap++) {
      addWeighted(data, y * line, narrow, from, line, floatAt(down.weights, tap));
      from += line * down.step;
    }
  }
  return { width, height, channels, data };
}

/** 1 for the rows of the box that some new row is made of. */
function rowsOf({ step, start, first }: Taps, top: number, rows: number): Uint8Array {
  const isUsed = new Uint8Array(rows);
  for (let y = 0; y < start.length; y++) {
    const count = intAt(first, y + 1) - intAt(first, y);
    for (let tap = 0; tap < count; tap++) isUsed[intAt(start, y) - top + tap * step] = 1;
  }
  return isUsed;
}

function multiply(values: Float32Array, factor: number): void {
  for (let index = 0; index < values.length; index++) values[index] = floatAt(values, index) * factor;
}

function addWeighted(
  to: Float32Array,
  target: number,
  from: Float32Array,
  source: number,
  count: number,
  weight: number,
): void {
  for (let index = 0; index < count; index++) {
    to[target + index] = floatAt(to, target + index) + weight * floatAt(from, source + index);
  }
}

/** Some of the values; bytes as floats, since a loop over two kinds of array is several times slower. */
function floats(values: Float32Array | Uint8Array, from: number, to: number): Float32Array {
  const some = values.subarray(from, to);
  return some instanceof Float32Array ? some : Float32Array.from(some);
}

/** One row of one channel: values `channels` apart from `source` on, to every `channels`-th from `target` on. */
function narrowRow(
  from: Float32Array,
  source: number,
  to: Float32Array,
  target: number,
  channels: number,
  { step, first, start, weights }: Taps,
): void {
  let place = target;
  for (let x = 0; x < start.length; x++) {
    const end = intAt(first, x + 1);
    let pixel = source + intAt(start, x) * channels;
    let sum = 0;
    for (let tap = intAt(first, x); tap < end; tap++) {
      sum += floatAt(weights, tap) * floatAt(from, pixel);
      pixel += channels * step;
    }
    to[place] = sum;
    place += channels;
  }
}

/** {@link narrowRow} for three channels at once. */
function narrowColours(
  from: Float32Array,
  source: number,
  to: Float32Array,
  target: number,
  { step, first, start, weights }: Taps,
): void {
  let place = target;
  for (let x = 0; x < start.length; x++) {
    const end = intAt(first, x + 1);
    let pixel = source + intAt(start, x) * 3;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let tap = intAt(first, x); tap < end; tap++) {
      const weight = floatAt(weights, tap);
      red += weight * floatAt(from, pixel);
      green += weight * floatAt(from, pixel + 1);
      blue += weight * floatAt(from, pixel + 2);
      pixel += 3 * step;
    }
    to[place] = red;
    to[place + 1] = green;
    to[place + 2] = blue;
    place += 3;
  }
}

/** {@link narrowColours} of bytes. */
function narrowBytes(
  from: Uint8Array,
  source: number,
  to: Float32Array,
  target: number,
  { step, first, start, weights }: Taps,
): void {
  let place = target;
  for (let x = 0; x < start.length; x++) {
    const end = intAt(first, x + 1);
    let pixel = source + intAt(start, x) * 3;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let tap = intAt(first, x); tap < end; tap++) {
      const weight = floatAt(weights, tap);
      red += weight * byteAt(from, pixel);
      green += weight * byteAt(from, pixel + 1);
      blue += weight * byteAt(from, pixel + 2);
      pixel += 3 * step;
    }
    to[place] = red;
    to[place + 1] = green;
    to[place + 2] = blue;
    place += 3;
  }
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

/**
 * New pixel x is the sum of source pixels, every `step`-th from `start[x]` on, each times a weight: those from `first[x]` to
 * before `first[x + 1]`, which sum to 1.
 */
interface Taps {
  readonly step: number;
  readonly start: Int32Array;
  readonly first: Int32Array;
  readonly weights: Float32Array;
}

/** Weights of the pixels from `start` on. */
interface Weighted {
  readonly start: number;
  readonly weights: readonly number[];
}

/** The pixels, inside `origin` to before `end`, that make the new pixel at `centre`. */
type Between = (centre: number, origin: number, end: number) => Weighted;

/** Pixels along an axis that make a new one where a picture shrinks a lot; of more, some are passed over. */
const ENOUGH = 3;

/** Weights along one axis. Taps stay inside the box, and so inside the picture. */
function tapsAlong(
  origin: number,
  length: number,
  target: number,
  limit: number,
  between: Between,
  enough: number,
): Taps {
  const end = Math.min(origin + length, limit);
  const scale = length / target;
  return scale >= 1
    ? coveringTaps(origin, scale, target, end, enough)
    : betweenTaps(origin, scale, target, end, between);
}

function betweenTaps(origin: number, scale: number, target: number, end: number, between: Between): Taps {
  const all = Array.from({ length: target }, (_, index) => between(origin + (index + 0.5) * scale - 0.5, origin, end));
  const first = new Int32Array(target + 1);
  all.forEach(({ weights }, index) => (first[index + 1] = intAt(first, index) + weights.length));
  return {
    step: 1,
    start: Int32Array.from(all, ({ start }) => start),
    first,
    weights: Float32Array.from(all.flatMap(({ weights }) => weights)),
  };
}

/** Each new pixel is the mean of those it covers. */
function coveringTaps(origin: number, scale: number, target: number, end: number, enough: number): Taps {
  const step = Math.max(1, Math.floor(scale / enough));
  const start = new Int32Array(target);
  const first = new Int32Array(target + 1);
  const weights = new Float32Array(target * (Math.ceil(scale / step) + 2));
  let tap = 0;
  for (let index = 0; index < target; index++) {
    const [from, to] = [origin + index * scale, origin + (index + 1) * scale];
    const begin = Math.min(Math.floor(from + 1e-6), end - 1);
    const stop = Math.min(Math.max(Math.ceil(to - 1e-6), begin + 1), end);
    let sum = 0;
    for (let pixel = begin; pixel < stop; pixel += step) {
      const cover = Math.max(0, Math.min(to, pixel + 1) - Math.max(from, pixel));
      weights[tap++] = cover;
      sum += cover;
    }
    start[index] = begin;
    first[index + 1] = tap;
    for (let own = intAt(first, index); own < tap; own++) weights[own] = floatAt(weights, own) / sum;
  }
  return { step, start, first, weights: weights.subarray(0, tap) };
}

function linear(centre: number, origin: number, end: number): Weighted {
  const clamped = Math.min(Math.max(centre, origin), end - 1);
  const start = Math.floor(clamped);
  const share = clamped - start;
  return { start, weights: share === 0 ? [1] : [1 - share, share] };
}

/** Weights of four neighbours; those outside are the outermost inside. R. Keys, "Cubic convolution interpolation", 1981. */
function cubic(centre: number, origin: number, end: number): Weighted {
  const first = Math.floor(centre) - 1;
  const inside = (pixel: number): number => Math.min(Math.max(pixel, origin), end - 1);
  const start = inside(first);
  const weights = Array.from({ length: inside(first + 3) - start + 1 }, () => 0);
  for (let tap = first; tap < first + 4; tap++) {
    const place = inside(tap) - start;
    weights[place] = at(weights, place) + catmullRom(Math.abs(centre - tap));
  }
  return { start, weights };
}

function catmullRom(distance: number): number {
  if (distance >= 2) return 0;
  const [square, cube] = [distance * distance, distance ** 3];
  return distance < 1 ? 1.5 * cube - 2.5 * square + 1 : -0.5 * cube + 2.5 * square - 4 * distance + 2;
}
