// Handwritten amounts put together from the digits of real ones, cut out by their boxes; every fourth is a real one as it is.
// ORAND_DIR=... train --network line --dataset lines --data DIR --validation 120 --add tools/lines/cheque-cut.mjs:6000
import { keptApart } from "../../dist/train/line-run.js";
import { checked, Random } from "./lib/random.mjs";
import { readAmounts } from "./lib/orand.mjs";

/**
 * @typedef {import("./lib/orand.mjs").Amount} Amount
 * @typedef {import("./lib/orand.mjs").Box} Box
 * @typedef {{ readonly amount: Amount, readonly box: Box }} Cut
 */

/** As in cheque.json: no digit of a line that scores the network may be learnt. */
const VALIDATION = 120;

const ALL = await readAmounts();
const APART = keptApart(ALL.length, VALIDATION);
const AMOUNTS = ALL.filter((_, index) => !APART.has(index));
/** Those whose boxes are known to be in the order of their digits. */
const CUTTABLE = AMOUNTS.filter(({ boxes, text, isOrderKnown }) => isOrderKnown && boxes.length === text.length);
/** @type {readonly (readonly Cut[])[]} */
const DIGITS = Array.from({ length: 10 }, (_, digit) =>
  CUTTABLE.flatMap((amount) =>
    amount.boxes.flatMap((box, place) => (amount.text[place] === String(digit) ? [{ amount, box }] : [])),
  ),
);

/** @param {{ readonly seed: number }} options */
export function openLines({ seed }) {
  return {
    characters: Array.from("0123456789"),
    /** @param {{ readonly keys: readonly number[] }} wish */
    make({ keys }) {
      const random = new Random([seed, ...keys, 0xc47]);
      if (random.chance(0.25)) {
        const { text, width, height, ink } = random.of(AMOUNTS);
        return { text, width, height, pixels: printed(ink, random) };
      }
      return compose(random.of(CUTTABLE), random);
    },
  };
}

/**
 * The digits of an amount, some of them replaced, with what is between and around them.
 *
 * @param {Amount} base
 * @param {Random} random
 */
function compose(base, random) {
  const places = placesOf(base, random);
  const zeros = random.chance(0.2) ? 1 + random.integer(3) : 0;
  const parts = places.map((place, index) => {
    const own = checked(base.boxes[place]);
    const kept = random.chance(0.25);
    const digit = kept
      ? Number(base.text[place])
      : places.length - index <= zeros && index > 0
        ? 0
        : random.integer(10);
    const cut = kept ? { amount: base, box: own } : random.of(checked(DIGITS[digit]));
    const scale = (base.size / cut.amount.size) * random.between(0.88, 1.12);
    return { digit, cut, scale, own, place };
  });
  const { height } = base;
  const room = Math.ceil(
    base.width + parts.reduce((sum, { cut, scale, own }) => sum + cut.box.width * scale + own.width, 0),
  );
  const sheet = { width: room, height, ink: new Float32Array(room * height) };
  const [first] = base.boxes;
  let x = copyColumns(base, 0, Math.max(0, checked(first).x), sheet, 0);
  const tightness = random.between(-0.06, 0.05) * base.size;
  parts.forEach(({ cut, scale, own, place }, index) => {
    const middle = 0.5 * (own.y + own.height / 2) + 0.5 * base.middle;
    const y = middle + (cut.box.y + cut.box.height / 2 - cut.amount.middle) * scale * 0.7;
    stamp(cut, scale, x, y, sheet);
    x += cut.box.width * scale;
    if (index === parts.length - 1) return;
    const next = base.boxes[place + 1];
    const gap = next === undefined ? 0 : next.x - own.x - own.width;
    if (gap > 1) copyColumns(base, own.x + own.width, next === undefined ? base.width : next.x, sheet, Math.round(x));
    x = Math.max(0, x + gap + tightness);
  });
  const last = checked(base.boxes.at(-1));
  x = copyColumns(base, last.x + last.width, base.width, sheet, Math.round(x));
  const width = Math.max(8, Math.min(room, Math.ceil(x)));
  const ink = new Float32Array(width * height);
  for (let row = 0; row < height; row++) ink.set(sheet.ink.subarray(row * room, row * room + width), row * width);
  const text = parts.map(({ digit }) => digit).join("");
  return { text, width, height, pixels: printed(ink, random) };
}

/**
 * The places of an amount's digits, one of them now and then left out or taken twice.
 *
 * @param {Amount} amount
 * @param {Random} random
 */
function placesOf({ boxes }, random) {
  const places = boxes.map((_, place) => place);
  const at = random.integer(places.length);
  if (places.length > 2 && random.chance(0.15)) places.splice(at, 1);
  else if (places.length < 7 && random.chance(0.25)) places.splice(at, 0, at);
  return places;
}

/**
 * @typedef {{ readonly width: number, readonly height: number, readonly ink: Float32Array }} Sheet
 */

/**
 * Puts columns of a picture on a sheet and says where they end.
 *
 * @param {Sheet} from
 * @param {number} start
 * @param {number} end
 * @param {Sheet} sheet
 * @param {number} x
 */
function copyColumns(from, start, end, sheet, x) {
  const count = Math.max(0, Math.min(from.width, Math.round(end)) - Math.round(start));
  for (let row = 0; row < sheet.height; row++) {
    for (let column = 0; column < count; column++) {
      darken(sheet, x + column, row, checked(from.ink[row * from.width + Math.round(start) + column]));
    }
  }
  return x + count;
}

/**
 * Draws a digit, and what is above and below its box, with its left edge at x and its middle at y.
 *
 * @param {Cut} cut
 * @param {number} scale
 * @param {number} x
 * @param {number} y
 * @param {Sheet} sheet
 */
function stamp({ amount, box }, scale, x, y, sheet) {
  const [from, to] = [
    Math.max(0, Math.floor(x - scale)),
    Math.min(sheet.width, Math.ceil(x + (box.width + 1) * scale)),
  ];
  for (let row = 0; row < sheet.height; row++) {
    const sourceY = box.y + box.height / 2 + (row - y) / scale;
    for (let column = from; column < to; column++) {
      const sourceX = box.x + (column + 0.5 - x) / scale - 0.5;
      if (sourceX < box.x - 1 || sourceX > box.x + box.width) continue;
      darken(sheet, column, row, sample(amount, sourceX, sourceY));
    }
  }
}

/**
 * Bilinear; 0 beyond the picture.
 *
 * @param {Sheet} sheet
 * @param {number} x
 * @param {number} y
 */
function sample({ width, height, ink }, x, y) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [dx, dy] = [x - left, y - top];
  const at = (/** @type {number} */ column, /** @type {number} */ row) =>
    column < 0 || row < 0 || column >= width || row >= height ? 0 : checked(ink[row * width + column]);
  const upper = at(left, top) * (1 - dx) + at(left + 1, top) * dx;
  const lower = at(left, top + 1) * (1 - dx) + at(left + 1, top + 1) * dx;
  return upper * (1 - dy) + lower * dy;
}

/**
 * @param {Sheet} sheet
 * @param {number} x
 * @param {number} y
 * @param {number} ink
 */
function darken(sheet, x, y, ink) {
  if (x < 0 || x >= sheet.width) return;
  const at = y * sheet.width + x;
  sheet.ink[at] = Math.max(checked(sheet.ink[at]), ink);
}

/**
 * Grey levels of ink on paper.
 *
 * @param {Float32Array} ink
 * @param {Random} random
 */
function printed(ink, random) {
  const [paper, depth] = [random.between(140, 235), random.between(0.6, 0.9)];
  return Uint8Array.from(ink, (value) => Math.round(paper * (1 - depth * value)));
}
