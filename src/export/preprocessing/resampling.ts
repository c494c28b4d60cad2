import type { Dim } from "../../onnx/dim.ts";
import { transpose, unsqueeze } from "../build/ops/shape.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";

import type { Arithmetic, Operand } from "./arithmetic.ts";

/** One axis of a picture, and the part of it that becomes new pixels. Numbers are [1], or [N, 1, 1] where pictures differ. */
export interface Resampling {
  /** Pixels of the picture along the axis. */
  readonly size: Dim;
  /** Where the part begins and how long it is, in pixels. */
  readonly origin: Operand;
  readonly length: Operand;
  /** New pixels that the part becomes. */
  readonly count: Operand;
  /** Places for new pixels, 0, 1, 2, ...: [canvas]. Those from `count` on become 0. */
  readonly canvas: GraphTensor;
  /** The part may reach beyond the picture, where pixels are 0. */
  readonly isWider?: boolean;
}

/**
 * Weights [canvas, size], or [N, canvas, size], that make new pixels of the old ones along an axis: the mean of the pixels that a
 * new one covers where the picture shrinks, linear between neighbours where it grows, as `infer/preprocess/resize.ts` does it.
 */
export function resamplingWeights(a: Arithmetic, resampling: Resampling): GraphTensor {
  const { size, origin, length, count, canvas, isWider = false } = resampling;
  const place = unsqueeze(a.graph, canvas, [1]);
  const pixel = a.positions(size);
  const scale = a.divide(length, count);
  const from = a.add(origin, a.multiply(place, scale));
  const to = a.add(from, scale);
  const cover = a.max(a.subtract(a.min(to, a.add(pixel, 1)), a.max(from, pixel)), 0);
  const total = isWider ? scale : a.max(a.reduce("ReduceSum", cover, [-1]), 1e-6);
  const centre = a.subtract(a.add(from, a.multiply(scale, 0.5)), 0.5);
  const inside = a.clamp(centre, origin, a.subtract(a.add(origin, length), 1));
  const between = a.max(a.subtract(1, a.abs(a.subtract(inside, pixel))), 0);
  const weights = a.where(a.atLeast(scale, 1), a.divide(cover, total), between);
  return a.multiply(weights, a.asNumber(a.less(place, count)));
}

/** New pixels [..., canvas height, canvas width] of a picture [..., H, W]. */
export function resampled(a: Arithmetic, picture: GraphTensor, down: GraphTensor, across: GraphTensor): GraphTensor {
  const rank = across.shape?.length ?? 2;
  const perm = rank === 2 ? [1, 0] : [0, 2, 1];
  return a.matMul(down, a.matMul(picture, transpose(a.graph, across, perm)));
}
