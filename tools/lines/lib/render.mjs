// Draws a text in one of many faces, grey, 0 black to 255 white, with what printing and scanning do to it.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { createCanvas, GlobalFonts } from "@napi-rs/canvas";

import { checked } from "./random.mjs";

/**
 * @typedef {import("./random.mjs").Random} Random
 * @typedef {import("@napi-rs/canvas").Context} Context
 * @typedef {{ readonly name: string, readonly weight: number, readonly family: string }} Face
 * @typedef {{ readonly width: number, readonly height: number, readonly grey: Float32Array }} Picture 0 black to 1 white
 * @typedef {(x: number, y: number) => number} Field
 */

const folder = fileURLToPath(new URL("../node_modules/@fontsource", import.meta.url));

/**
 * Faces that old books, and dot-matrix and thermal printers, are like, are drawn more often. Most of all those of the 19th century,
 * in which a thin bar is all that an e has over a c.
 */
const MODERN = /old-standard|gfs-didot|bodoni|besley|oranienbaum|rufina|katex|playfair/;
const OLD =
  /im-fell|goudy|besley|oranienbaum|rufina|katex|old-standard|caslon|baskerville|garamond|gfs-didot|bodoni|sorts-mill|cardo|crimson|playfair|tinos|vollkorn|quattrocento|newsreader|gelasio|gentium|unna|stix|spectral|martel|pt-serif|literata|source-serif|lora/;
const TILL =
  /mono|cousine|courier|vt323|dotgothic|inconsolata|code|arimo|roboto-condensed|archivo-narrow|ubuntu-condensed|pt-sans-narrow|share-tech|doto|workbench/;

/** Faces whose small letters are capitals. */
/** @type {Set<string>} */
const CAPITALS = new Set();
const canvas = createCanvas(16, 16);
const pen = canvas.getContext("2d");

/** @param {string} name */
function hasCapitalsOnly(name) {
  pen.font = `100px "${name}"`;
  const rise = (/** @type {string} */ text) => pen.measureText(text).actualBoundingBoxAscent;
  return /bungee|cinzel|bebas|permanent-marker/.test(name) || rise("x") > 0.93 * rise("X");
}

/** @param {string} family */
function weightOf(family) {
  if (MODERN.test(family)) return 5;
  return OLD.test(family) ? 2 : TILL.test(family) ? 1.6 : 1;
}

/** @returns {Face[]} */
function registerFaces() {
  /** @type {Face[]} */
  const faces = [];
  for (const family of readdirSync(folder)) {
    const files = readdirSync(join(folder, family, "files"));
    for (const style of ["400-normal", "700-normal", "400-italic"]) {
      const file = files.find((name) => name.endsWith(`-latin-${style}.woff2`));
      if (file === undefined) continue;
      const name = `${family}-${style}`;
      if (GlobalFonts.registerFromPath(join(folder, family, "files", file), name) === null) continue;
      const usual = style === "400-normal" ? 2 : style === "700-normal" ? 1 : 0.7;
      faces.push({ name, weight: usual * weightOf(family), family });
      if (hasCapitalsOnly(name)) CAPITALS.add(name);
    }
  }
  // KaTeX has Computer Modern, which is drawn after a face of 1896 (Monotype Modern 8A).
  for (const [style, usual] of /** @type {const} */ ([
    ["Regular", 2],
    ["Bold", 1],
  ])) {
    const name = `katex-${style}`;
    if (
      GlobalFonts.registerFromPath(join(folder, "..", "katex", "dist", "fonts", `KaTeX_Main-${style}.woff2`), name) ===
      null
    )
      continue;
    faces.push({ name, weight: usual * weightOf("katex"), family: "katex" });
  }
  return faces;
}

const FACES = registerFaces();
/**
 * Names of faces with their weights.
 *
 * @param {RegExp} pattern
 * @returns {(readonly [number, string])[]}
 */
function only(pattern) {
  return FACES.filter(({ family }) => pattern.test(family)).map(({ weight, name }) => [weight, name]);
}

const ANY = only(/./);
const BOOKS = only(OLD);
const TILLS = only(TILL);

/** Spaces of an eighth to a third of the size. */
const THIN = ["\u200A", "\u2009", "\u2005", "\u2004"];

/**
 * What typesetting has where labels have plain ASCII.
 *
 * @param {string} text
 * @param {string} kind
 * @param {Random} random
 */
function typeset(text, kind, random) {
  let set = text;
  if (random.chance(0.5)) {
    set = set
      .replaceAll(/(^|[\s(-])"/g, "$1“")
      .replaceAll('"', "”")
      .replaceAll(/(^|\s)'/g, "$1‘")
      .replaceAll("'", "’");
  }
  if (random.chance(0.4)) set = set.replaceAll(/(?<=\w)-(?=\w{4,})/g, () => (random.chance(0.15) ? "—" : "-"));
  if (random.chance(0.5)) set = set.replaceAll(" - ", () => (random.chance(0.5) ? " — " : " – "));
  // Old books set a thin space before these marks and within quotation marks.
  if (random.chance(kind === "book" ? 0.45 : 0.2))
    set = set.replaceAll(/(?<=[\w”])([;:!?])(?=\s|$)/g, `${random.of(THIN)}$1`);
  if (random.chance(kind === "book" ? 0.3 : 0.1))
    set = set.replaceAll(/“(?=\w)/g, `“${random.of(THIN)}`).replaceAll(/(?<=[\w.,!?])”/g, `${random.of(THIN)}”`);
  return set;
}

/**
 * A style of drawing; a context is set up for it.
 *
 * @param {Random} random
 */
export function styleOf(random) {
  const kind = random.weighted([
    [3, "clean"],
    [3, "book"],
    [3, "till"],
    [3, "scene"],
  ]);
  const faces = kind === "book" && random.chance(0.8) ? BOOKS : kind === "till" && random.chance(0.7) ? TILLS : ANY;
  const size = Math.round(kind === "clean" && random.chance(0.4) ? random.between(11, 18) : random.between(16, 46));
  const face = random.weighted(faces);
  return {
    kind,
    isCapital: CAPITALS.has(face),
    font: `${size}px "${face}"`,
    size,
    letterSpacing: random.chance(0.2) ? random.between(-0.03, 0.12) * size : 0,
    wordSpacing: random.chance(kind === "book" ? 0.6 : 0.3) ? random.between(-0.08, 0.5) * size : 0,
  };
}

/**
 * @param {Context} context
 * @param {ReturnType<typeof styleOf>} style
 */
function setUp(context, { font, letterSpacing, wordSpacing }) {
  context.font = font;
  context.letterSpacing = `${letterSpacing}px`;
  context.wordSpacing = `${wordSpacing}px`;
  context.textBaseline = "alphabetic";
}

/**
 * About how wide a text becomes when its line is scaled to a height.
 *
 * @param {string} text
 * @param {ReturnType<typeof styleOf>} style
 * @param {number} height
 */
export function widthAt(text, style, height) {
  setUp(pen, style);
  const { width, actualBoundingBoxAscent: up, actualBoundingBoxDescent: down } = pen.measureText(text);
  const band = Math.max(up + down, style.size * 0.5) * 1.24;
  return (width * height) / band + height * 0.42;
}

/**
 * @param {string} text
 * @param {ReturnType<typeof styleOf>} style
 * @param {Random} random
 * @param {string} beside what the lines above and below say
 */
export function draw(text, style, random, beside) {
  setUp(pen, style);
  const { size, kind } = style;
  const shown = typeset(text, kind, random);
  const metrics = pen.measureText(shown);
  const margin = () => Math.round(size * (random.chance(0.7) ? random.between(0.02, 0.35) : random.between(0.3, 1)));
  const [left, right, top, bottom] = [margin(), margin(), margin(), margin()];
  const width = Math.ceil(metrics.width) + left + right;
  const height = Math.ceil(metrics.actualBoundingBoxAscent + metrics.actualBoundingBoxDescent) + top + bottom;
  const sheet = createCanvas(width, Math.max(8, height));
  const context = sheet.getContext("2d");
  const [paper, ink] = coloursOf(kind, random);
  context.fillStyle = `rgb(${paper},${paper},${paper})`;
  context.fillRect(0, 0, sheet.width, sheet.height);
  setUp(context, style);
  context.fillStyle = `rgb(${ink},${ink},${ink})`;
  const [x, y] = [left, top + metrics.actualBoundingBoxAscent];
  if (kind === "scene" && random.chance(0.25)) {
    context.shadowColor = `rgba(${random.chance(0.5) ? "0,0,0" : "255,255,255"},${random.between(0.3, 0.9)})`;
    context.shadowOffsetX = random.between(-0.08, 0.08) * size;
    context.shadowOffsetY = random.between(0, 0.08) * size;
    context.shadowBlur = random.between(0, 0.1) * size;
  }
  if (beside !== "" && random.chance(kind === "book" ? 0.3 : 0.15)) {
    const step = size * random.between(0.95, 1.3);
    const shift = random.between(-3, 0) * size;
    context.fillText(beside, x + shift, y - step);
    context.fillText(beside, x + shift * 0.7, y + step);
  }
  if (random.chance(0.07)) {
    context.lineWidth = Math.max(1, size * random.between(0.02, 0.06));
    context.strokeStyle = context.fillStyle;
    context.strokeText(shown, x, y);
  }
  context.fillText(shown, x, y);
  if (random.chance(0.03)) {
    context.fillRect(left, y + size * 0.12, metrics.width, Math.max(1, size * 0.05));
  }
  const { data } = context.getImageData(0, 0, sheet.width, sheet.height);
  const grey = new Float32Array(sheet.width * sheet.height);
  for (let at = 0; at < grey.length; at++) grey[at] = level(data, 4 * at) / 255;
  const picture = { width: sheet.width, height: sheet.height, grey };
  if (kind === "book") print(picture, random);
  if (kind === "till") till(picture, size, random);
  if (kind === "scene") texture(picture, random);
  return {
    width: picture.width,
    height: picture.height,
    pixels: Uint8Array.from(picture.grey, (value) => Math.round(255 * Math.min(1, Math.max(0, value)))),
  };
}

/**
 * @param {string} kind
 * @param {Random} random
 * @returns {readonly [paper: number, ink: number]}
 */
function coloursOf(kind, random) {
  if (kind !== "scene" && random.chance(0.85)) return [255 - random.integer(30), random.integer(60)];
  for (;;) {
    const [paper, ink] = [random.integer(256), random.integer(256)];
    if (Math.abs(paper - ink) > 60) return [paper, ink];
  }
}

/**
 * Ink that spreads or fails to, and a scan in black and white.
 *
 * @param {Picture} picture
 * @param {Random} random
 */
function print(picture, random) {
  if (random.chance(0.15)) return;
  const { width, height, grey } = picture;
  const soft = blurred(picture, random.chance(0.5) ? 1 : 2);
  const patches = lattice(random, width, height, random.between(4, 14));
  const [spread, rough] = [random.between(-0.16, 0.16), random.between(0.04, 0.17)];
  const middle = 0.55 + spread;
  const isBinary = random.chance(0.75);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const tone = level(soft, at) + rough * patches(x, y) + 0.06 * random.normal();
      grey[at] = isBinary ? (tone > middle ? 1 : 0) : Math.min(1, Math.max(0, (tone - middle) * 2.5 + 0.5));
    }
  }
}

/**
 * Dots of a matrix, stripes of a thermal head that misses, faint ribbon.
 *
 * @param {Picture} picture
 * @param {number} size
 * @param {Random} random
 */
function till(picture, size, random) {
  const { width, height, grey } = picture;
  const paper = level(grey, 0);
  const fade = random.chance(0.5) ? random.between(0.2, 0.7) : 0;
  const dot = size / random.between(9, 18);
  const isDotted = dot > 1.4 && random.chance(0.35);
  const stripe = random.chance(0.25) ? random.between(1.5, 4) : 0;
  const patches = lattice(random, width, height, random.between(6, 30));
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      let ink = level(grey, at) - paper;
      if (isDotted) {
        const [dx, dy] = [(x % dot) / dot - 0.5, (y % dot) / dot - 0.5];
        ink *= dx * dx + dy * dy < 0.2 ? 1 : 0.25;
      }
      if (stripe > 0 && y % stripe < 0.7) ink *= 0.4;
      ink *= 1 - fade * Math.min(1, Math.max(0, 0.5 + 0.7 * patches(x, y)));
      grey[at] = paper + ink;
    }
  }
}

/**
 * A ground that is not even.
 *
 * @param {Picture} picture
 * @param {Random} random
 */
function texture(picture, random) {
  if (random.chance(0.4)) return;
  const { width, height, grey } = picture;
  const patches = lattice(random, width, height, random.between(2, 40));
  const strength = random.between(0.02, 0.12);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) grey[at] = level(grey, at) + strength * patches(x, y);
}

/**
 * Smooth noise, about normal, by place.
 *
 * @param {Random} random
 * @param {number} width
 * @param {number} height
 * @param {number} spacing
 * @returns {Field}
 */
function lattice(random, width, height, spacing) {
  const columns = Math.ceil(width / spacing) + 2;
  const rows = Math.ceil(height / spacing) + 2;
  const values = Float32Array.from({ length: columns * rows }, () => random.normal());
  return (x, y) => {
    const [left, top] = [Math.floor(x / spacing), Math.floor(y / spacing)];
    const [dx, dy] = [x / spacing - left, y / spacing - top];
    const at = top * columns + left;
    const upper = level(values, at) * (1 - dx) + level(values, at + 1) * dx;
    const lower = level(values, at + columns) * (1 - dx) + level(values, at + columns + 1) * dx;
    return upper * (1 - dy) + lower * dy;
  };
}

/**
 * @param {Picture} picture
 * @param {number} times
 */
function blurred({ width, height, grey }, times) {
  let from = grey;
  for (let round = 0; round < times; round++) {
    const to = new Float32Array(from.length);
    for (let y = 0, at = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at++) {
        const own = level(from, at);
        const left = x > 0 ? level(from, at - 1) : own;
        const right = x + 1 < width ? level(from, at + 1) : own;
        const above = y > 0 ? level(from, at - width) : own;
        const below = y + 1 < height ? level(from, at + width) : own;
        to[at] = (2 * own + left + right + above + below) / 6;
      }
    }
    from = to;
  }
  return from;
}

/**
 * @param {ArrayLike<number>} values
 * @param {number} at
 */
function level(values, at) {
  return checked(values[at]);
}
