import { DIGIT_PIXELS, DIGIT_SIDE } from "../dataset.ts";
import type { Random } from "../random.ts";
import { floatAt } from "../../require.ts";

import { sample, type Sheets } from "./plane.ts";

const SIDE = DIGIT_SIDE;

/** Make strokes thicker (by up to a pixel all around) or thinner (by up to half of one). */
export function changePen(sheets: Sheets, random: Random): void {
  if (random.chance(0.6)) mixNeighbours(sheets, Math.max, random.between(0.1, 1));
  else mixNeighbours(sheets, Math.min, random.between(0.1, 0.5));
}

/** Towards the extreme of each pixel and its four neighbours. */
function mixNeighbours(sheets: Sheets, extreme: (...values: number[]) => number, share: number): void {
  const { now, next } = sheets;
  for (let y = 0, index = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++, index++) {
      const own = floatAt(now, index);
      const left = x > 0 ? floatAt(now, index - 1) : 0;
      const right = x < SIDE - 1 ? floatAt(now, index + 1) : 0;
      const above = y > 0 ? floatAt(now, index - SIDE) : 0;
      const below = y < SIDE - 1 ? floatAt(now, index + SIDE) : 0;
      next[index] = own + share * (extreme(own, left, right, above, below) - own);
    }
  }
  sheets.turnOver();
}

const MOST_CELLS = 28;
const cells = new Float32Array(MOST_CELLS * MOST_CELLS);
const weights = new Float32Array(MOST_CELLS * MOST_CELLS);

/** Through a raster of larger pixels and back; every second picture becomes black and white, and is kept legible. */
export function coarsen(sheets: Sheets, random: Random): void {
  const offsetX = random.unit();
  const offsetY = random.unit();
  const isBinary = random.chance(0.5);
  const cell = random.between(1.15, isBinary ? 1.75 : 2.5);
  const threshold = random.between(0.3, 0.6);
  const isSmooth = random.chance(0.7);
  const { now, next } = sheets;
  cells.fill(0);
  weights.fill(0);
  const place = (pixel: number, offset: number): number => (pixel + 0.5) / cell + offset;
  for (let y = 0, index = 0; y < SIDE; y++) {
    const row = Math.floor(place(y, offsetY)) * MOST_CELLS;
    for (let x = 0; x < SIDE; x++, index++) {
      const at = row + Math.floor(place(x, offsetX));
      cells[at] = floatAt(cells, at) + floatAt(now, index);
      weights[at] = floatAt(weights, at) + 1;
    }
  }
  for (let at = 0; at < cells.length; at++) {
    const mean = floatAt(cells, at) / Math.max(1, floatAt(weights, at));
    cells[at] = isBinary ? Number(mean > threshold) : mean;
  }
  for (let y = 0, index = 0; y < SIDE; y++) {
    const row = place(y, offsetY);
    for (let x = 0; x < SIDE; x++, index++) {
      const column = place(x, offsetX);
      next[index] = isSmooth
        ? sample(cells, column - 0.5, row - 0.5)
        : floatAt(cells, Math.floor(row) * MOST_CELLS + Math.floor(column));
    }
  }
  sheets.turnOver();
}

/** Blur, harden, or make paler. */
export function changeInk(sheets: Sheets, random: Random): void {
  const kind = random.integer(3);
  if (kind === 0) blur(sheets, random.between(0.2, 1));
  else if (kind === 1) harden(sheets.now, random.between(0.3, 0.6), random.between(1.5, 6));
  else pale(sheets.now, random.between(0.55, 1), random.between(0.6, 1.6));
}

/** Towards the mean with weights 1 2 1 along both axes. */
function blur(sheets: Sheets, share: number): void {
  const { now, next } = sheets;
  for (let index = 0; index < DIGIT_PIXELS; index++) {
    const x = index % SIDE;
    const y = (index - x) / SIDE;
    let sum = 0;
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        if (x + dx < 0 || x + dx >= SIDE || y + dy < 0 || y + dy >= SIDE) continue;
        sum += floatAt(now, index + dy * SIDE + dx) * (2 - Math.abs(dx)) * (2 - Math.abs(dy));
      }
    }
    next[index] = (1 - share) * floatAt(now, index) + (share * sum) / 16;
  }
  sheets.turnOver();
}

function harden(ink: Float32Array, middle: number, slope: number): void {
  for (let index = 0; index < DIGIT_PIXELS; index++) {
    ink[index] = Math.min(1, Math.max(0, (floatAt(ink, index) - middle) * slope + 0.5));
  }
}

/** Grey levels bent by v (1 + b (1 - v)), which is near to a power and exact everywhere, then scaled. */
function pale(ink: Float32Array, most: number, power: number): void {
  const bent = 1 - power;
  for (let index = 0; index < DIGIT_PIXELS; index++) {
    const value = floatAt(ink, index);
    ink[index] = most * value * (1 + bent * (1 - value));
  }
}

/** Grain over the sheet, or a few specks, or the stump of a neighbouring stroke at the sheet's edge. */
export function makeNoise({ now }: Sheets, random: Random): void {
  const kind = random.integer(3);
  if (kind === 0) grain(now, random.between(0.02, 0.12), random);
  else if (kind === 1) specks(now, 1 + random.integer(4), random);
  else stump(now, random);
}

function grain(ink: Float32Array, deviation: number, random: Random): void {
  for (let index = 0; index < DIGIT_PIXELS; index++) {
    ink[index] = Math.min(1, Math.max(0, floatAt(ink, index) + deviation * random.normal()));
  }
}

function specks(ink: Float32Array, count: number, random: Random): void {
  for (let speck = 0; speck < count; speck++) {
    const at = random.integer(DIGIT_PIXELS);
    ink[at] = Math.max(floatAt(ink, at), random.between(0.3, 1));
  }
}

function stump(ink: Float32Array, random: Random): void {
  const atRight = random.chance(0.5);
  const length = 3 + random.integer(6);
  const depth = 1 + random.integer(2);
  const top = 4 + random.integer(20 - length);
  for (let y = top; y < top + length; y++) {
    for (let step = 0; step < depth; step++) ink[y * SIDE + (atRight ? SIDE - 1 - step : step)] = 0.9;
  }
}
