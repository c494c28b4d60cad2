/** Longer side, in pixels, above which a picture is made smaller before it is read. */
const LONGEST_SIDE = 1600;

/**
 * A picture file as the browser shows it, turned as its EXIF says, at most 1,600 pixels a side.
 *
 * @throws {Error} when it is no picture this browser can read
 */
export async function openPicture(file: Blob): Promise<ImageBitmap> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch((cause: unknown) => {
    const name = file instanceof File ? file.name : "the picture";
    throw new Error(`${name} is no picture that this browser can read`, { cause });
  });
  const scale = LONGEST_SIDE / Math.max(bitmap.width, bitmap.height);
  if (scale >= 1) return bitmap;
  try {
    return await createImageBitmap(bitmap, {
      resizeWidth: Math.max(1, Math.round(bitmap.width * scale)),
      resizeHeight: Math.max(1, Math.round(bitmap.height * scale)),
      resizeQuality: "high",
    });
  } finally {
    bitmap.close();
  }
}

/** The first picture of what was dropped or pasted. */
export function pictureIn(transfer: DataTransfer | null): File | undefined {
  const files = [...(transfer?.files ?? [])];
  return files.find(({ type }) => type.startsWith("image/")) ?? files[0];
}
