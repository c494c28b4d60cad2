import type * as tfjs from "@tensorflow/tfjs";

import type { ImageSet } from "../data/dataset.ts";
import { TrainError } from "../errors.ts";

import type { HostBatch } from "./feed/batch-maker.ts";
import type { Tf } from "./networks.ts";

/** A batch of images [N, H, W, 1] in [0, 1] and their one-hot labels [N, classes]. The receiver disposes of both. */
export interface Batch {
  readonly images: tfjs.Tensor4D;
  readonly labels: tfjs.Tensor2D;
}

/** Tensors of what a feed delivered. */
export function tensorsOf(
  tf: Tf,
  { count, images, labels }: Pick<HostBatch, "count" | "images" | "labels">,
  { height, width }: { readonly height: number; readonly width: number },
  classes: number,
): Batch {
  return {
    images: tf.tensor4d(images, [count, height, width, 1]),
    labels: tf.tensor2d(labels, [count, classes]),
  };
}

/** Images of a set by index, as the network takes them. */
export function takeBatch(tf: Tf, set: ImageSet, indices: ArrayLike<number>, classes: number): Batch {
  const pixels = set.height * set.width;
  const images = new Float32Array(indices.length * pixels);
  const labels = new Float32Array(indices.length * classes);
  for (let row = 0; row < indices.length; row++) {
    const index = indices[row] ?? 0;
    const image = set.pixels(index);
    for (let at = 0; at < pixels; at++) images[row * pixels + at] = (image[at] ?? 0) / 255;
    labels[row * classes + (set.labels[index] ?? 0)] = 1;
  }
  return {
    images: tf.tensor4d(images, [indices.length, set.height, set.width, 1]),
    labels: tf.tensor2d(labels, [indices.length, classes]),
  };
}

/** @throws {TrainError} naming the first image whose label is no class of the network. */
export function checkLabels(set: ImageSet, classes: number): void {
  const index = set.labels.findIndex((label) => label >= classes);
  if (index < 0) return;
  throw new TrainError(
    `image ${index} of ${set.name} (${set.split}) has the label ${set.labels[index]}; the network has classes 0 to ${classes - 1}`,
    { hint: "check the label file" },
  );
}
