import { InferenceError } from "../../errors.ts";
import { at, floatAt } from "../../require.ts";
import type { ImageInput } from "../../metadata.ts";

import { flatten, pixelsOf, toGrey, type Image, type Pixels, type Plane, type Raster } from "./image.ts";
import { fitLine } from "./line.ts";
import { fitMnist } from "./mnist.ts";
import { resize } from "./resize.ts";

/**
 * Prepares a picture of any size as a model's metadata says: [H, W, C] row-major, black and white at the ends of its range, minus the
 * means, divided by the standard deviations. The width of a line depends on its picture.
 *
 * @throws {DataError} when it is no valid picture, or blank where a digit or a line is looked for
 * @throws {InferenceError} when the model wants pictures of free width that are no lines
 */
export function prepareImage(image: Image, input: ImageInput): Float32Array {
  const picture = flatten(image);
  const { range, channels, mean, std } = input;
  const [black, white] = range;
  const values = inOrder(fitted(picture, input), input);
  if (mean === undefined && std === undefined) {
    return black === 0 && white === 1 ? values : values.map((value) => black + value * (white - black));
  }
  const means = mean ?? Array.from({ length: channels }, () => 0);
  const deviations = std ?? Array.from({ length: channels }, () => 1);
  return values.map((value, index) => {
    const channel = index % channels;
    return (black + value * (white - black) - at(means, channel)) / at(deviations, channel);
  });
}

function inOrder(values: Float32Array, { channels, order }: ImageInput): Float32Array {
  if (order !== "bgr" || channels !== 3) return values;
  return values.map((_, index) => floatAt(values, index - (index % 3) + 2 - (index % 3)));
}

function fitted(picture: Raster, { fit, height, width, channels, line }: ImageInput): Float32Array {
  if (fit === "mnist") return fitMnist(picture).data;
  if (fit === "line" && width === null) {
    return wholeSteps(fitLine(pixelsOf(picture), height, line?.widen), line?.columns ?? 1);
  }
  if (width === null) {
    throw new InferenceError(`the model takes images of any width by "${fit}", which only lines have`, {
      hint: "run it on raw tensors: infer --tensor NAME=file.npy --out DIR",
    });
  }
  return resize(inColours(pixelsOf(picture), channels), width, height).data;
}

/** A line with paper at its right end up to a whole number of steps. */
export function wholeSteps({ width, height, data }: Plane, columns: number): Float32Array {
  const wide = Math.ceil(width / columns) * columns;
  const padded = new Float32Array(wide * height);
  for (let y = 0; y < height; y++) padded.set(data.subarray(y * width, (y + 1) * width), y * wide);
  return padded;
}

function inColours(pixels: Pixels, channels: 1 | 3): Pixels {
  if (pixels.channels === channels) return pixels;
  if (channels === 1) return { ...toGrey(pixels), channels: 1 };
  const { width, height, data } = pixels;
  return {
    width,
    height,
    channels,
    data: Float32Array.from({ length: data.length * 3 }, (_, index) => floatAt(data, Math.floor(index / 3))),
  };
}
