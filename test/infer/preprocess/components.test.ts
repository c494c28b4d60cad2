import { expect, test } from "vitest";

import { Random } from "../../../src/data/random.ts";
import { components } from "../../../src/infer/preprocess/components.ts";

/** By flooding each part from its first pixel. */
function flooded(mask: Uint8Array, width: number, height: number): { part: number[]; count: number } {
  const part = Array.from(mask, () => 0);
  let count = 0;
  for (let start = 0; start < mask.length; start++) {
    if (mask[start] === 0 || part[start] !== 0) continue;
    count++;
    const waiting = [start];
    for (let pixel = waiting.pop(); pixel !== undefined; pixel = waiting.pop()) {
      if (mask[pixel] === 0 || part[pixel] !== 0) continue;
      part[pixel] = count;
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      for (let down = Math.max(0, y - 1); down <= Math.min(height - 1, y + 1); down++) {
        for (let across = Math.max(0, x - 1); across <= Math.min(width - 1, x + 1); across++) {
          waiting.push(down * width + across);
        }
      }
    }
  }
  return { part, count };
}

test("the parts of random masks are those that flooding finds, in the same order", () => {
  const random = new Random(11);
  for (let round = 0; round < 400; round++) {
    const [width, height] = [1 + Math.floor(random.unit() * 14), 1 + Math.floor(random.unit() * 11)];
    const share = 0.1 + 0.8 * random.unit();
    const mask = Uint8Array.from({ length: width * height }, () => (random.unit() < share ? 1 : 0));
    const { part, count } = components(mask, width, height);
    expect({ part: Array.from(part), count }).toEqual(flooded(mask, width, height));
  }
});
