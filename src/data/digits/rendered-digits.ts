import { DIGIT_PIXELS, DIGIT_SIDE } from "../dataset.ts";
import type { ImageSet, Split } from "../dataset.ts";
import { Random } from "../random.ts";
import { byteAt } from "../../require.ts";

import { DigitRenderer } from "./render-digit.ts";

export interface RenderedDigitsOptions {
  readonly split: Split;
  /** Images; 60,000 to train and 10,000 to test, as MNIST has. */
  readonly count?: number | undefined;
  /** Another seed gives other digits. Default 1. */
  readonly seed?: number | undefined;
}

const COUNTS = { train: 60_000, test: 10_000 };
const SPLIT_KEYS = { train: 1, test: 2 };
const LABEL_KEY = 3;
const CLASSES = 10;

/**
 * Digits written by the project's own renderer. Image i of a seed and split is the same on every platform and whatever
 * the count; every ten images in a row hold each digit once. Nothing is kept: an image is written when it is asked for.
 */
export function renderedDigits({ split, count = COUNTS[split], seed = 1 }: RenderedDigitsOptions): ImageSet {
  const renderer = new DigitRenderer();
  const labels = shuffledDigits(count, seed, SPLIT_KEYS[split]);
  const pixels = new Uint8Array(DIGIT_PIXELS);
  return {
    name: "digits",
    split,
    source: `seed ${seed}`,
    images: count,
    height: DIGIT_SIDE,
    width: DIGIT_SIDE,
    labels,
    pixels: (index) => {
      const label = labels[index];
      if (label === undefined) throw new RangeError(`no image ${index} among ${count}`);
      renderer.render(label, [seed, SPLIT_KEYS[split], index], pixels);
      return pixels;
    },
  };
}

/** Each run of ten labels is a shuffle of its own, so that a label does not depend on the count. */
function shuffledDigits(count: number, seed: number, splitKey: number): Uint8Array {
  const labels = new Uint8Array(count);
  const random = new Random(0);
  const digits = new Uint8Array(CLASSES);
  for (let start = 0; start < count; start += CLASSES) {
    random.restart(seed, splitKey, LABEL_KEY, start);
    for (let digit = 0; digit < CLASSES; digit++) {
      const place = random.integer(digit + 1);
      digits[digit] = byteAt(digits, place);
      digits[place] = digit;
    }
    labels.set(digits.subarray(0, Math.min(CLASSES, count - start)), start);
  }
  return labels;
}
