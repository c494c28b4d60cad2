import { prepareImage } from "../infer/preprocess/prepare-image.ts";
import type { ImageInput } from "../metadata.ts";

import { decodeImage } from "./decode-image.ts";
import type { PictureSource } from "./picture-messages.ts";

/**
 * A picture file, by its path or its contents, as a model's metadata wants it, [H, W, C] row-major; the array is the caller's alone.
 *
 * @param onPrepared Told how long this thread was held up once the file was decoded.
 * @param signal Ends the wait for a pipe, with its reason.
 * @throws {DataError} when it is not a valid picture, or blank where a digit is looked for
 * @throws {InferenceError} when the model is none for such pictures
 * @throws {SetupError} when the optional package sharp is missing
 */
export async function prepareFile(
  picture: PictureSource,
  input: ImageInput,
  onPrepared?: (ms: number) => void,
  signal?: AbortSignal,
): Promise<Float32Array<ArrayBuffer>> {
  const image = await decodeImage(picture, longestSide(input), signal);
  const started = performance.now();
  const prepared = new Float32Array(prepareImage(image, input));
  onPrepared?.(performance.now() - started);
  return prepared;
}

/** Larger pictures are decoded at this size: nothing the recogniser sees is lost. */
export function longestSide({ fit, height, width }: ImageInput): number {
  if (fit === "mnist") return 512;
  // A line may be hundreds of times as wide as it is high.
  return width === null ? 32_768 : Math.max(1024, 2 * height, 2 * width);
}
