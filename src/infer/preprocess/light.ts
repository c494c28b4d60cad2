import { borderPixels, channelOf } from "./background.ts";
import { at, toGrey, type Pixels, type Plane } from "./image.ts";
import { median, withoutMarks } from "./morphology.ts";
import { resize, scaledSize } from "./resize.ts";
import { quantile, valuesAt } from "./statistics.ts";

/** Longer side of the small copy that tells whether light is even. */
const COPY_SIDE = 64;
/** Shorter side of the smallest pictures that are looked at: in smaller ones a digit's strokes are as wide as shade. */
const LEAST_SIDE = 40;
/** Half the window that no stroke fills, as a share of the shorter side. */
const REACH = 0.13;
/** Difference between the lightest and the darkest ground, as a share of the lightest, up to which light counts as even. */
const EVEN = 0.1;
/** Grounds darker than this are held to be so light: on black, a share of nearly nothing says nothing. */
const DIM = 0.4;
/** Share of the pixels at each end of the ground's range that are not looked at. */
const ENDS = 0.02;
/** The same for the pixels along the sides, where a stroke may end. */
const BORDER_ENDS = 0.1;
/** Shade is made brighter at most so many times, for noise grows with it. */
const MOST = 5;

/** Whether what is drawn is darker than its ground, or lighter. */
export type Marks = "dark" | "light";

/**
 * The picture as though the same light fell on all of it, or null where it does already, as far as its sides tell. Grounds
 * that differ, such as a table around a sheet, become as light as the most of the picture too.
 */
export function inEvenLight(pixels: Pixels): Pixels | null {
  if (!isLargeEnough(pixels)) return null;
  const copy = smallCopy(toGrey(pixels));
  if (isEven(borderOf(copy), BORDER_ENDS)) return null;
  const [dark, light] = [groundOf(copy, "dark"), groundOf(copy, "light")];
  const marks = edgesOf(dark) <= edgesOf(light) ? "dark" : "light";
  return isEven(marks === "dark" ? dark : light, ENDS) ? null : evened(pixels, marks);
}

/** The picture as though the same light fell on all of it, whatever its sides tell: a shadow or a patch of light may not reach them. */
export function inEvenLightWithin(pixels: Pixels, marks: Marks): Pixels | null {
  return isLargeEnough(pixels) ? evened(pixels, marks) : null;
}

function isLargeEnough({ width, height }: Pixels): boolean {
  return Math.min(width, height) >= LEAST_SIDE;
}

function evened(pixels: Pixels, marks: Marks): Pixels {
  const { width, height, channels } = pixels;
  const data = new Float32Array(pixels.data.length);
  for (let channel = 0; channel < channels; channel++) {
    const own = channelOf(pixels, channel);
    const ground = groundOf(median(own), marks);
    const target = quantile(ground.data, 0.5);
    own.data.forEach((value, pixel) => {
      const gain = target / Math.max(at(ground.data, pixel), target / MOST, 1e-3);
      data[pixel * channels + channel] = Math.min(1, value * gain);
    });
  }
  return { width, height, channels, data };
}

function groundOf(plane: Plane, marks: Marks): Plane {
  const reach = Math.max(2, Math.round(REACH * Math.min(plane.width, plane.height)));
  return withoutMarks(plane, marks, reach);
}

/** Whether grounds are about as light as each other, but for so large a share of the lightest and of the darkest. */
function isEven(ground: Plane, ends: number): boolean {
  const most = quantile(ground.data, 1 - ends);
  return most - quantile(ground.data, ends) < EVEN * Math.max(most, DIM);
}

/** The pixels along the four sides as one line: a drawing that fills a picture is not taken for shade. */
function borderOf({ width, height, data }: Plane): Plane {
  const border = valuesAt(data, borderPixels(width, height));
  return { width: border.length, height: 1, data: border };
}

function smallCopy(grey: Plane): Plane {
  const scale = COPY_SIDE / Math.max(grey.width, grey.height);
  return scale >= 1 ? grey : resize({ ...grey, channels: 1 }, ...scaledSize(grey, scale));
}

/** Sum of the differences between neighbours: a ground without the drawing on it has the fewest edges. */
function edgesOf({ width, height, data }: Plane): number {
  let sum = 0;
  for (let y = 0; y < height - 1; y++) {
    for (let x = 0; x < width - 1; x++) {
      const pixel = y * width + x;
      const own = at(data, pixel);
      sum += Math.abs(at(data, pixel + 1) - own) + Math.abs(at(data, pixel + width) - own);
    }
  }
  return sum;
}
