import type { GraphTensor } from "../ir/graph-tensor.ts";

import type { Arithmetic } from "./arithmetic.ts";
import type { PictureSize } from "./pictures.ts";
import { resampled, resamplingWeights } from "./resampling.ts";

/** Resizes pictures [..., H, W] to [..., height, width]; their proportions are not kept. */
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
