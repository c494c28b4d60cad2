// Printed lines of Latin text to train on, without end: train --network line --dataset lines --data tools/lines/print.mjs
import { Random } from "./lib/random.mjs";
import { draw, styleOf, widthAt } from "./lib/render.mjs";
import { CHARACTERS, tokens } from "./lib/text.mjs";

/**
 * @typedef {ReturnType<typeof styleOf>} Style
 * @typedef {{ readonly keys: readonly number[], readonly least: number, readonly most: number, readonly height: number }} Wish
 */

/**
 * Widths at height 32, and their shares of an epoch.
 *
 * @type {readonly (readonly [width: number, share: number])[]}
 */
const WIDTHS = [
  [128, 0.2],
  [320, 0.45],
  [640, 0.35],
];

/** @param {{ readonly seed: number }} options */
export function openLines({ seed }) {
  return {
    characters: CHARACTERS,
    widths: WIDTHS,
    /** @param {Wish} wish */
    make({ keys, least, most, height }) {
      const random = new Random([seed, ...keys]);
      const style = styleOf(random);
      const text = lineOf(random, style, least, most, height);
      return { text, ...draw(text, style, random, besideOf(random)) };
    },
  };
}

/**
 * As many tokens as fit between two widths; a word is broken at the end of some lines.
 *
 * @param {Random} random
 * @param {Style} style
 * @param {number} least
 * @param {number} most
 * @param {number} height
 * @param {number} longest characters
 */
export function lineOf(random, style, least, most, height, longest = Number.POSITIVE_INFINITY) {
  const target = random.between(Math.max(least, 28), most * 0.97);
  for (let attempt = 0; attempt < 8; attempt++) {
    let text = "";
    for (const given of tokens(random)) {
      const token = style.isCapital ? given.toUpperCase() : given;
      const longer = text === "" ? token : `${text} ${token}`;
      if (longer.length > longest || widthAt(longer, style, height) > target) {
        const room = target - widthAt(text === "" ? "" : `${text} `, style, height);
        text =
          room > height && /^[a-z]{5,}$/.test(token) && random.chance(0.3) && longest === Number.POSITIVE_INFINITY
            ? withBroken(text, token, style, height, target)
            : text;
        break;
      }
      text = longer;
    }
    if (text !== "") return text;
  }
  const short = shortOf(random);
  return style.isCapital ? short.toUpperCase() : short;
}

/**
 * What the lines above and below say.
 *
 * @param {Random} random
 */
export function besideOf(random) {
  /** @type {string[]} */
  const words = [];
  for (const token of tokens(random)) {
    if (words.push(token) > 16) break;
  }
  return words.join(" ");
}

/**
 * @param {string} text
 * @param {string} token
 * @param {Style} style
 * @param {number} height
 * @param {number} target
 */
function withBroken(text, token, style, height, target) {
  for (let length = token.length - 2; length >= 2; length--) {
    const broken = `${text} ${token.slice(0, length)}-`.trimStart();
    if (widthAt(broken, style, height) <= target) return broken;
  }
  return text;
}

/**
 * One or two characters, for lines that no word fits into.
 *
 * @param {Random} random
 */
export function shortOf(random) {
  const length = 1 + random.integer(2);
  return Array.from({ length }, () => CHARACTERS[1 + random.integer(94)]).join("");
}
