import { DataError } from "../../errors.ts";

/** Larger pictures are refused before they take memory. */
export const MOST_PIXELS = 64_000_000;
const MOST_BYTES = 256e6;

/** @throws {DataError} for a picture of more than 64 megapixels. */
export function checkPixels(width: number, height: number): void {
  if (width * height <= MOST_PIXELS) return;
  const megapixels = Math.round((width * height) / 1e6);
  throw new DataError(
    `the image is too large: ${width} x ${height} pixels are ${megapixels} megapixels; at most ${MOST_PIXELS / 1e6} are read`,
    { hint: "make it smaller first" },
  );
}

/** @throws {DataError} for a picture file of no bytes, or of more than 256 MB. */
export function checkBytes(length: number): void {
  if (length === 0) throw new DataError("not an image: the file is empty");
  if (length <= MOST_BYTES) return;
  throw new DataError(`the file is too large: at most ${MOST_BYTES / 1e6} MB are read`, {
    hint: "make the picture smaller first",
  });
}

/** Forms that common programs save and few decoders read, by how their files begin, in hexadecimal. */
const FORMS: readonly (readonly [begins: RegExp, form: string])[] = [
  [/^424d.{8}0{8}.{8}(?:0c|28|34|38|40|6c|7c)0{6}/, "a BMP"],
  [/^.{8}66747970(?:6865(?:69|76)..|6d696631|6d736631)/, "a HEIC"],
  [/^(?:ff0a|0000000c4a584c20)/, "a JPEG XL"],
  [/^255044462d/, "a PDF"],
  [/^38425053/, "a Photoshop"],
  [/^00000100/, "an icon"],
];

/** What a file that a decoder does not read is, with its article, by its first 18 bytes; null when it is none of those known. */
export function formOf(bytes: Uint8Array): string | null {
  const start = Array.from(bytes.subarray(0, 18), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return FORMS.find(([begins]) => begins.test(start))?.[1] ?? null;
}
