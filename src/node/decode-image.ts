import { constants, open } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { promisify } from "node:util";

import { DataError } from "../errors.ts";
import { importPackage } from "../infer/import-package.ts";
import type { Image } from "../infer/preprocess/image.ts";
import { checkBytes, checkPixels, formOf, MOST_PIXELS } from "../infer/preprocess/picture-file.ts";

import { fileFault } from "./file-fault.ts";
import type { PictureSource } from "./picture-messages.ts";
import { decodePlainPng } from "./plain-png.ts";

/**
 * A picture file, by its path or its contents (PNG, JPEG, WebP, GIF, TIFF, AVIF …) as pixels: its first frame, turned as its EXIF says, 8 bits a
 * channel in sRGB, its longer side at most `longestSide`.
 *
 * @throws {DataError} when it cannot be read, or is none, or has more than 64 megapixels
 * @param signal Ends the wait for a pipe, with its reason.
 * @throws {SetupError} when the optional package sharp is missing and the picture is no plain PNG
 */
export async function decodeImage(picture: PictureSource, longestSide: number, signal?: AbortSignal): Promise<Image> {
  const bytes = typeof picture === "string" ? await bytesOf(picture, signal) : picture;
  const plain = await decodePlainPng(bytes, longestSide);
  if (plain !== null) return plain;
  const sharp = await importSharp();
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: "error" })
      .autoOrient()
      .toColourspace("srgb")
      .resize(longestSide, longestSide, { fit: "inside", withoutEnlargement: true })
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, channels: info.channels, data };
  } catch (cause) {
    if (isTooLarge(cause)) {
      const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
      checkPixels(width, height);
    }
    throw unreadableForm(bytes, cause) ?? new DataError(`not an image: ${reasonOf(cause)}`, { cause });
  }
}

/** As sharp says it. Its sizes are asked for then alone: reading the header of every picture first takes a quarter of the time. */
function isTooLarge(cause: unknown): boolean {
  return cause instanceof Error && cause.message.includes("exceeds pixel limit");
}

function unreadableForm(bytes: Uint8Array, cause: unknown): DataError | null {
  const form = formOf(bytes);
  if (form === null) return null;
  return new DataError(`${form} file, which is not read: save it as a PNG or JPEG and give that`, { cause });
}

/**
 * What sharp says of a fault, in plain words. What libvips adds is left out: it keeps the words of all its threads in one
 * place, so that they may be of another picture that is decoded at the same time.
 */
const REASONS: readonly (readonly [said: RegExp, reason: string])[] = [
  [/unsupported image format|XML parse error/i, "not a valid PNG, JPEG, WebP, GIF, TIFF, AVIF or SVG"],
  [/corrupt header/i, "its header is damaged"],
  [
    /premature end|bad seek|unexpected end|end of (?:file|stream|image)|truncat|not enough data|read error|unable to read|unknown error/i,
    "it is damaged or cut short",
  ],
];

function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
  return REASONS.find(([pattern]) => pattern.test(message))?.[1] ?? message;
}

/** Pictures are decoded side by side: one thread for each is best. */
async function importSharp(): Promise<typeof import("sharp").default> {
  const { default: sharp } = await importPackage("sharp", () => import("sharp"));
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

/** The whole of a file or a pipe. */
async function bytesOf(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new DataError(fileFault(cause), { cause });
  });
  if (found.isDirectory()) throw new DataError("cannot be read: it is a folder");
  if (found.isFIFO()) return piped(path, signal);
  if (!found.isFile()) throw new DataError("cannot be read: it is not a file");
  checkBytes(found.size);
  return readFile(path).catch((cause: unknown) => {
    throw new DataError(fileFault(cause), { cause });
  });
}

/** A pipe opened as a file holds a thread, and the process's end, until something opens its other end. */
async function piped(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const fd = await promisify(open)(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    throw new DataError(fileFault(cause), { cause });
  });
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of new Socket({ fd, readable: true, writable: false, ...(signal && { signal }) })) {
    if (!(piece instanceof Uint8Array)) continue;
    length += piece.length;
    checkBytes(length);
    pieces.push(piece);
  }
  if (length === 0) throw new DataError("not an image: nothing came through the pipe");
  return Buffer.concat(pieces);
}
