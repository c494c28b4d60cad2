import { at } from "./image.ts";

/** Connected parts (8 neighbours) of a mask: the part of each pixel, 0 for none, and each part's size from part 1 on. */
export interface Components {
  readonly part: Int32Array;
  /** `sizes[k]` pixels are of part k; `sizes[0]` is unused. */
  readonly sizes: readonly number[];
}

/** Label the connected parts of a mask [H, W] of 0 and 1. */
export function components(mask: Uint8Array, width: number, height: number): Components {
  const part = new Int32Array(mask.length);
  const sizes = [0];
  const stack: number[] = [];
  for (let seed = 0; seed < mask.length; seed++) {
    if (mask[seed] !== 1 || part[seed] !== 0) continue;
    const label = sizes.length;
    let size = 0;
    part[seed] = label;
    stack.push(seed);
    for (let pixel = stack.pop(); pixel !== undefined; pixel = stack.pop()) {
      size++;
      const x = pixel % width;
      const y = (pixel - x) / width;
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx;
          if (at(mask, next) === 1 && part[next] === 0) {
            part[next] = label;
            stack.push(next);
          }
        }
      }
    }
    sizes.push(size);
  }
  return { part, sizes };
}
