import { byteAt, intAt } from "../../require.ts";

/** The connected parts (8 neighbours) of a mask. */
export interface Components {
  /** The part of each pixel, from 1 on; 0 outside the mask. [H, W] */
  readonly part: Int32Array;
  /** Number of parts; the last part has this number. */
  readonly count: number;
}

/** Label the connected parts of a mask [H, W] of 0 and 1. */
export function components(mask: Uint8Array, width: number, height: number): Components {
  const part = new Int32Array(mask.length);
  const stack = new Int32Array(mask.length);
  let count = 0;
  for (let seed = 0; seed < mask.length; seed++) {
    if (byteAt(mask, seed) === 0 || intAt(part, seed) !== 0) continue;
    count++;
    part[seed] = count;
    stack[0] = seed;
    let depth = 1;
    while (depth > 0) {
      const pixel = intAt(stack, --depth);
      const x = pixel % width;
      const left = x > 0 ? -1 : 0;
      const right = x < width - 1 ? 1 : 0;
      const top = pixel >= width ? -width : 0;
      const bottom = pixel < (height - 1) * width ? width : 0;
      for (let down = top; down <= bottom; down += width) {
        for (let across = left; across <= right; across++) {
          const next = pixel + down + across;
          if (byteAt(mask, next) === 0 || intAt(part, next) !== 0) continue;
          part[next] = count;
          stack[depth++] = next;
        }
      }
    }
  }
  return { part, count };
}
