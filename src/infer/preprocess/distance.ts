import { at } from "./image.ts";

/**
 * Euclidean distance of every pixel to the nearest pixel that is set, 0 on those; [H, W]. Infinity where none is set.
 * Exact, in linear time: P. Felzenszwalb and D. Huttenlocher, "Distance Transforms of Sampled Functions" (2012).
 */
export function distanceTo(set: Uint8Array, width: number, height: number): Float32Array {
  const squared = new Float32Array(set.length).fill(Infinity);
  set.forEach((value, pixel) => {
    if (value === 1) squared[pixel] = 0;
  });
  for (let x = 0; x < width; x++) transformLine(squared, x, width, height);
  for (let y = 0; y < height; y++) transformLine(squared, y * width, 1, width);
  return squared.map(Math.sqrt);
}

/** Replace f by min over q of (p - q)² + f(q) along one line: the lower envelope of parabolas. */
function transformLine(values: Float32Array, start: number, step: number, length: number): void {
  const line = new Float32Array(length);
  const roots: number[] = [];
  const bounds: number[] = [];
  for (let q = 0; q < length; q++) {
    const f = at(values, start + q * step);
    line[q] = f;
    if (f === Infinity) continue;
    let meet = -Infinity;
    while (roots.length > 0) {
      const root = roots.at(-1) ?? 0;
      meet = (f + q * q - at(line, root) - root * root) / (2 * (q - root));
      if (meet > (bounds.at(-1) ?? -Infinity)) break;
      roots.pop();
      bounds.pop();
      meet = -Infinity;
    }
    roots.push(q);
    bounds.push(meet);
  }
  if (roots.length === 0) return;
  let nearest = 0;
  for (let p = 0; p < length; p++) {
    while (nearest + 1 < roots.length && (bounds[nearest + 1] ?? Infinity) < p) nearest++;
    const root = roots[nearest] ?? 0;
    values[start + p * step] = (p - root) ** 2 + at(line, root);
  }
}
