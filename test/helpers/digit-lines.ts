import type { LineSample } from "../../src/data/lines/line-set.ts";
import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";

const SIDE = 28;

/** Pictures of short digit strings, dark on light, from rendered digits side by side. */
export function digitLines(count: number, lengths: readonly number[]): LineSample[] {
  const set = renderedDigits({ split: "train", count: 200, seed: 5 });
  let next = 0;
  return Array.from({ length: count }, (_, line) => {
    const length = lengths[line % lengths.length] ?? 1;
    const width = length * SIDE;
    const pixels = new Uint8Array(width * SIDE).fill(255);
    let text = "";
    for (let place = 0; place < length; place++) {
      const digit = next++ % set.images;
      const image = set.pixels(digit);
      text += String(set.labels[digit]);
      for (let y = 0; y < SIDE; y++) {
        for (let x = 0; x < SIDE; x++) pixels[y * width + place * SIDE + x] = 255 - Number(image[y * SIDE + x]);
      }
    }
    return { name: `line-${line}`, text, width, height: SIDE, pixels };
  });
}
