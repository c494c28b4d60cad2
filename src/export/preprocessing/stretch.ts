import type { GraphTensor } from "../ir/graph-tensor.ts";

import type { Arithmetic } from "./arithmetic.ts";
import type { PictureSize } from "./pictures.ts";
import { resampled, resamplingWeights } from "./resampling.ts";

/** Pictures [..., H, W] at another size, [..., height, width], as they are. */
export function stretched(
  a: Arithmetic,
  picture: GraphTensor,
  { height, width }: PictureSize,
  to: { readonly height: number; readonly width: number },
): GraphTensor {
  const along = (size: PictureSize["height"], count: number): GraphTensor =>
    resamplingWeights(a, { size, origin: 0, length: a.size(size), count, canvas: a.positions(count) });
  return resampled(a, picture, along(height, to.height), along(width, to.width));
}
