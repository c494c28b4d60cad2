// Handwritten amounts as on cheques: digits of MNIST in a row, touching and overlapping, with points, dashes and a patterned
// ground. MNIST_DIR=... train --network line --dataset lines --data DIR --add tools/lines/cheque.mjs:6000
import { readDigits } from "./lib/mnist.mjs";
import { checked, Random } from "./lib/random.mjs";

const DIGITS = readDigits();

/** @param {{ readonly seed: number }} options */
export function openLines({ seed }) {
  return {
    characters: Array.from("0123456789"),
    /** @param {{ readonly keys: readonly number[] }} wish */
    make({ keys }) {
      return drawAmount(new Random([seed, ...keys]));
    },
  };
}

/** @param {Random} random */
function amountOf(random) {
  const length = random.weighted([
    [1, 2],
    [10, 3],
    [35, 4],
    [45, 5],
    [9, 6],
    [2, 7],
  ]);
  const text = Array.from({ length }, (_, place) => (place === 0 ? 1 + random.integer(9) : random.integer(10))).join(
    "",
  );
  // Round amounts are common.
  return random.chance(0.25) ? text.slice(0, Math.max(1, length - 3)).padEnd(length, "0") : text;
}

/** @param {Random} random */
function drawAmount(random) {
  const text = amountOf(random);
  const size = random.between(26, 44);
  const height = Math.round(size * random.between(1.25, 1.6));
  const room = Math.round(size * (text.length + 4));
  const ink = new Float32Array(room * height);
  const [slant, gap] = [random.between(-0.1, 0.55), random.between(-0.3, 0.12) * size];
  const grouped = random.chance(0.55);
  const base = (height - size) / 2;
  const rise = random.between(-0.06, 0.06);
  const pen = random.between(0.7, 1.5);
  let x = size * 0.25;
  Array.from(text).forEach((digit, place) => {
    const left = text.length - place;
    if (grouped && place > 0 && left % 3 === 0) {
      x =
        mark(ink, room, height, x + size * 0.08, base + size * 0.85, size * random.between(0.05, 0.09), random) -
        gap * 0.6;
    }
    const scale = size * random.between(0.8, 1.08);
    const source = random.of(checked(DIGITS[Number(digit)]));
    const y = base + rise * (x - room / 2) + (size - scale) * random.unit();
    x += stamp(ink, room, height, source, { x, y, scale, slant, pen }) + gap + size * random.between(0, 0.12);
  });
  if (random.chance(0.4)) x = mark(ink, room, height, x + size * 0.15, base + size * 0.85, size * 0.07, random);
  if (random.chance(0.35))
    x = dash(
      ink,
      room,
      height,
      x + size * 0.15,
      base + size * random.between(0.35, 0.7),
      size * random.between(0.2, 0.7),
    );
  const width = Math.min(room, Math.ceil(x + size * random.between(0.1, 0.4)));
  if (random.chance(0.35)) line(ink, room, height, base + size * random.between(0.98, 1.1));
  return { text, width, height, pixels: onPaper(ink, room, width, height, random) };
}

/**
 * Puts a digit down and says how far the next one is.
 *
 * @param {Float32Array} ink
 * @param {number} room
 * @param {number} height
 * @param {import("./lib/mnist.mjs").Digit} digit
 * @param {{ readonly x: number, readonly y: number, readonly scale: number, readonly slant: number, readonly pen: number }} place
 */
function stamp(ink, room, height, { side, pixels }, { x, y, scale, slant, pen }) {
  const extent = extentOf(pixels, side);
  const factor = (extent.bottom - extent.top) / scale;
  const wide = (extent.right - extent.left) / factor;
  const lean = slant * scale * 0.5;
  for (let row = Math.max(0, Math.floor(y)); row < Math.min(height, y + scale); row++) {
    const fromY = extent.top + (row - y) * factor;
    const shift = lean * (0.5 - (row - y) / scale);
    for (let column = Math.max(0, Math.floor(x + shift)); column < Math.min(room, x + shift + wide + 1); column++) {
      const fromX = extent.left + (column - x - shift) * factor;
      const level = Math.min(1, sample(pixels, side, fromX, fromY) * pen);
      const at = row * room + column;
      ink[at] = Math.max(checked(ink[at]), level);
    }
  }
  return wide;
}

/**
 * @param {Uint8Array} pixels
 * @param {number} side
 */
function extentOf(pixels, side) {
  let [left, top, right, bottom] = [side, side, 0, 0];
  pixels.forEach((value, index) => {
    if (value < 60) return;
    const [x, y] = [index % side, Math.floor(index / side)];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  });
  return { left, top, right, bottom };
}

/**
 * Bilinear, 0 to 1.
 *
 * @param {Uint8Array} pixels
 * @param {number} side
 * @param {number} x
 * @param {number} y
 */
function sample(pixels, side, x, y) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [dx, dy] = [x - left, y - top];
  const at = (/** @type {number} */ column, /** @type {number} */ row) =>
    column < 0 || row < 0 || column >= side || row >= side ? 0 : checked(pixels[row * side + column]) / 255;
  const upper = at(left, top) * (1 - dx) + at(left + 1, top) * dx;
  const lower = at(left, top + 1) * (1 - dx) + at(left + 1, top + 1) * dx;
  return upper * (1 - dy) + lower * dy;
}

/**
 * A point or a comma; says where what follows begins.
 *
 * @param {Float32Array} ink
 * @param {number} room
 * @param {number} height
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {Random} random
 */
function mark(ink, room, height, x, y, radius, random) {
  const tail = random.chance(0.4) ? radius * 3 : 0;
  for (let row = Math.floor(y - radius); row <= y + radius + tail; row++) {
    for (let column = Math.floor(x - radius); column <= x + radius; column++) {
      if (row < 0 || column < 0 || row >= height || column >= room) continue;
      const drop = Math.max(0, row - y - 0.001);
      const lean = x - (drop > radius ? drop * 0.3 : 0);
      const inside =
        (column - lean) ** 2 + Math.min(Math.abs(row - y), tail > 0 && row > y ? 0 : Infinity) ** 2 <= radius ** 2;
      if (inside) ink[row * room + column] = 1;
    }
  }
  return x + radius * 2;
}

/**
 * @param {Float32Array} ink
 * @param {number} room
 * @param {number} height
 * @param {number} x
 * @param {number} y
 * @param {number} length
 */
function dash(ink, room, height, x, y, length) {
  for (let column = Math.floor(x); column < Math.min(room, x + length); column++) {
    for (const row of [Math.floor(y), Math.floor(y) + 1]) if (row >= 0 && row < height) ink[row * room + column] = 0.9;
  }
  return x + length;
}

/**
 * @param {Float32Array} ink
 * @param {number} room
 * @param {number} height
 * @param {number} y
 */
function line(ink, room, height, y) {
  const row = Math.min(height - 1, Math.round(y));
  for (let column = 0; column < room; column++) {
    const at = row * room + column;
    ink[at] = Math.max(checked(ink[at]), 0.6);
  }
}

/**
 * On paper with waves printed on it.
 *
 * @param {Float32Array} ink
 * @param {number} room
 * @param {number} width
 * @param {number} height
 * @param {Random} random
 */
function onPaper(ink, room, width, height, random) {
  const [paper, depth] = [random.between(120, 235), random.between(0.5, 0.9)];
  const strength = random.chance(0.8) ? random.between(5, 26) : 0;
  const [period, wave, bend, turn] = [
    random.between(3, 8),
    random.between(15, 60),
    random.between(0, 4),
    random.between(-0.5, 0.5),
  ];
  const second = random.chance(0.4) ? random.between(3, 7) : 0;
  const grain = random.between(2, 9);
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const phase = y + turn * x + bend * Math.sin(x / wave);
      let level = paper - strength * (0.5 + 0.5 * Math.cos((2 * Math.PI * phase) / period));
      if (second > 0) level -= strength * 0.6 * (0.5 + 0.5 * Math.cos((2 * Math.PI * (x - 0.3 * y)) / second));
      level += grain * random.normal();
      level *= 1 - depth * checked(ink[y * room + x]);
      pixels[y * width + x] = Math.min(255, Math.max(0, Math.round(level)));
    }
  }
  return pixels;
}
