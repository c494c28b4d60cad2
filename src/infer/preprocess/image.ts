import { DataError } from "../../errors.ts";
import { byteAt, floatAt } from "../../require.ts";

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

/** An opaque picture that is read once or twice alone: {@link Pixels}, or bytes from 0 to 255. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Float32Array | Uint8Array;
}

/** One value per pixel, [H, W]. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** @throws {DataError} when the sizes contradict each other, or a value is not a finite number. */
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
 * The picture without its transparency, on a ground that its drawing stands out from. Its own values, not a copy, where
 * there is no transparency.
 *
 * @throws {DataError} see {@link checkImage}.
 */
export function flatten(image: Image): Raster {
  checkImage(image);
  const { width, height, channels } = image;
  if (channels === 1 || channels === 3) return { width, height, channels, data: plainBytes(image.data) };
  const data = unitValues(image.data);
  const colours = channels === 2 ? 1 : 3;
  const ground = groundBelow(data, channels);
  const flat = new Float32Array(width * height * colours);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = floatAt(data, pixel * channels + colours);
    for (let colour = 0; colour < colours; colour++) {
      flat[pixel * colours + colour] = floatAt(data, pixel * channels + colour) * alpha + ground * (1 - alpha);
    }
  }
  return { width, height, channels: colours, data: flat };
}

/** Clamped bytes and Node's buffers as plain bytes over the same memory: loops over one kind of array are faster. */
function plainBytes(data: Image["data"]): Float32Array | Uint8Array {
  if (data instanceof Float32Array) return data;
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}

/** A picture whose three channels are alike with one of them, others as they are: grey pictures are often stored so. */
export function withoutAlikeChannels(picture: Raster): Raster {
  const { width, height, channels, data } = picture;
  if (channels === 1) return picture;
  const grey = data instanceof Float32Array ? new Float32Array(width * height) : new Uint8Array(width * height);
  for (let pixel = 0, place = 0; pixel < grey.length; pixel++, place += 3) {
    const red = data[place];
    if (red === undefined || red !== data[place + 1] || red !== data[place + 2]) return picture;
    grey[pixel] = red;
  }
  return { width, height, channels: 1, data: grey };
}

/** Values from 0 to 1; floats as they are, not a copy. */
function unitValues(data: Image["data"]): Float32Array {
  const plain = plainBytes(data);
  if (plain instanceof Float32Array) return plain;
  const values = new Float32Array(plain.length);
  for (let index = 0; index < plain.length; index++) values[index] = byteAt(plain, index) / 255;
  return values;
}

/** The picture with values from 0 to 1. */
export function pixelsOf({ data, ...raster }: Raster): Pixels {
  return { ...raster, data: unitValues(data) };
}

/** If all opaque pixels are about as light, the alpha channel holds the drawing. */
const EVEN_SPREAD = 0.25;

/** The grey, 0 to 1, to put under transparent pixels. */
function groundBelow(data: Float32Array, channels: 2 | 4): number {
  const lights: number[] = [];
  for (let start = 0; start < data.length; start += channels) {
    if (floatAt(data, start + channels - 1) >= 0.5)
      lights.push(channels === 2 ? floatAt(data, start) : lightness(data, start));
  }
  const sorted = Float32Array.from(lights).toSorted();
  if (sorted.length === 0) return 1;
  const quantile = (share: number): number => floatAt(sorted, Math.floor(share * (sorted.length - 1)));
  const middle = quantile(0.5);
  if (quantile(0.95) - quantile(0.05) >= EVEN_SPREAD) return middle;
  return middle > 0.5 ? 0 : 1;
}

/** Luma (Rec. 601) of the red, green and blue from `start` on. */
function lightness(data: Float32Array, start: number): number {
  return 0.299 * floatAt(data, start) + 0.587 * floatAt(data, start + 1) + 0.114 * floatAt(data, start + 2);
}

/** Grey of each pixel, 0 to 1. Of a grey picture its own values, not a copy. */
export function toGrey({ width, height, channels, data }: Pixels): Plane {
  if (channels === 1) return { width, height, data };
  const grey = new Float32Array(width * height);
  for (let pixel = 0; pixel < grey.length; pixel++) grey[pixel] = lightness(data, pixel * 3);
  return { width, height, data: grey };
}
