import { DataError } from "../../errors.ts";

import { borderPixels, findGround } from "./background.ts";
import { components } from "./components.ts";
import { distanceTo } from "./distance.ts";
import { cropped, extentOf } from "./extent.ts";
import { at, toGrey, type Pixels, type Plane } from "./image.ts";
import { withoutFrame } from "./frame.ts";
import { inEvenLight, inEvenLightWithin, type Marks } from "./light.ts";
import { withMargin } from "./margin.ts";
import { enlarge, resize, scaledSize } from "./resize.ts";
import { maskWhere, quantile, valuesAt } from "./statistics.ts";

/** Longer side, in pixels, at which ink is looked for; larger pictures are made smaller first. */
const WORKING_SIDE = 400;
/** Pictures smaller than this are enlarged, to that size: a pixel as wide as a stroke says little of its edge. */
const COARSE_SIDE = 32;
/** Contrast between ink and ground below which a picture is blank; black to white is 1 (a channel). */
const LEAST_CONTRAST = 0.06;
/** Ink of at least this strength belongs to a stroke. */
const STROKE = 0.4;
/** Strength that counts as full ink: pens do not press evenly. */
const FULL = 0.65;
/** A part of the drawing smaller than this share of its largest part is a speck. */
const SPECK = 0.04;
/** A part that touches the picture's edge and is smaller than this share of the largest is cut off from something else. */
const CUT_OFF = 0.4;
/** Depth from which on ink may be a patch of light or shade: that of a pen of 0.2 of a digit's height is up to 0.12. */
const PATCH = 0.14;
/** Depth below which ink is surely made of strokes. */
const STROKES = 0.1;
/** Longer side of the copy in which a patch is told from strokes. */
const COPY_SIDE = 160;
/** Ink is so far from the ground's grey at least, else it is a gap between thick strokes. */
const APART = 0.1;
/** Pixels around a stroke that its soft edge reaches. */
const SOFT_EDGE = 2;
/** Pixels from the picture's side that count as its edge. */
const EDGE = 2;

/**
 * What is drawn, as strength of ink from 0 (ground) to 1, whatever its colour and the ground's; [H, W]. Specks and noise
 * away from strokes are gone. Pictures over 400 pixels a side come back smaller.
 *
 * @throws {DataError} when nothing is drawn.
 */
export function findInk(picture: Pixels): Plane {
  const pixels = smooth(withMargin(withoutFrame(shrink(picture, WORKING_SIDE))));
  const ink = inkOf(inEvenLight(pixels) ?? pixels);
  const depth = depthOf(ink);
  if (depth < PATCH) return ink;
  const marks = marksOnPatch(shrink(pixels, COPY_SIDE), depth);
  const even = marks === null ? null : inEvenLightWithin(pixels, marks);
  return (even === null ? null : inkOrNull(even)) ?? ink;
}

function inkOf(pixels: Pixels): Plane {
  return keepStrokes(withoutRuling(strengthOfInk(pixels)));
}

/**
 * Whether what is drawn is dark or light where a shadow, or light, fell on a part of the picture and was taken for the
 * drawing; null where that is not so.
 *
 * @param depth Of what was taken for it.
 */
function marksOnPatch(pixels: Pixels, depth: number): Marks | null {
  const grey = toGrey(pixels);
  const ground = quantile(valuesAt(grey.data, borderPixels(grey.width, grey.height)), 0.5);
  const found = (["dark", "light"] as const).flatMap((marks) => {
    const even = inEvenLightWithin(pixels, marks);
    const ink = even === null ? null : inkOrNull(even);
    if (ink === null || Math.abs(greyOf(ink, grey) - ground) < APART) return [];
    return [{ marks, depth: depthOf(ink) }];
  });
  const best = found.toSorted((a, b) => a.depth - b.depth)[0];
  return best !== undefined && best.depth < Math.min(STROKES, depth / 2) ? best.marks : null;
}

/** Mean grey of what is inked. */
function greyOf(ink: Plane, grey: Plane): number {
  let [sum, count] = [0, 0];
  ink.data.forEach((strength, pixel) => {
    if (strength < 0.5) return;
    sum += at(grey.data, pixel);
    count++;
  });
  return count === 0 ? 0 : sum / count;
}

function inkOrNull(pixels: Pixels): Plane | null {
  try {
    return inkOf(pixels);
  } catch (error) {
    if (error instanceof DataError) return null;
    throw error;
  }
}

/** Half the width of the thickest stroke, as a share of the drawing's longer side. */
function depthOf(ink: Plane): number {
  const extent = extentOf(ink, 0.5);
  if (extent === null) return 0;
  const { width, height, data } = cropped(ink);
  const mask = maskWhere(data, (value) => value < 0.5);
  const deepest = distanceTo(mask, width, height).reduce((most, value) => Math.max(most, value), 0);
  return deepest / Math.max(extent.width, extent.height);
}

function shrink(pixels: Pixels, side: number): Pixels {
  const scale = side / Math.max(pixels.width, pixels.height);
  return scale >= 1 ? pixels : { ...resize(pixels, ...scaledSize(pixels, scale)), channels: pixels.channels };
}

function smooth(pixels: Pixels): Pixels {
  const scale = COARSE_SIDE / Math.max(pixels.width, pixels.height);
  return scale <= 1 ? pixels : { ...enlarge(pixels, ...scaledSize(pixels, scale)), channels: pixels.channels };
}

/** Distance of each pixel's colour from the ground, along the way from the ground's colour to the ink's. */
function strengthOfInk(pixels: Pixels): Plane {
  const { width, height, channels, data } = pixels;
  const ground = findGround(pixels);
  const count = width * height;
  const apart = new Float32Array(count * channels);
  const size = new Float32Array(count);
  for (let pixel = 0; pixel < count; pixel++) {
    let square = 0;
    for (let channel = 0; channel < channels; channel++) {
      const difference = at(data, pixel * channels + channel) - at(ground[channel]?.data ?? size, pixel);
      apart[pixel * channels + channel] = difference;
      square += difference * difference;
    }
    size[pixel] = Math.sqrt(square / channels);
  }
  const noise = noiseOf(size, width, height);
  const top = exceededBy(size, Math.min(24, Math.max(1, Math.round(0.002 * count))));
  if (top < LEAST_CONTRAST + 3 * noise) throw blank();
  const colour = colourOfInk(apart, size, channels, 0.5 * top);
  const length = colour.reduce((sum, value) => sum + value * value, 0);
  const floor = Math.min(0.5, (1.5 * noise) / Math.sqrt(length / channels));
  const ink = new Float32Array(count);
  for (let pixel = 0; pixel < count; pixel++) {
    let dot = 0;
    for (let channel = 0; channel < channels; channel++) {
      dot += at(apart, pixel * channels + channel) * (colour[channel] ?? 0);
    }
    const strength = (dot / length - floor) / (1 - floor);
    ink[pixel] = Math.min(1, Math.max(0, strength));
  }
  return { width, height, data: ink };
}

const BINS = 1024;

/** A value that about so many of the values exceed; all are from 0 to 1. */
function exceededBy(values: Float32Array, rank: number): number {
  const bins = new Uint32Array(BINS);
  for (const value of values) {
    const bin = Math.min(BINS - 1, Math.floor(value * BINS));
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  let above = 0;
  for (let bin = BINS - 1; bin > 0; bin--) {
    above += bins[bin] ?? 0;
    if (above > rank) return (bin + 0.5) / BINS;
  }
  return 0;
}

/** Noise of the ground: the spread of the border, where ink is rare. */
function noiseOf(size: Float32Array, width: number, height: number): number {
  return quantile(valuesAt(size, borderPixels(width, height)), 0.5);
}

/** Mean of the differences that are clearly ink, stretched to the strong among them. */
function colourOfInk(apart: Float32Array, size: Float32Array, channels: number, least: number): number[] {
  const sums = Array.from({ length: channels }, () => 0);
  const strong: number[] = [];
  size.forEach((value, pixel) => {
    if (value < least) return;
    strong.push(value);
    for (let channel = 0; channel < channels; channel++) {
      sums[channel] = (sums[channel] ?? 0) + at(apart, pixel * channels + channel);
    }
  });
  strong.sort((a, b) => a - b);
  const target = strong[Math.floor(0.6 * (strong.length - 1))] ?? 1;
  const length = Math.sqrt(sums.reduce((sum, value) => sum + value * value, 0) / channels);
  return sums.map((value) => (value / Math.max(length, 1e-12)) * target);
}

/** Share of a row or column that a ruled line covers. */
const RULED = 0.9;
/** Pixels of a row or column that are looked at. */
const LOOKS = 64;

/** Take ruled lines away: what nearly all of a row, or of a column, has at least. */
function withoutRuling({ width, height, data }: Plane): Plane {
  const rows = Float32Array.from({ length: height }, (_, y) => common(data, y * width, 1, width));
  const columns = Float32Array.from({ length: width }, (_, x) => common(data, x, width, height));
  if (rows.every((value) => value === 0) && columns.every((value) => value === 0)) return { width, height, data };
  const rest = data.map((value, pixel) => {
    const line = Math.max(at(rows, Math.floor(pixel / width)), at(columns, pixel % width));
    return Math.max(0, (value - line) / Math.max(1 - line, 0.1));
  });
  return { width, height, data: rest };
}

/** The strength that so large a share of a line as ruling covers has at least. */
function common(data: Float32Array, start: number, step: number, length: number): number {
  const looks = Math.min(LOOKS, length);
  const seen = Float32Array.from({ length: looks }, (_, look) =>
    at(data, start + step * Math.floor((look * length) / looks)),
  );
  return at(seen.toSorted(), Math.floor((1 - RULED) * looks));
}

/** Erase what is not near a stroke, strokes that are specks and those cut off at the edge; make the rest full ink. */
function keepStrokes({ width, height, data }: Plane): Plane {
  const mask = maskWhere(data, (value) => value >= STROKE);
  const { part, sizes } = components(mask, width, height);
  const kept = keptParts(part, sizes, width, height);
  const near = aroundKept(part, kept, width, height);
  return { width, height, data: data.map((value, pixel) => (near[pixel] === 1 ? Math.min(1, value / FULL) : 0)) };
}

/** 1 for each part that is kept. */
function keptParts(part: Int32Array, sizes: readonly number[], width: number, height: number): Uint8Array {
  const atEdge = new Uint8Array(sizes.length);
  part.forEach((label, pixel) => {
    const x = pixel % width;
    const y = (pixel - x) / width;
    if (x < EDGE || y < EDGE || x >= width - EDGE || y >= height - EDGE) atEdge[label] = 1;
  });
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0);
  if (largest === 0) throw blank();
  return Uint8Array.from(sizes, (size, label) => {
    const least = (atEdge[label] === 1 ? CUT_OFF : SPECK) * largest;
    return label > 0 && size >= least ? 1 : 0;
  });
}

/** 1 for the pixels of parts that are kept, and for those that their soft edges may reach. */
function aroundKept(part: Int32Array, kept: Uint8Array, width: number, height: number): Uint8Array {
  const isKept = new Uint8Array(part.length);
  part.forEach((label, pixel) => (isKept[pixel] = at(kept, label)));
  const marks = isKept.slice();
  isKept.forEach((own, pixel) => {
    if (own === 0) return;
    const x = pixel % width;
    const y = (pixel - x) / width;
    if (isInside(isKept, x, y, width, height)) return;
    for (const [across, down] of DISC) {
      const toX = x + across;
      const toY = y + down;
      if (toX >= 0 && toX < width && toY >= 0 && toY < height) marks[toY * width + toX] = 1;
    }
  });
  return marks;
}

/** Whether all eight neighbours of a pixel are set: what it reaches, they do. */
function isInside(set: Uint8Array, x: number, y: number, width: number, height: number): boolean {
  if (x === 0 || y === 0 || x === width - 1 || y === height - 1) return false;
  for (let down = -1; down <= 1; down++) {
    for (let across = -1; across <= 1; across++) if (at(set, (y + down) * width + x + across) === 0) return false;
  }
  return true;
}

const DISC: readonly (readonly [across: number, down: number])[] = disc(SOFT_EDGE);

function disc(radius: number): (readonly [across: number, down: number])[] {
  const offsets = Array.from({ length: 2 * radius + 1 }, (_, index) => index - radius);
  return offsets.flatMap((down) => {
    return offsets.filter((across) => across ** 2 + down ** 2 <= radius ** 2).map((across) => [across, down] as const);
  });
}

function blank(): DataError {
  return new DataError("the image is blank: nothing on it stands out from the ground", {
    hint: "give a picture with a drawing in it, dark on light or light on dark",
  });
}
