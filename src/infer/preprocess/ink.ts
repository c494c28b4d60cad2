import { DataError } from "../../errors.ts";
import { at, byteAt, floatAt, intAt } from "../../require.ts";

import { components } from "./components.ts";
import { distanceTo } from "./distance.ts";
import { channelOf, findDrawing, type Drawing, type Marks } from "./drawing.ts";
import { pixelsOf, toGrey, type Pixels, type Plane, type Raster } from "./image.ts";
import { grown, withoutMarks } from "./morphology.ts";
import { enlarge, resize, scaledSize, sketch, whole, type Box } from "./resize.ts";
import { maskWhere, quantile } from "./statistics.ts";

/** Longer side, in pixels, of the copy in which the drawing is looked for. */
const COPY_SIDE = 64;
/** Pictures smaller than this are enlarged, to that size: a pixel as wide as a stroke says little of its edge. */
const COARSE_SIDE = 32;
/** A drawing smaller than this in the copy is looked for again in a copy of its surroundings. */
const LEAST_SIDE = 18;
/** Longer side, in pixels, at which ink is measured at most. */
const INK_SIDE = 60;
/** Contrast between ink and ground below which a picture is blank; black to white is 1 (a channel). */
const LEAST_CONTRAST = 0.06;
/** Ink of at least this strength belongs to a stroke. */
const STROKE = 0.4;
/** Strength that counts as full ink: pens do not press evenly. */
const FULL = 0.65;
/** Pixels around the drawing as it was found that it may reach: what else it touches is not of it. */
const AROUND = 4;
/** Pixels around a stroke that its soft edge reaches. */
const SOFT_EDGE = 2;
/** Share of the pixels around a drawing that are no ink; the strongest of them is what ink begins above. */
const NOT_INK = 0.93;
/** Spread of the ground around a drawing, as a share of its lightest, up to which the light on it is even. */
const EVEN = 0.1;
/** Shade is made brighter at most so many times, for noise grows with it. */
const MOST_GAIN = 5;

/**
 * What is drawn, as strength of ink from 0 (ground) to 1, whatever its colour and the ground's; [H, W], the drawing and some
 * of its surroundings.
 *
 * @throws {DataError} when nothing is drawn.
 */
export function findInk(picture: Raster): Plane {
  const plain = inkOnFlatGround(picture);
  if (plain !== null) return plain;
  const pixels = darkOnLight(smooth(picture));
  const found = locate(pixels);
  if (found === null) throw blank();
  return inkOf(pixels, found);
}

/** Differences of light that no camera leaves out: a ground within it was never photographed. */
const FLAT = 2.5 / 255;
/** Contrast from which a small picture's own greys are trusted. */
const CLEAR = 0.3;
/** More than this share of a picture is not ink, but a card or a frame. */
const MOST_INK = 0.4;

/**
 * Ink of a small picture whose outermost pixels are all of one colour, as collections of digits store theirs: all that differs from that
 * colour, to one side, is ink. Its soft greys are a part of the strokes, where in a photograph they may be shade. Null for others.
 */
function inkOnFlatGround(picture: Raster): Plane | null {
  const { width, height } = picture;
  if (Math.max(width, height) >= COARSE_SIDE || Math.min(width, height) < 3) return null;
  const pixels = pixelsOf(picture);
  for (let channel = 0; channel < pixels.channels; channel++) if (!hasFlatRim(channelOf(pixels, channel))) return null;
  const grey = toGrey(pixels);
  const ground = floatAt(grey.data, 0);
  const [least, most] = [grey.data.reduce((a, b) => Math.min(a, b)), grey.data.reduce((a, b) => Math.max(a, b))];
  const [below, above] = [ground - least, most - ground];
  const contrast = Math.max(below, above);
  if (contrast < CLEAR || Math.min(below, above) > FLAT) return null;
  const strength = grey.data.map((value) => Math.abs(value - ground) / contrast);
  if (strength.filter((value) => value >= 0.5).length > MOST_INK * strength.length) return null;
  const scale = COARSE_SIDE / Math.max(width, height);
  const large = enlarge({ width, height, channels: 1, data: strength }, ...scaledSize(picture, scale));
  return { ...large, data: large.data.map((value) => Math.min(1, Math.max(0, value))) };
}

function hasFlatRim({ width, height, data }: Plane): boolean {
  const ground = floatAt(data, 0);
  const isFlat = (x: number, y: number): boolean => Math.abs(floatAt(data, y * width + x) - ground) <= FLAT;
  for (let x = 0; x < width; x++) if (!isFlat(x, 0) || !isFlat(x, height - 1)) return false;
  for (let y = 0; y < height; y++) if (!isFlat(0, y) || !isFlat(width - 1, y)) return false;
  return true;
}

interface Found {
  readonly drawing: Drawing;
  /** The part of the picture that the drawing's mask covers. */
  readonly part: Box;
}

function locate(pixels: Raster): Found | null {
  const part = whole(pixels);
  const drawing = findDrawing(copyOf(pixels, part, COPY_SIDE));
  if (drawing === null) return null;
  const side = Math.max(drawing.box.width, drawing.box.height);
  if (side >= LEAST_SIDE || drawing.width >= pixels.width) return { drawing, part };
  const nearer = aroundBox(sourceBox({ drawing, part }), 1.2, pixels);
  const again = findDrawing(copyOf(pixels, nearer, COPY_SIDE));
  return again === null ? { drawing, part } : { drawing: again, part: nearer };
}

/** A part of a picture, its longer side `side` pixels at most. */
function copyOf(pixels: Raster, part: Box, side: number): Pixels {
  const scale = Math.min(1, side / Math.max(part.width, part.height));
  return { ...sketch(pixels, ...scaledSize(part, scale), part), channels: pixels.channels };
}

/** Where the drawing is in the picture, in its pixels. */
function sourceBox({ drawing: { box, width, height }, part }: Found): Box {
  const [across, down] = [part.width / width, part.height / height];
  const left = Math.floor(part.left + box.left * across);
  const top = Math.floor(part.top + box.top * down);
  const right = Math.ceil(part.left + (box.left + box.width) * across);
  const bottom = Math.ceil(part.top + (box.top + box.height) * down);
  return { left, top, width: right - left, height: bottom - top };
}

/** A box with a margin of `share` of its longer side, as far as the picture goes. */
function aroundBox(box: Box, share: number, pixels: Raster): Box {
  const margin = Math.ceil(share * Math.max(box.width, box.height)) + 2;
  const left = Math.max(0, box.left - margin);
  const top = Math.max(0, box.top - margin);
  const right = Math.min(pixels.width, box.left + box.width + margin);
  const bottom = Math.min(pixels.height, box.top + box.height + margin);
  return { left, top, width: right - left, height: bottom - top };
}

function smooth(pixels: Raster): Raster {
  const scale = COARSE_SIDE / Math.max(pixels.width, pixels.height);
  return scale <= 1 ? pixels : { ...enlarge(pixels, ...scaledSize(pixels, scale)), channels: pixels.channels };
}

/** In smaller pictures soft edges are as wide as strokes; on black they would count for more than on white. */
const SOFT_SIDE = 40;

/** A small picture that is mostly dark as its negative. */
function darkOnLight(picture: Raster): Raster {
  if (Math.min(picture.width, picture.height) >= SOFT_SIDE) return picture;
  const pixels = pixelsOf(picture);
  if (quantile(toGrey(pixels).data, 0.5) >= 0.5) return pixels;
  return { ...pixels, data: pixels.data.map((value) => 1 - value) };
}

function inkOf(pixels: Raster, found: Found): Plane {
  const box = sourceBox(found);
  const part = aroundBox(box, 0.25, pixels);
  const scale = Math.min(1, INK_SIDE / Math.max(box.width, box.height));
  const near: Pixels = { ...resize(pixels, ...scaledSize(part, scale), part), channels: pixels.channels };
  const drawn = maskIn(near, part, found);
  const rest = outsideOf(drawn, near);
  const even = inEvenLight(near, drawn, rest, found.drawing.marks);
  return keepStrokes(strengthOfInk(even, drawn, rest), drawn);
}

/** The drawing's mask at the size of a part of the picture. */
function maskIn({ width, height }: Pixels, part: Box, { drawing, part: covered }: Found): Uint8Array {
  const mask = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const v = part.top + ((y + 0.5) * part.height) / height - covered.top;
    const row = Math.floor((v * drawing.height) / covered.height);
    if (row < 0 || row >= drawing.height) continue;
    for (let x = 0; x < width; x++) {
      const u = part.left + ((x + 0.5) * part.width) / width - covered.left;
      const column = Math.floor((u * drawing.width) / covered.width);
      if (column >= 0 && column < drawing.width)
        mask[y * width + x] = byteAt(drawing.mask, row * drawing.width + column);
    }
  }
  return mask;
}

/** Half the width of the thickest stroke, in pixels. */
function depthOf(mask: Uint8Array, width: number, height: number): number {
  const distance = distanceTo(
    mask.map((value) => 1 - value),
    width,
    height,
  );
  let most = 0;
  for (let pixel = 0; pixel < distance.length; pixel++) {
    const value = floatAt(distance, pixel);
    if (value > most && value < Infinity) most = value;
  }
  return most;
}

/** 1 for the pixels that are not within 3 of the drawing; where there are none, for all beside it. */
function outsideOf(drawn: Uint8Array, { width, height }: Pixels): Uint8Array {
  const far = grown(drawn, width, height, 3).map((value) => 1 - value);
  return far.includes(1) ? far : drawn.map((value) => 1 - value);
}

function chosen(values: Float32Array, mask: Uint8Array): Float32Array {
  const some = new Float32Array(values.length);
  let count = 0;
  for (let pixel = 0; pixel < values.length; pixel++)
    if (byteAt(mask, pixel) === 1) some[count++] = floatAt(values, pixel);
  return some.subarray(0, count);
}

/** Differences from the ground, as though the same light fell on all of the picture; [H, W, C]. */
function inEvenLight(pixels: Pixels, drawn: Uint8Array, rest: Uint8Array, marks: Marks): Pixels {
  const { width, height, channels } = pixels;
  const grey = toGrey(pixels);
  const around = chosen(grey.data, rest);
  const light = quantile(around, 0.9);
  const isEven = light - quantile(around, 0.1) < EVEN * Math.max(light, 0.4);
  const reach = isEven ? 0 : Math.max(2, Math.ceil(1.3 * depthOf(drawn, width, height) + 1));
  const data = new Float32Array(pixels.data.length);
  for (let channel = 0; channel < channels; channel++) {
    const own = channelOf(pixels, channel);
    if (isEven) {
      const ground = quantile(chosen(own.data, rest), 0.5);
      for (let pixel = 0; pixel < own.data.length; pixel++)
        data[pixel * channels + channel] = floatAt(own.data, pixel) - ground;
      continue;
    }
    const ground = withoutMarks(own, marks, reach).data;
    const target = quantile(chosen(ground, rest), 0.5);
    for (let pixel = 0; pixel < ground.length; pixel++) {
      const gain = target / Math.max(floatAt(ground, pixel), target / MOST_GAIN, 1e-3);
      ground[pixel] = Math.min(1, floatAt(own.data, pixel) * gain);
    }
    // The closing of noise is lighter than what it closes, its opening darker.
    const level = quantile(chosen(ground, rest), 0.5);
    for (let pixel = 0; pixel < ground.length; pixel++)
      data[pixel * channels + channel] = floatAt(ground, pixel) - level;
  }
  return { width, height, channels, data };
}

/** Distance of each pixel's colour from the ground, along the way from the ground's colour to the ink's. */
function strengthOfInk({ width, height, channels, data }: Pixels, drawn: Uint8Array, rest: Uint8Array): Plane {
  const count = width * height;
  const size = new Float32Array(count);
  for (let pixel = 0; pixel < count; pixel++) {
    let square = 0;
    for (let channel = 0; channel < channels; channel++) square += floatAt(data, pixel * channels + channel) ** 2;
    size[pixel] = Math.sqrt(square / channels);
  }
  const noise = quantile(chosen(size, rest), 0.5);
  const inside = chosen(size, drawn);
  const top = quantile(inside, 0.95);
  if (top < LEAST_CONTRAST + 3 * noise) throw blank();
  const colour = Array.from({ length: channels }, () => 0);
  for (let pixel = 0; pixel < count; pixel++) {
    if (byteAt(drawn, pixel) === 0 || floatAt(size, pixel) < 0.5 * top) continue;
    for (let channel = 0; channel < channels; channel++)
      colour[channel] = at(colour, channel) + floatAt(data, pixel * channels + channel);
  }
  const sum = Math.sqrt(colour.reduce((total, value) => total + value * value, 0) / channels);
  const target = quantile(
    inside.filter((value) => value >= 0.5 * top),
    0.6,
  );
  const unit = colour.map((value) => value / Math.max(sum, 1e-12) / target / channels);
  const ink = new Float32Array(count);
  for (let pixel = 0; pixel < count; pixel++) {
    let dot = 0;
    for (let channel = 0; channel < channels; channel++)
      dot += floatAt(data, pixel * channels + channel) * at(unit, channel);
    ink[pixel] = dot;
  }
  const floor = Math.min(0.6, Math.max((1.5 * noise) / target, quantile(chosen(ink, rest), NOT_INK)));
  for (let pixel = 0; pixel < count; pixel++)
    ink[pixel] = Math.min(1, Math.max(0, (floatAt(ink, pixel) - floor) / (1 - floor)));
  return { width, height, data: ink };
}

/** Erase what is not near a stroke of the drawing; make the rest full ink. */
function keepStrokes({ width, height, data }: Plane, drawn: Uint8Array): Plane {
  const around = grown(drawn, width, height, AROUND);
  const mask = maskWhere(data, (value) => value >= STROKE);
  for (let pixel = 0; pixel < mask.length; pixel++) if (byteAt(around, pixel) === 0) mask[pixel] = 0;
  const { part, count } = components(mask, width, height);
  const kept = new Uint8Array(count + 1);
  for (let pixel = 0; pixel < mask.length; pixel++) if (byteAt(drawn, pixel) === 1) kept[intAt(part, pixel)] = 1;
  kept[0] = 0;
  const strokes = new Uint8Array(mask.length);
  for (let pixel = 0; pixel < mask.length; pixel++) strokes[pixel] = byteAt(kept, intAt(part, pixel));
  if (!strokes.includes(1)) throw blank();
  const near = grown(strokes, width, height, SOFT_EDGE);
  const ink = new Float32Array(data.length);
  for (let pixel = 0; pixel < ink.length; pixel++) {
    if (byteAt(near, pixel) === 1) ink[pixel] = Math.min(1, floatAt(data, pixel) / FULL);
  }
  return { width, height, data: ink };
}

function blank(): DataError {
  return new DataError("the image is blank: nothing on it stands out from the ground", {
    hint: "give a picture with a drawing in it, dark on light or light on dark",
  });
}
