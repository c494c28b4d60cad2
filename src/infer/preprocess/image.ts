import { DataError } from "../../errors.ts";

/**
 * A picture in memory, [H, W, C] row-major: 1 grey, 2 grey and alpha, 3 red, green, blue, 4 those and alpha. Bytes go from
 * 0 to 255, floats from 0 to 1; alpha 0 is transparent. A canvas' ImageData with `channels: 4` is one.
 */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
  readonly data: Uint8Array | Uint8ClampedArray | Float32Array;
}

/** An opaque picture, [H, W, C] row-major, values from 0 (black) to 1 (white). */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Float32Array;
}

/** One value a pixel, [H, W]. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** @throws {DataError} when sizes do not fit together, or a value is not a finite number. */
export function checkImage({ width, height, channels, data }: Image): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new DataError(`not an image: it is ${width} x ${height} pixels; expected at least 1 x 1`);
  }
  if (data.length !== width * height * channels) {
    throw new DataError(
      `not an image: ${width} x ${height} pixels of ${channels} channels are ${width * height * channels} values; ` +
        `got ${data.length}`,
    );
  }
  if (!(data instanceof Float32Array)) return;
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const pixel = Math.floor(bad / channels);
    throw new DataError(
      `the image has a value that is not a number (${data[bad]}) at x ${pixel % width}, y ${Math.floor(pixel / width)}`,
      { hint: "floats are pixels from 0 to 1" },
    );
  }
}

/**
 * The picture without its transparency, on a ground that its drawing stands out from.
 *
 * @throws {DataError} see {@link checkImage}.
 */
export function flatten(image: Image): Pixels {
  checkImage(image);
  const { width, height, channels, data } = image;
  const unit = data instanceof Float32Array ? 1 : 1 / 255;
  const colours = channels < 3 ? 1 : 3;
  const flat = new Float32Array(width * height * colours);
  const ground = channels === colours ? 0 : groundOf(image, unit, colours);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = channels === colours ? 1 : at(data, pixel * channels + colours) * unit;
    for (let colour = 0; colour < colours; colour++) {
      const value = at(data, pixel * channels + colour) * unit;
      flat[pixel * colours + colour] = value * alpha + ground * (1 - alpha);
    }
  }
  return { width, height, channels: colours, data: flat };
}

/** Where opaque pixels are all about as light, the drawing is in the alpha; then light lines want a black ground. */
const EVEN_SPREAD = 0.25;

/** The grey, 0 to 1, to put under transparent pixels. */
function groundOf({ width, height, channels, data }: Image, unit: number, colours: 1 | 3): number {
  const lights: number[] = [];
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = at(data, pixel * channels + colours) * unit;
    if (alpha >= 0.5) lights.push(lightness(data, pixel * channels, colours) * unit);
  }
  if (lights.length === 0) return 1;
  lights.sort((a, b) => a - b);
  const quantile = (share: number): number => lights[Math.floor(share * (lights.length - 1))] ?? 0;
  const middle = quantile(0.5);
  if (quantile(0.95) - quantile(0.05) < EVEN_SPREAD) return middle > 0.5 ? 0 : 1;
  return middle;
}

/** Luma (Rec. 601), in the units of the data. */
function lightness(data: Image["data"], start: number, colours: 1 | 3): number {
  if (colours === 1) return at(data, start);
  return 0.299 * at(data, start) + 0.587 * at(data, start + 1) + 0.114 * at(data, start + 2);
}

/** Grey of each pixel, 0 to 1. */
export function toGrey({ width, height, channels, data }: Pixels): Plane {
  if (channels === 1) return { width, height, data };
  const grey = new Float32Array(width * height);
  for (let pixel = 0; pixel < grey.length; pixel++) grey[pixel] = lightness(data, pixel * 3, 3);
  return { width, height, data: grey };
}

/** Element `index` of an array that is known to have it. */
export function at(data: Image["data"], index: number): number {
  return data[index] ?? 0;
}
