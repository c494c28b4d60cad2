import { DataError } from "../../errors.ts";

import { borderPixels, findGround } from "./background.ts";
import { components } from "./components.ts";
import { distanceTo } from "./distance.ts";
import { at, type Pixels, type Plane } from "./image.ts";
import { withoutFrame } from "./frame.ts";
import { resize } from "./resize.ts";

/** Longer side, in pixels, at which ink is looked for; larger pictures are made smaller first. */
const WORKING_SIDE = 400;
/** Contrast between ink and ground below which a picture is blank; black to white is 1 (a channel). */
const LEAST_CONTRAST = 0.06;
/** Ink of at least this strength belongs to a stroke. */
const STROKE = 0.4;
/** A part of the drawing smaller than this share of its largest part is a speck. */
const SPECK = 0.04;
/** Pixels around a stroke that its soft edge reaches. */
const SOFT_EDGE = 2;

/**
 * What is drawn, as strength of ink from 0 (ground) to 1, whatever its colour and the ground's; [H, W]. Specks and noise
 * away from strokes are gone. Pictures over 400 pixels a side come back smaller.
 *
 * @throws {DataError} when nothing is drawn.
 */
export function findInk(picture: Pixels): Plane {
  const pixels = withoutFrame(shrink(picture));
  const ink = strengthOfInk(pixels);
  return keepStrokes(ink);
}

function shrink(pixels: Pixels): Pixels {
  const scale = WORKING_SIDE / Math.max(pixels.width, pixels.height);
  if (scale >= 1) return pixels;
  const width = Math.max(1, Math.round(pixels.width * scale));
  const height = Math.max(1, Math.round(pixels.height * scale));
  return { ...resize(pixels, width, height), channels: pixels.channels };
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
  const sorted = size.toSorted();
  const noise = noiseOf(size, width, height);
  const top = at(sorted, Math.floor(0.998 * (count - 1)));
  if (top < LEAST_CONTRAST + 3 * noise) throw blank();
  const colour = colourOfInk(apart, size, channels, 0.5 * top);
  const length = colour.reduce((sum, value) => sum + value * value, 0);
  const floor = Math.min(0.5, (3 * noise) / Math.sqrt(length / channels));
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

/** Noise of the ground: the spread of the border, where ink is rare. */
function noiseOf(size: Float32Array, width: number, height: number): number {
  const border = Float32Array.from(borderPixels(width, height), (pixel) => at(size, pixel)).toSorted();
  return at(border, Math.floor(border.length / 2));
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
  const target = strong[Math.floor(0.9 * (strong.length - 1))] ?? 1;
  const length = Math.sqrt(sums.reduce((sum, value) => sum + value * value, 0) / channels);
  return sums.map((value) => (value / Math.max(length, 1e-12)) * target);
}

/** Erase what is not near a stroke, and strokes that are specks. */
function keepStrokes({ width, height, data }: Plane): Plane {
  const mask = Uint8Array.from(data, (value) => (value >= STROKE ? 1 : 0));
  const { part, sizes } = components(mask, width, height);
  const largest = Math.max(...sizes);
  if (largest === 0) throw blank();
  const kept = Uint8Array.from(part, (label) => (label > 0 && (sizes[label] ?? 0) >= SPECK * largest ? 1 : 0));
  const distance = distanceTo(kept, width, height);
  return { width, height, data: data.map((value, pixel) => (at(distance, pixel) <= SOFT_EDGE ? value : 0)) };
}

function blank(): DataError {
  return new DataError("the image is blank: nothing on it stands out from the ground", {
    hint: "give a picture with a drawing in it, dark on light or light on dark",
  });
}
