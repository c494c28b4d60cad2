import { constants, open } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { promisify } from "node:util";

import { DataError } from "../errors.ts";
import { importPackage } from "../infer/import-package.ts";
import type { Image } from "../infer/preprocess/image.ts";

import { fileFault } from "./file-fault.ts";
import { decodePlainPng } from "./plain-png.ts";

/** Larger pictures and files are refused before they take memory. */
const MOST_PIXELS = 64_000_000;
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * A picture file (PNG, JPEG, WebP, GIF, TIFF, AVIF …) as pixels: its first frame, turned as its EXIF says, 8 bits a
 * channel in sRGB, its longer side at most `longestSide`.
 *
 * @throws {DataError} when it cannot be read, or is none, or has more than 64 megapixels
 * @param signal Ends the wait for a pipe, with its reason.
 * @throws {SetupError} when the optional package sharp is missing and the picture is no plain PNG
 */
export async function decodeImage(path: string, longestSide: number, signal?: AbortSignal): Promise<Image> {
  const bytes = await bytesOf(path, signal);
  const plain = await decodePlainPng(bytes, longestSide);
  if (plain !== null) return plain;
  const sharp = await importSharp();
  try {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
    if (width * height > MOST_PIXELS) throw tooLarge(width, height);
    const { data, info } = await sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: "error" })
      .autoOrient()
      .toColourspace("srgb")
      .resize(longestSide, longestSide, { fit: "inside", withoutEnlargement: true })
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, channels: info.channels, data };
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw unreadableForm(bytes, cause) ?? new DataError(`not an image: ${reasonOf(cause)}`, { cause });
  }
}

/** Forms that common programs save and sharp does not read, by how their files begin, in hexadecimal. */
const UNREAD: readonly (readonly [begins: RegExp, form: string])[] = [
  [/^424d.{8}0{8}.{8}(?:0c|28|34|38|40|6c|7c)0{6}/, "a BMP"],
  [/^.{8}66747970(?:6865(?:69|76)..|6d696631|6d736631)/, "a HEIC"],
  [/^(?:ff0a|0000000c4a584c20)/, "a JPEG XL"],
  [/^255044462d/, "a PDF"],
  [/^38425053/, "a Photoshop"],
  [/^00000100/, "an icon"],
];

function unreadableForm(bytes: Uint8Array, cause: unknown): DataError | null {
  const start = Buffer.from(bytes.subarray(0, 18)).toString("hex");
  const [, form] = UNREAD.find(([begins]) => begins.test(start)) ?? [];
  if (form === undefined) return null;
  return new DataError(`${form} file, which is not read: save it as a PNG or JPEG and give that`, { cause });
}

/** What libvips' decoders say, in plain words. */
const REASONS: readonly (readonly [said: RegExp, reason: string])[] = [
  [/unsupported image format|XML parse error/i, "it is no sound PNG, JPEG, WebP, GIF, TIFF, AVIF or SVG"],
  [/premature end|bad seek|unexpected end|end of (?:file|stream|image)|truncat|not enough data/i, "it is cut short"],
  [/corrupt header/i, "its header is damaged"],
  [/read error|unable to read|unknown error/i, "it is damaged or cut short"],
];

function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
  const said = message.replace(/^Input buffer has corrupt header:|^Unknown error$/, "").trim();
  const [, reason] = REASONS.find(([pattern]) => pattern.test(message)) ?? [];
  if (reason === undefined) return message;
  return said === "" || reason === REASONS[0]?.[1] ? reason : `${reason} (${said})`;
}

/** Pictures are decoded side by side: one thread for each is best. */
async function importSharp(): Promise<typeof import("sharp").default> {
  const { default: sharp } = await importPackage("sharp", () => import("sharp"));
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

function tooLarge(width: number, height: number): DataError {
  const megapixels = Math.round((width * height) / 1e6);
  return new DataError(
    `the image is too large: ${width} x ${height} pixels are ${megapixels} megapixels; at most ${MOST_PIXELS / 1e6} are read`,
    { hint: "make it smaller first" },
  );
}

/** The whole of a file or a pipe. */
async function bytesOf(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new DataError(fileFault(cause), { cause });
  });
  if (found.isDirectory()) throw new DataError("cannot be read: it is a folder");
  if (found.isFIFO()) return piped(path, signal);
  if (!found.isFile()) throw new DataError("cannot be read: it is not a file");
  if (found.size === 0) throw new DataError("not an image: the file is empty");
  if (found.size > MOST_BYTES) throw tooLong();
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
    if (length > MOST_BYTES) throw tooLong();
    pieces.push(piece);
  }
  if (length === 0) throw new DataError("not an image: nothing came through the pipe");
  return Buffer.concat(pieces);
}

function tooLong(): DataError {
  return new DataError(`the file is too large: at most ${MOST_BYTES / 1024 ** 2} MB are read`, {
    hint: "make the picture smaller first",
  });
}
