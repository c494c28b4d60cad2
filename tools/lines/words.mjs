// Single short words, to begin with: a network that reads them learns whole lines sooner.
import { Random } from "./lib/random.mjs";
import { draw, styleOf } from "./lib/render.mjs";
import { CHARACTERS } from "./lib/text.mjs";
import { besideOf, lineOf } from "./print.mjs";

const LONGEST = 8;
/** @type {readonly (readonly [width: number, share: number])[]} */
const WIDTHS = [
  [80, 0.3],
  [144, 0.7],
];

/** @param {{ readonly seed: number }} options */
export function openLines({ seed }) {
  return {
    characters: CHARACTERS,
    widths: WIDTHS,
    /** @param {import("./print.mjs").Wish} wish */
    make({ keys, least, most, height }) {
      const random = new Random([seed, ...keys]);
      const style = styleOf(random);
      const text = lineOf(random, style, least, most, height, LONGEST);
      return { text, ...draw(text, style, random, besideOf(random)) };
    },
  };
}
