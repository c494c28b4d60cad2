import { borderPixels } from "./background.ts";
import { at, toGrey, type Pixels } from "./image.ts";
import { quantile, sampleOf } from "./statistics.ts";

/** Width of the margin, as a share of the longer side. */
const MARGIN = 0.2;
/** Grey that is so near to the ground's is ground. */
const NEAR = 0.06;
/** Share of the pixels that the ground has at least, where there is one without shades. */
const LEAST_GROUND = 0.3;
/** Share of the border that a drawing may cover. */
const MOST_COVERED = 0.65;
/** A drawing covers at most so much of the border in one piece, in sides of the picture: a shadow reaches round corners. */
const LONGEST_PIECE = 1.4;
/** What is on the border is drawn if it is at least so strong, as a share of the strongest in the picture: shade is not. */
const DRAWN = 0.6;
/** In pictures with a shorter side than this, soft edges are as faint as shade, and shade is not looked for. */
const COARSE = 40;
/** Only drawings whose ground is as even as no photograph's are looked at: within one of 255 steps. */
const STEP = 1.01 / 255;
const BINS = 64;

/**
 * A drawing that was cut out up to its edges gets a margin of its ground, since all that looks for ink takes the border
 * for ground. Other pictures come back as they are.
 */
export function withMargin(pixels: Pixels): Pixels {
  const grey = toGrey(pixels).data;
  const ground = groundOf(grey, borderPixels(pixels.width, pixels.height));
  if (ground === null) return pixels;
  if (count(grey, (value) => Math.abs(value - ground) <= STEP) < LEAST_GROUND * grey.length) return pixels;
  const border = outline(pixels.width, pixels.height);
  const apart = (pixel: number): number => Math.abs(at(grey, pixel) - ground);
  const covered = border.filter((pixel) => apart(pixel) > NEAR);
  if (covered.length === 0) return pixels;
  if (Math.min(pixels.width, pixels.height) < COARSE) return framed(pixels, grey, ground);
  if (covered.length > MOST_COVERED * border.length) return pixels;
  if (longestRun(border, (pixel) => apart(pixel) > NEAR) > (LONGEST_PIECE * border.length) / 4) return pixels;
  const strongest = grey.reduce((most, value) => Math.max(most, Math.abs(value - ground)), 0);
  const strength =
    Float32Array.from(covered, apart)
      .toSorted()
      .at(Math.floor(0.7 * (covered.length - 1))) ?? 0;
  return strength < DRAWN * strongest ? pixels : framed(pixels, grey, ground);
}

/** The grey that most of the picture and of its border has, or null where there is no such grey. */
function groundOf(grey: Float32Array, border: readonly number[]): number | null {
  const counts = new Float32Array(BINS + 2);
  const weigh = (value: number, weight: number): void => {
    const bin = 1 + Math.min(BINS - 1, Math.floor(value * BINS));
    counts[bin] = at(counts, bin) + weight;
  };
  const sample = sampleOf(grey);
  for (const value of sample) weigh(value, 1 / sample.length);
  for (const pixel of border) weigh(at(grey, pixel), 1 / border.length);
  const wide = (bin: number): number => at(counts, bin - 1) + at(counts, bin) + at(counts, bin + 1);
  let best = 1;
  for (let bin = 2; bin <= BINS; bin++) if (wide(bin) > wide(best)) best = bin;
  const value = (best - 0.5) / BINS;
  const near = sample.filter((each) => Math.abs(each - value) <= NEAR);
  return near.length < LEAST_GROUND * sample.length ? null : quantile(near, 0.5);
}

/** A loop, since filtering copies a large picture for a number. */
function count(values: Float32Array, holds: (value: number) => boolean): number {
  let found = 0;
  for (const value of values) if (holds(value)) found++;
  return found;
}

/** The outermost pixels, once round. */
function outline(width: number, height: number): number[] {
  const across = Array.from({ length: width }, (_, x) => x);
  const down = Array.from({ length: height }, (_, y) => y);
  return [
    ...across,
    ...down.map((y) => y * width + width - 1),
    ...across.map((x) => (height - 1) * width + x).toReversed(),
    ...down.map((y) => y * width).toReversed(),
  ];
}

/** Length of the longest run round a closed line. */
function longestRun(line: readonly number[], holds: (pixel: number) => boolean): number {
  let [longest, run] = [0, 0];
  for (const pixel of [...line, ...line]) {
    run = holds(pixel) ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return Math.min(longest, line.length);
}

function framed(pixels: Pixels, grey: Float32Array, ground: number): Pixels {
  const { channels } = pixels;
  const margin = Math.max(2, Math.round(MARGIN * Math.max(pixels.width, pixels.height)));
  const [width, height] = [pixels.width + 2 * margin, pixels.height + 2 * margin];
  const data = new Float32Array(width * height * channels);
  const colour = Array.from({ length: channels }, (_, channel) => {
    const own = pixels.data.filter((_value, index) => {
      return index % channels === channel && Math.abs(at(grey, Math.floor(index / channels)) - ground) <= NEAR;
    });
    return at(own.toSorted(), Math.floor(own.length / 2));
  });
  for (let index = 0; index < data.length; index++) data[index] = colour[index % channels] ?? 0;
  for (let y = 0; y < pixels.height; y++) {
    const row = pixels.data.subarray(y * pixels.width * channels, (y + 1) * pixels.width * channels);
    data.set(row, ((y + margin) * width + margin) * channels);
  }
  return { width, height, channels, data };
}
