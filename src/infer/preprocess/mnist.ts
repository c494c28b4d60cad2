import { byteAt, floatAt } from "../../require.ts";

import { distanceTo } from "./distance.ts";
import { cropped, extentOf } from "./extent.ts";
import { pixelsOf, toGrey, withoutAlikeChannels, type Plane, type Raster } from "./image.ts";
import { findInk } from "./ink.ts";
import { resize, scaledSize } from "./resize.ts";
import { maskWhere } from "./statistics.ts";

/** Side of MNIST's images, and of the box in their middle that a digit fills. */
const SIDE = 28;
const BOX = 20;
/** Ink of this strength counts for the digit's extent. */
const VISIBLE = 0.15;
/** Strokes thinner than this, in pixels of the 20 x 20 box, are made as thick. */
const THINNEST = 2;

/**
 * A drawn character as MNIST has its digits: ink found whatever its colour, its extent scaled into 20 x 20 with its
 * proportions kept, its centre of mass in the middle of 28 x 28; light on dark, 0 to 1. [28, 28].
 *
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
 *
 * @throws {DataError} when the picture is blank.
 */
export function fitMnist(picture: Raster): Plane {
  return asItIs(picture) ?? place(scaleInk(thicken(cropped(findInk(withoutAlikeChannels(picture))))));
}

/** A 28 x 28 picture that is already made as MNIST's are, light on dark or its negative, comes back unchanged. */
function asItIs(picture: Raster): Plane | null {
  if (picture.width !== SIDE || picture.height !== SIDE) return null;
  const grey = toGrey(pixelsOf(picture));
  const paper = floatAt(grey.data, 0);
  if (paper !== 0 && paper !== 1) return null;
  const ink = paper === 0 ? grey : { ...grey, data: grey.data.map((value) => 1 - value) };
  const extent = extentOf(ink, 0);
  if (extent === null || extent.left < 2 || extent.top < 2) return null;
  if (extent.left + extent.width > SIDE - 2 || extent.top + extent.height > SIDE - 2) return null;
  if (Math.max(extent.width, extent.height) < BOX - 3) return null;
  const { x, y } = centreOfMass(ink);
  const isCentred = Math.abs(x - SIDE / 2) <= 1.5 && Math.abs(y - SIDE / 2) <= 1.5;
  return isCentred && ink.data.some((value) => value > 0.7) ? ink : null;
}

/** Thin lines would fade when scaled down: widen strokes that would come out thinner than MNIST's thin ones. */
function thicken(ink: Plane): Plane {
  const { width, height, data } = ink;
  const extent = extentOf(ink, VISIBLE);
  if (extent === null) return ink;
  const scale = BOX / Math.max(extent.width, extent.height);
  const mask = maskWhere(data, (value) => value >= 0.5);
  const radius = (THINNEST / scale - strokeWidth(mask, width, height)) / 2;
  if (radius * scale < 0.1) return ink;
  const margin = Math.ceil(radius) + 1;
  const wide = { width: width + 2 * margin, height: height + 2 * margin };
  const wideMask = new Uint8Array(wide.width * wide.height);
  const thick = new Float32Array(wideMask.length);
  for (let y = 0; y < height; y++) {
    const to = (y + margin) * wide.width + margin;
    wideMask.set(mask.subarray(y * width, (y + 1) * width), to);
    thick.set(data.subarray(y * width, (y + 1) * width), to);
  }
  const distance = distanceTo(wideMask, wide.width, wide.height);
  for (let pixel = 0; pixel < thick.length; pixel++) {
    thick[pixel] = Math.max(floatAt(thick, pixel), Math.min(1, Math.max(0, radius + 0.5 - floatAt(distance, pixel))));
  }
  return { ...wide, data: thick };
}

/** Mean width of strokes: four times the mean depth of their pixels, as in a long bar. */
function strokeWidth(mask: Uint8Array, width: number, height: number): number {
  const outside = distanceTo(
    mask.map((value) => 1 - value),
    width,
    height,
  );
  let [sum, count] = [0, 0];
  for (let pixel = 0; pixel < mask.length; pixel++) {
    const distance = floatAt(outside, pixel);
    if (byteAt(mask, pixel) !== 1 || distance === Infinity) continue;
    sum += distance - 0.5;
    count++;
  }
  return count === 0 ? 1 : Math.max(1, (4 * sum) / count);
}

/** The drawing alone, its longer side 20 pixels, its strongest ink 1. */
function scaleInk(ink: Plane): Plane {
  const box = extentOf(ink, VISIBLE) ?? { left: 0, top: 0, width: ink.width, height: ink.height };
  const scale = BOX / Math.max(box.width, box.height);
  const [width, height] = scaledSize(box, scale);
  const scaled = resize({ ...ink, channels: 1 }, width, height, box);
  const strongest = scaled.data.reduce((most, value) => Math.max(most, value), 0);
  return { width, height, data: scaled.data.map((value) => Math.min(1, value / Math.max(strongest, 0.1))) };
}

/** Put a drawing into 28 x 28, its centre of mass in the middle as far as it stays inside. */
function place(ink: Plane): Plane {
  const { x, y } = centreOfMass(ink);
  const left = clamp(Math.round(SIDE / 2 - x), 0, SIDE - ink.width);
  const top = clamp(Math.round(SIDE / 2 - y), 0, SIDE - ink.height);
  const data = new Float32Array(SIDE * SIDE);
  for (let row = 0; row < ink.height; row++) {
    data.set(ink.data.subarray(row * ink.width, (row + 1) * ink.width), (top + row) * SIDE + left);
  }
  return { width: SIDE, height: SIDE, data };
}

/** Centre of mass; the middle of the first pixel is at 0.5. */
function centreOfMass({ width, height, data }: Plane): { readonly x: number; readonly y: number } {
  let [mass, x, y] = [0, 0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const value = floatAt(data, row * width + column);
      mass += value;
      x += value * (column + 0.5);
      y += value * (row + 0.5);
    }
  }
  return mass === 0 ? { x: SIDE / 2, y: SIDE / 2 } : { x: x / mass, y: y / mass };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
