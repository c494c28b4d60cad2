import { InferenceError } from "../../errors.ts";
import type { ImageInput } from "../../metadata.ts";

import { flatten, toGrey, type Image, type Pixels } from "./image.ts";
import { fitMnist } from "./mnist.ts";
import { resize } from "./resize.ts";

/**
 * A picture of any size as a model's metadata wants it: [H, W, C] row-major, black and white at the ends of its range.
 *
 * @throws {DataError} when it is no sound picture, or blank where a digit is looked for
 * @throws {InferenceError} when the model wants pictures of free width
 */
export function prepareImage(image: Image, input: ImageInput): Float32Array {
  const pixels = flatten(image);
  const [black, white] = input.range;
  return fitted(pixels, input).map((value) => black + value * (white - black));
}

function fitted(pixels: Pixels, { fit, height, width, channels }: ImageInput): Float32Array {
  if (fit === "mnist") return fitMnist(pixels).data;
  if (fit === "line" || width === null) {
    throw new InferenceError("models that read whole lines are not supported yet", {
      hint: "run it on raw tensors: infer --tensor NAME=file.npy --out DIR",
    });
  }
  return resize(inColours(pixels, channels), width, height).data;
}

function inColours(pixels: Pixels, channels: 1 | 3): Pixels {
  if (pixels.channels === channels) return pixels;
  if (channels === 1) return { ...toGrey(pixels), channels: 1 };
  const { width, height, data } = pixels;
  return {
    width,
    height,
    channels,
    data: Float32Array.from({ length: data.length * 3 }, (_, at) => data[Math.floor(at / 3)] ?? 0),
  };
}
