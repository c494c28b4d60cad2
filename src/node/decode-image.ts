import { readFile } from "node:fs/promises";

import { DataError } from "../errors.ts";
import { importPackage } from "../infer/import-package.ts";
import type { Image } from "../infer/preprocess/image.ts";

/** Larger pictures are refused before they take memory. */
const MOST_PIXELS = 64_000_000;
/** Larger pictures are read at this size: nothing a small recogniser sees is lost. */
const LONGEST_SIDE = 1024;

/**
 * A picture file (PNG, JPEG, WebP, GIF, TIFF …) as pixels: turned as its EXIF says, 8 bits a channel, its longer side at
 * most 1,024.
 *
 * @throws {DataError} when it cannot be read, or is none, or has more than 64 megapixels
 * @throws {SetupError} when the optional package sharp is missing
 */
export async function decodeImage(path: string): Promise<Image> {
  const bytes = await bytesOf(path);
  const { default: sharp } = await importPackage("sharp", () => import("sharp"));
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: "error" })
      .rotate()
      .toColourspace("srgb")
      .resize(LONGEST_SIDE, LONGEST_SIDE, { fit: "inside", withoutEnlargement: true })
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, channels: info.channels, data: new Uint8Array(data) };
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    throw new DataError(`not an image: ${reason}`, { cause });
  }
}

async function bytesOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`cannot be read: ${reason}`, { cause });
  }
}
