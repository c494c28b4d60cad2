/** Sets of labelled 28 x 28 digits that `openDataset` (src/node/datasets) opens. */
export type ImageSetName = "mnist" | "digits" | "pictures";

export type Split = "train" | "test";

/** Height and width of a digit, in pixels. */
export const DIGIT_SIDE = 28;
/** Pixels of a digit. */
export const DIGIT_PIXELS = 784;

/** Labelled grey images of one size: `labels[i]`, 0 to 9, names `pixels(i)`. */
export interface ImageSet {
  readonly name: ImageSetName;
  readonly split: Split;
  /** The folder it was read from, or the renderer and its seed. */
  readonly source: string;
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly labels: Uint8Array;
  /**
   * Image `index` [H, W], row-major, 0 (paper) to 255 (ink). A view to be read, not written, and only until the next
   * call: a set may use one buffer for all its images.
   *
   * @throws {RangeError} when there is no such image.
   */
  pixels(index: number): Uint8Array;
}

/** The first `limit` images of a set; the set itself when it has no more. */
export function limitImages(set: ImageSet, limit: number): ImageSet {
  if (limit >= set.images) return set;
  return {
    name: set.name,
    split: set.split,
    source: set.source,
    images: limit,
    height: set.height,
    width: set.width,
    labels: set.labels.subarray(0, limit),
    pixels: (index) => {
      if (index >= limit) throw new RangeError(`no image ${index} among ${limit}`);
      return set.pixels(index);
    },
  };
}
