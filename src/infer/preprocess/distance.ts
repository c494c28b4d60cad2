import { byteAt, floatAt, intAt } from "../../require.ts";

/**
 * Euclidean distance of every pixel to the nearest pixel that is set, 0 on those; [H, W]. Infinity where none is set.
 * Exact, in linear time: P. Felzenszwalb and D. Huttenlocher, "Distance Transforms of Sampled Functions" (2012).
 */
export function distanceTo(set: Uint8Array, width: number, height: number): Float32Array {
  const squared = new Float32Array(set.length);
  for (let x = 0; x < width; x++) squareDown(set, squared, x, width, height);
  const scratch = new Scratch(width);
  for (let y = 0; y < height; y++) transformRow(squared, y * width, width, scratch);
  for (let pixel = 0; pixel < squared.length; pixel++) squared[pixel] = Math.sqrt(floatAt(squared, pixel));
  return squared;
}

/** Squared distance along one column. */
function squareDown(set: Uint8Array, squared: Float32Array, x: number, width: number, height: number): void {
  let steps = Infinity;
  for (let y = 0, pixel = x; y < height; y++, pixel += width) {
    steps = byteAt(set, pixel) === 1 ? 0 : steps + 1;
    squared[pixel] = steps;
  }
  steps = Infinity;
  for (let y = height - 1, pixel = x + y * width; y >= 0; y--, pixel -= width) {
    steps = Math.min(floatAt(squared, pixel), steps + 1);
    squared[pixel] = steps * steps;
  }
}

class Scratch {
  readonly line: Float32Array;
  readonly roots: Int32Array;
  readonly bounds: Float32Array;

  constructor(length: number) {
    this.line = new Float32Array(length);
    this.roots = new Int32Array(length);
    this.bounds = new Float32Array(length);
  }
}

/** Replace f by min over q of (p - q)² + f(q) along one row: the lower envelope of parabolas. */
function transformRow(values: Float32Array, start: number, length: number, { line, roots, bounds }: Scratch): void {
  let last = -1;
  for (let q = 0; q < length; q++) {
    const f = floatAt(values, start + q);
    line[q] = f;
    if (f === Infinity) continue;
    let meet = -Infinity;
    while (last >= 0) {
      const root = intAt(roots, last);
      meet = (f + q * q - floatAt(line, root) - root * root) / (2 * (q - root));
      if (meet > floatAt(bounds, last)) break;
      last--;
      meet = -Infinity;
    }
    last++;
    roots[last] = q;
    bounds[last] = meet;
  }
  if (last < 0) return;
  let nearest = 0;
  for (let p = 0; p < length; p++) {
    while (nearest < last && floatAt(bounds, nearest + 1) < p) nearest++;
    const root = intAt(roots, nearest);
    values[start + p] = (p - root) ** 2 + floatAt(line, root);
  }
}
