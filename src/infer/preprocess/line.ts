import { DataError } from "../../errors.ts";
import { at, floatAt, intAt } from "../../require.ts";

import { toGrey, type Pixels, type Plane } from "./image.ts";
import { Quantiles } from "./quantiles.ts";
import { resize } from "./resize.ts";

/** Lower pictures hold no line that could be read. */
const LEAST_HEIGHT = 4;
/** Weaker contrast, of the range from black to white, is a blank sheet. */
const LEAST_CONTRAST = 0.03;
/** Ink above this counts for where the line is. */
const VISIBLE = 0.3;
/** The line takes at least this part of the picture's height: a lone dash must not become a bar. */
const LEAST_BAND = 0.4;
/** Paper above and below the line, and left and right of it, as parts of its height. */
const MARGIN = { vertical: 0.12, horizontal: 0.25 };
/** Skew that is looked for, in degrees to either side, and its steps. */
const MOST_SKEW = 4;
const SKEW_STEP = 0.5;
/** Only lines this many times as wide as high show their skew. */
const SKEW_ASPECT = 3;

/**
 * A line of text as networks that read lines take it: ink of either polarity found against its local paper, 0 (paper) to
 * 1, straightened when it is skewed by up to 4 degrees, cut to the line with a small margin, and scaled to the height.
 * [height, W]; the width follows from the line.
 *
 * @param pixels of any size
 * @param widen how many times wider the line is made than its proportions
 * @throws {DataError} when there is no line to be seen, or the picture is lower than 4 pixels
 */
export function fitLine(pixels: Pixels, height: number, widen = 1): Plane {
  if (pixels.height < LEAST_HEIGHT) {
    throw new DataError(
      `there is no line in the picture: it is ${pixels.width} x ${pixels.height} pixels; a line is at least ${LEAST_HEIGHT} high`,
    );
  }
  const ink = straightened(inkOf(toGrey(pixels)));
  const rows = bandOf(ink);
  const columns = extentOf(ink, rows);
  return cutOut(ink, rows, columns, height, widen);
}

/** A part of an axis, `end` exclusive. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** 0 (paper) to 1 (ink), whatever the picture's polarity, with uneven light evened out. */
function inkOf(grey: Plane): Plane {
  const { width, height, data } = grey;
  const levels = new Quantiles(data, MOST_SAMPLES);
  const [low, high] = [levels.at(0.02), levels.at(0.98)];
  const { least, largest } = levels;
  if (largest - least < LEAST_CONTRAST) throw blank();
  const border = new Quantiles(borderOf(grey), MOST_SAMPLES).at(0.5);
  const paperIsLight = border >= (low === high ? (least + largest) / 2 : (low + high) / 2);
  const paper = paperAlong(grey, paperIsLight);
  const sign = paperIsLight ? 1 : -1;
  const ink = new Float32Array(data.length);
  for (let y = 0, index = 0; y < height; y++) {
    for (let x = 0; x < width; x++, index++) {
      const difference = sign * (floatAt(paper, x) - floatAt(data, index));
      if (difference > 0) ink[index] = difference;
    }
  }
  const strengths = new Quantiles(ink, MOST_SAMPLES);
  const few = Math.min(strengths.length, Math.max(12, Math.ceil(strengths.length * 0.005)));
  const full = strengths.nth(strengths.length - few);
  const scale = Math.max(full, strengths.largest / 2);
  if (scale < LEAST_CONTRAST) throw blank();
  for (let index = 0; index < ink.length; index++) ink[index] = Math.min(1, floatAt(ink, index) / scale);
  return { width, height, data: ink };
}

function blank(): DataError {
  return new DataError("there is no line in the picture: it is blank", {
    hint: "give a picture with one line of text",
  });
}

/** Of more pixels than this, evenly spaced ones are looked at. */
const MOST_SAMPLES = 20_000;

/** The outermost pixels. */
function borderOf({ width, height, data }: Plane): Float32Array {
  const values: number[] = [];
  for (let x = 0; x < width; x++) values.push(floatAt(data, x), floatAt(data, (height - 1) * width + x));
  for (let y = 1; y < height - 1; y++) values.push(floatAt(data, y * width), floatAt(data, y * width + width - 1));
  return Float32Array.from(values);
}

/** Level of the paper in every column: linear between the middles of blocks twice as wide as the picture is high. */
function paperAlong({ width, height, data }: Plane, isLight: boolean): Float32Array {
  const blocks = Math.max(1, Math.round(width / Math.max(32, 2 * height)));
  const share = isLight ? 0.7 : 0.3;
  const levels = Array.from({ length: blocks }, (_, block) => {
    const [from, to] = [Math.floor((block * width) / blocks), Math.floor(((block + 1) * width) / blocks)];
    const values = new Float32Array((to - from) * height);
    for (let y = 0; y < height; y++) values.set(data.subarray(y * width + from, y * width + to), y * (to - from));
    return new Quantiles(values, MOST_SAMPLES).at(share);
  });
  return Float32Array.from({ length: width }, (_, x) => {
    const place = Math.min(Math.max(((x + 0.5) * blocks) / width - 0.5, 0), blocks - 1);
    const left = Math.floor(place);
    const right = Math.min(left + 1, blocks - 1);
    const weight = place - left;
    return at(levels, left) * (1 - weight) + at(levels, right) * weight;
  });
}

/** The picture sheared along its height so that its rows are the most unlike: lines of text are level then. */
function straightened(ink: Plane): Plane {
  const { width, height } = ink;
  if (width < SKEW_ASPECT * height) return ink;
  const points = visiblePoints(ink);
  const level = contrastOfRows(points, ink, 0);
  let [best, most] = [0, level * 1.02];
  for (let degrees = -MOST_SKEW; degrees <= MOST_SKEW; degrees += SKEW_STEP) {
    const slope = Math.tan((degrees * Math.PI) / 180);
    const contrast = contrastOfRows(points, ink, slope);
    if (contrast > most) [best, most] = [slope, contrast];
  }
  return best === 0 ? ink : sheared(ink, best);
}

/** x and y of visible ink, thinned to at most 4,000 points. */
function visiblePoints({ width, height, data }: Plane): Float32Array {
  let visible = 0;
  for (let index = 0; index < data.length; index++) if (floatAt(data, index) > VISIBLE) visible++;
  const step = Math.max(1, Math.ceil(visible / 4000));
  const points = new Float32Array(2 * Math.floor(visible / step));
  for (let y = 0, index = 0, seen = 0, place = 0; y < height; y++) {
    for (let x = 0; x < width; x++, index++) {
      if (floatAt(data, index) <= VISIBLE || seen++ % step !== 0 || place === points.length) continue;
      points[place++] = x;
      points[place++] = y;
    }
  }
  return points;
}

/** Sum of the squared counts of points in each row, after a shear. */
function contrastOfRows(points: Float32Array, { width, height }: Plane, slope: number): number {
  const reach = Math.ceil((Math.abs(slope) * width) / 2) + 1;
  const counts = new Int32Array(height + 2 * reach);
  const shift = reach + 0.5 - (slope * width) / 2;
  for (let place = 0; place < points.length; place += 2) {
    const row = Math.floor(floatAt(points, place + 1) + slope * floatAt(points, place) + shift);
    if (row >= 0 && row < counts.length) counts[row] = intAt(counts, row) + 1;
  }
  let sum = 0;
  for (let row = 0; row < counts.length; row++) sum += intAt(counts, row) ** 2;
  return sum;
}

function sheared({ width, height, data }: Plane, slope: number): Plane {
  const reach = Math.ceil((Math.abs(slope) * width) / 2);
  const tall = height + 2 * reach;
  const out = new Float32Array(width * tall);
  for (let y = 0; y < tall; y++) {
    for (let x = 0; x < width; x++) {
      const source = y - reach - slope * (x - width / 2);
      const top = Math.floor(source);
      const share = source - top;
      const upper = top >= 0 && top < height ? floatAt(data, top * width + x) : 0;
      const lower = top + 1 >= 0 && top + 1 < height ? floatAt(data, (top + 1) * width + x) : 0;
      out[y * width + x] = upper * (1 - share) + lower * share;
    }
  }
  return { width, height: tall, data: out };
}

/** The rows of the line: the strongest band of ink with what lies close to it, dots, accents and descenders. */
function bandOf(ink: Plane): Span {
  const { width, height, data } = ink;
  const counts = new Float32Array(height);
  for (let y = 0; y < height; y++) {
    let count = 0;
    for (let x = 0; x < width; x++) if (floatAt(data, y * width + x) > VISIBLE) count++;
    counts[y] = count;
  }
  const bands = bandsOf(counts, Math.max(1, Math.floor(width * 0.004)));
  const main = bands.reduce(
    (most, band) => (band.ink > most.ink ? band : most),
    bands[0] ?? { start: 0, end: height, ink: 0 },
  );
  let { start, end } = main;
  const isNear = (band: Band): boolean => {
    const gap = Math.max(band.start - end, start - band.end);
    const touches = band.start === 0 || band.end === height;
    // At the border: dots have less ink than that, and half a line of the same text more than its neighbour's rest.
    const isNeighbour = touches && band.ink > 0.12 * main.ink && band.ink < 0.5 * main.ink;
    return gap <= 0.3 * (main.end - main.start) && !isNeighbour;
  };
  for (const band of bands.toSorted((a, b) => distance(a, main) - distance(b, main))) {
    if (!isNear(band)) continue;
    start = Math.min(start, band.start);
    end = Math.max(end, band.end);
  }
  const missing = Math.max(0, LEAST_BAND * height - (end - start));
  return { start: start - missing / 2, end: end + missing / 2 };
}

interface Band extends Span {
  readonly ink: number;
}

function distance(a: Band, b: Band): number {
  return Math.max(a.start - b.end, b.start - a.end, 0);
}

function bandsOf(counts: Float32Array, least: number): Band[] {
  const bands: Band[] = [];
  let start = -1;
  let ink = 0;
  for (let row = 0; row <= counts.length; row++) {
    const count = row < counts.length ? floatAt(counts, row) : 0;
    if (count >= least) {
      if (start < 0) [start, ink] = [row, 0];
      ink += count;
    } else if (start >= 0) {
      bands.push({ start, end: row, ink });
      start = -1;
    }
  }
  return bands;
}

/** The columns with visible ink in some rows. */
function extentOf({ width, height, data }: Plane, rows: Span): Span {
  let [start, end] = [width, 0];
  const from = Math.max(0, Math.floor(rows.start));
  const to = Math.min(height, Math.ceil(rows.end));
  for (let y = from; y < to; y++) {
    for (let x = 0; x < width; x++) {
      if (floatAt(data, y * width + x) <= VISIBLE) continue;
      if (x < start) start = x;
      if (x >= end) end = x + 1;
    }
  }
  if (end === 0) throw blank();
  return { start, end };
}

/** The line with its margins at another height. */
function cutOut(ink: Plane, rows: Span, columns: Span, height: number, widen: number): Plane {
  const size = rows.end - rows.start;
  const top = Math.round(rows.start - MARGIN.vertical * size);
  const bottom = Math.round(rows.end + MARGIN.vertical * size);
  const side = Math.round(MARGIN.horizontal * size);
  const [left, right] = [columns.start - side, columns.end + side];
  const width = right - left;
  const sheet = new Float32Array(width * (bottom - top));
  const [fromX, toX] = [Math.max(0, left), Math.min(ink.width, right)];
  for (let y = Math.max(0, top); y < Math.min(ink.height, bottom); y++) {
    sheet.set(ink.data.subarray(y * ink.width + fromX, y * ink.width + toX), (y - top) * width + fromX - left);
  }
  const scaledWidth = Math.max(1, Math.round((widen * width * height) / (bottom - top)));
  const { data } = resize({ width, height: bottom - top, channels: 1, data: sheet }, scaledWidth, height);
  return { width: scaledWidth, height, data };
}
