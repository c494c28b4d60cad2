import { DataError } from "../../src/errors.ts";
import { checkBytes, checkPixels, formOf } from "../../src/infer/preprocess/picture-file.ts";

import { contextOf } from "./canvas.ts";
import { pictureSize, type Size } from "./picture-size.ts";

/** Longer side, in pixels, above which a picture is made smaller before it is read, as the command line does. */
const LONGEST_SIDE = 512;
/** Bytes at the start of a file that tell what it is: those of a JPEG's size come after its EXIF and colour profile. */
const HEAD = 512 * 1024;

/**
 * A picture file as the browser shows it, turned as its EXIF says, its first frame, at most 512 pixels a side, or as many as
 * are given.
 *
 * @throws {DataError} when it cannot be read, or is none that this browser reads, or has more than 64 megapixels
 */
export async function openPicture(file: File, longestSide: number = LONGEST_SIDE): Promise<ImageBitmap> {
  checkBytes(file.size);
  const head = await headOf(file);
  if (isMarkup(head)) return openDrawing(file, longestSide);
  const told = pictureSize(head);
  const { width, height } = told ?? (await shownSize(file, head));
  checkPixels(width, height);
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch((cause: unknown) => {
    throw unreadable(head, cause);
  });
  return shrunk(bitmap, longestSide);
}

/** The picture file that was dropped or pasted. @throws {DataError} when there is none, or not one alone */
export function pictureIn(transfer: DataTransfer | null, how: "dropped" | "pasted"): File {
  const entries = [...(transfer?.items ?? [])].map((item) => item.webkitGetAsEntry());
  const [file, ...more] = transfer?.files ?? [];
  if (file === undefined) {
    throw new DataError(`what was ${how} is a link or text, not a picture file`, {
      hint: "save the picture and drop its file, or copy the picture itself and paste it",
    });
  }
  if (more.length > 0) {
    throw new DataError(`${more.length + 1} files were ${how} at once`, { hint: "give one picture at a time" });
  }
  if (entries.some((entry) => entry?.isDirectory === true)) {
    throw new DataError(`${file.name} cannot be read: it is a folder`, { hint: "give a picture that is in it" });
  }
  return file;
}

async function headOf(file: File): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  } catch (cause) {
    throw new DataError("cannot be read: it was moved or changed, or this browser may not open it", {
      hint: "choose it again",
      cause,
    });
  }
}

function isMarkup(head: Uint8Array): boolean {
  return /^\s*</u.test(new TextDecoder().decode(head.subarray(0, 1024)));
}

/** An SVG, which only an image element reads: no script in it runs, nothing it names is fetched. */
async function openDrawing(file: File, longestSide: number): Promise<ImageBitmap> {
  const image = await shown(new Blob([file], { type: "image/svg+xml" })).catch((cause: unknown) => {
    throw notRead(cause);
  });
  const { naturalWidth: width, naturalHeight: height } = image;
  if (width === 0 || height === 0) throw new DataError(`not an image: it is ${width} x ${height} pixels`);
  checkPixels(width, height);
  const size = inside({ width, height }, longestSide);
  const canvas = new OffscreenCanvas(size.width, size.height);
  const context = contextOf(canvas);
  context.drawImage(image, 0, 0, size.width, size.height);
  try {
    context.getImageData(0, 0, 1, 1);
  } catch (cause) {
    throw new DataError("it holds more than a drawing, which this browser lets no page read", {
      hint: "save it as a PNG and give that",
      cause,
    });
  }
  return canvas.transferToImageBitmap();
}

/** The size of a picture whose form tells it less plainly, AVIF for one, before it is decoded. */
async function shownSize(file: File, head: Uint8Array): Promise<Size> {
  const { naturalWidth, naturalHeight } = await shown(file).catch((cause: unknown) => {
    throw unreadable(head, cause);
  });
  return { width: naturalWidth, height: naturalHeight };
}

async function shown(file: Blob): Promise<HTMLImageElement> {
  const url = URL.createObjectURL(file);
  try {
    return await new Promise((resolve, reject) => {
      const image = new Image();
      image.addEventListener("load", () => resolve(image));
      image.addEventListener("error", reject);
      image.src = url;
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function shrunk(bitmap: ImageBitmap, longestSide: number): Promise<ImageBitmap> {
  const { width, height } = inside(bitmap, longestSide);
  if (width === bitmap.width && height === bitmap.height) return bitmap;
  try {
    return await createImageBitmap(bitmap, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  } finally {
    bitmap.close();
  }
}

/** The size at which a picture is read. */
function inside({ width, height }: Size, longestSide: number): Size {
  const scale = Math.min(1, longestSide / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

function unreadable(head: Uint8Array, cause: unknown): DataError {
  if (pictureSize(head) !== null) {
    const hint = "save or fetch it again";
    return new DataError("this browser cannot decode it: it is damaged or cut short", { hint, cause });
  }
  const form = formOf(head);
  if (form === null) return notRead(cause);
  const hint = "save it as a PNG or JPEG and give that";
  return new DataError(`${form} file, which this browser does not read`, { hint, cause });
}

function notRead(cause: unknown): DataError {
  return new DataError("no picture that this browser can read", { hint: "PNG and JPEG always are", cause });
}
