import type { Random } from "../random.ts";
import { floatAt } from "../../require.ts";

import { jpegArtefacts } from "./jpeg.ts";
import type { LinePicture } from "./line-set.ts";

/** How pictures of lines are changed. Probabilities 0 to 1; what is left out is not done. */
export interface LineAugment {
  /** Share of pictures that stay as they are. */
  readonly keep?: number;
  /** Largest turn to either side, in degrees. */
  readonly turn?: number;
  /** Largest lean to either side: columns moved for a row. */
  readonly shear?: number;
  /** Largest change of the width, e.g. 0.2 for 1 / 1.2 to 1.2. */
  readonly stretch?: number;
  /** Deviation of the nodes of a lattice by which the sheet is bent, as a share of the height. */
  readonly elastic?: number;
  /** Share of pictures with thicker or thinner strokes. */
  readonly pen?: number;
  readonly blur?: number;
  /** Share of pictures made coarser by up to 2.5 and enlarged again. */
  readonly coarse?: number;
  /** Share of pictures with less contrast or another gamma. */
  readonly contrast?: number;
  /** Share of pictures under uneven light. */
  readonly light?: number;
  readonly noise?: number;
  readonly jpeg?: number;
  /** Share of pictures with strokes of lines above, below or beside. */
  readonly neighbours?: number;
  /** Share of pictures in black and white. */
  readonly threshold?: number;
  /** Share of negatives. */
  readonly invert?: number;
}

/** A picture in work, 0 to 1. */
export interface Sheet {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Changes a picture at random; the same stream of random numbers changes it in the same way on every platform. */
export function augmentLine(picture: LinePicture, recipe: LineAugment, strength: number, random: Random): Sheet {
  let sheet: Sheet = { ...picture, data: Float32Array.from(picture.pixels, (level) => level / 255) };
  const { keep = 0 } = recipe;
  if (strength <= 0 || random.chance(keep)) return sheet;
  const often = (share: number | undefined): boolean => share !== undefined && random.chance(share * strength);
  sheet = bend(sheet, recipe, strength, random);
  if (often(recipe.pen)) changePen(sheet, random);
  if (often(recipe.neighbours)) addStrokes(sheet, random);
  if (often(recipe.light)) addLight(sheet, random);
  if (often(recipe.coarse)) sheet = coarsen(sheet, random);
  if (often(recipe.blur)) blur(sheet, random.between(0.3, 1));
  if (often(recipe.contrast)) changeContrast(sheet, random);
  if (often(recipe.noise)) addNoise(sheet, random);
  if (often(recipe.threshold)) cut(sheet, random);
  if (often(recipe.jpeg)) jpegArtefacts(sheet, random.between(1, 6));
  if (often(recipe.invert)) for (let at = 0; at < sheet.data.length; at++) sheet.data[at] = 1 - floatAt(sheet.data, at);
  return sheet;
}

/** Bilinear; beyond the border the border goes on. */
function sample({ width, height, data }: Sheet, x: number, y: number): number {
  const px = Math.min(Math.max(x, 0), width - 1);
  const py = Math.min(Math.max(y, 0), height - 1);
  const left = Math.floor(px);
  const top = Math.floor(py);
  const right = Math.min(left + 1, width - 1);
  const below = Math.min(top + 1, height - 1);
  const [dx, dy] = [px - left, py - top];
  const upper = floatAt(data, top * width + left) * (1 - dx) + floatAt(data, top * width + right) * dx;
  const lower = floatAt(data, below * width + left) * (1 - dx) + floatAt(data, below * width + right) * dx;
  return upper * (1 - dy) + lower * dy;
}

/** Turn, lean, stretch and bend in one resampling about the middle. */
function bend(sheet: Sheet, recipe: LineAugment, strength: number, random: Random): Sheet {
  const { turn = 0, shear = 0, stretch = 0, elastic = 0 } = recipe;
  const amount = (most: number): number => most * strength * random.between(-1, 1);
  const slope = (amount(turn) * Math.PI) / 180;
  const lean = amount(shear);
  const wider = amount(stretch);
  const factor = wider >= 0 ? 1 + wider : 1 / (1 - wider);
  const width = Math.max(4, Math.round(sheet.width * factor));
  const { height } = sheet;
  const deviation = elastic * strength * height;
  const spacing = height / 2;
  const columns = Math.ceil(width / spacing) + 2;
  const rows = 4;
  const moves = Float32Array.from({ length: columns * rows * 2 }, () =>
    deviation > 0 ? deviation * random.normal() : 0,
  );
  const out: Sheet = { width, height, data: new Float32Array(width * height) };
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fromY = y - middleY;
      const fromX = x - middleX;
      let sourceX = (fromX + lean * fromY) / factor + (sheet.width - 1) / 2;
      let sourceY = fromY + (slope * fromX) / factor + middleY;
      if (deviation > 0) {
        const [moveX, moveY] = latticeAt(moves, columns, x / spacing, y / spacing);
        sourceX += moveX;
        sourceY += moveY;
      }
      out.data[y * width + x] = sample(sheet, sourceX, sourceY);
    }
  }
  return out;
}

function latticeAt(moves: Float32Array, columns: number, x: number, y: number): readonly [number, number] {
  const left = Math.min(Math.floor(x), columns - 2);
  const top = Math.min(Math.floor(y), 2);
  const [dx, dy] = [x - left, y - top];
  const node = (column: number, row: number, axis: number): number =>
    floatAt(moves, ((row * columns + column) << 1) + axis);
  const axisAt = (axis: number): number =>
    (node(left, top, axis) * (1 - dx) + node(left + 1, top, axis) * dx) * (1 - dy) +
    (node(left, top + 1, axis) * (1 - dx) + node(left + 1, top + 1, axis) * dx) * dy;
  return [axisAt(0), axisAt(1)];
}

/** Towards the darkest or the lightest of each pixel and its neighbours at the right and below. */
function changePen({ width, height, data }: Sheet, random: Random): void {
  const extreme = random.chance(0.5) ? Math.min : Math.max;
  const share = random.between(0.2, 0.9);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const own = floatAt(data, at);
      const right = x + 1 < width ? floatAt(data, at + 1) : own;
      const below = y + 1 < height ? floatAt(data, at + width) : own;
      data[at] = own + share * (extreme(own, right, below) - own);
    }
  }
}

/** Parts of letters of another line at the upper or lower border, or a stroke at a side. */
function addStrokes({ width, height, data }: Sheet, random: Random): void {
  const dark = random.between(0, 0.3);
  const depth = Math.max(1, Math.round(height * random.between(0.03, 0.12)));
  const atTop = random.chance(0.5);
  for (let x = random.integer(8); x < width;) {
    const length = 1 + random.integer(Math.max(2, Math.round(height / 8)));
    for (let y = 0; y < depth; y++) {
      for (let step = 0; step < length && x + step < width; step++) {
        data[(atTop ? y : height - 1 - y) * width + x + step] = dark;
      }
    }
    x += length + 2 + random.integer(Math.max(2, Math.round(height * 0.7)));
  }
}

/** Light that falls off to one side, and a wide shadow. */
function addLight({ width, height, data }: Sheet, random: Random): void {
  const [across, down] = [random.between(-0.35, 0.35), random.between(-0.2, 0.2)];
  const centre = random.between(0, width);
  const spread = width * random.between(0.1, 0.5) + height;
  const shadow = random.chance(0.5) ? random.between(0, 0.35) : 0;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const distance = (x - centre) / spread;
      const fall = across * (x / width - 0.5) + down * (y / height - 0.5) - shadow / (1 + distance * distance);
      data[at] = clamped(floatAt(data, at) * (1 + fall));
    }
  }
}

/** Through a coarser raster and back. */
function coarsen(sheet: Sheet, random: Random): Sheet {
  const factor = random.between(1.2, Math.max(1.3, Math.min(2.5, sheet.height / 11)));
  const small: Sheet = {
    width: Math.max(2, Math.round(sheet.width / factor)),
    height: Math.max(2, Math.round(sheet.height / factor)),
    data: new Float32Array(),
  };
  return scaled(scaled(sheet, small.width, small.height), sheet.width, sheet.height);
}

/** Mean of 2 x 2 bilinear samples for each new pixel. */
function scaled(sheet: Sheet, width: number, height: number): Sheet {
  const data = new Float32Array(width * height);
  const [stepX, stepY] = [sheet.width / width, sheet.height / height];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const [left, top] = [x * stepX - 0.5, y * stepY - 0.5];
      data[at] =
        (sample(sheet, left + stepX * 0.25, top + stepY * 0.25) +
          sample(sheet, left + stepX * 0.75, top + stepY * 0.25) +
          sample(sheet, left + stepX * 0.25, top + stepY * 0.75) +
          sample(sheet, left + stepX * 0.75, top + stepY * 0.75)) /
        4;
    }
  }
  return { width, height, data };
}

/** Towards the mean with weights 1 2 1 along both axes. */
function blur({ width, height, data }: Sheet, share: number): void {
  const rows = new Float32Array(data.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const before = floatAt(data, x > 0 ? at - 1 : at);
      const after = floatAt(data, x + 1 < width ? at + 1 : at);
      rows[at] = (before + 2 * floatAt(data, at) + after) / 4;
    }
  }
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const above = floatAt(rows, y > 0 ? at - width : at);
      const below = floatAt(rows, y + 1 < height ? at + width : at);
      const mean = (above + 2 * floatAt(rows, at) + below) / 4;
      data[at] = floatAt(data, at) + share * (mean - floatAt(data, at));
    }
  }
}

/** Levels bent by v (1 + b (1 - v)), then less contrast. */
function changeContrast({ data }: Sheet, random: Random): void {
  const bent = random.between(-0.6, 0.6);
  const contrast = random.between(0.35, 1);
  const base = random.between(0, 1 - contrast);
  for (let at = 0; at < data.length; at++) {
    const level = floatAt(data, at);
    data[at] = base + contrast * clamped(level * (1 + bent * (1 - level)));
  }
}

function addNoise({ data }: Sheet, random: Random): void {
  if (random.chance(0.7)) {
    const deviation = random.between(0.02, 0.14);
    for (let at = 0; at < data.length; at++) data[at] = clamped(floatAt(data, at) + deviation * random.normal());
    return;
  }
  const specks = Math.ceil(data.length * random.between(0.001, 0.02));
  for (let speck = 0; speck < specks; speck++) data[random.integer(data.length)] = random.chance(0.5) ? 0 : 1;
}

/** Black and white, about the middle of the levels. */
function cut({ data }: Sheet, random: Random): void {
  let [low, high] = [1, 0];
  for (const level of data) {
    low = Math.min(low, level);
    high = Math.max(high, level);
  }
  const limit = low + (high - low) * random.between(0.35, 0.65);
  for (let at = 0; at < data.length; at++) data[at] = floatAt(data, at) > limit ? 1 : 0;
}

function clamped(level: number): number {
  return Math.min(1, Math.max(0, level));
}
