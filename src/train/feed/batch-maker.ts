import { Augmenter } from "../../data/augment/augmenter.ts";
import type { AugmentRecipe } from "../../data/augment/recipe.ts";
import type { SampleStore } from "../../data/sample-store.ts";
import { InternalError } from "../../errors.ts";

import { shuffled } from "./order.ts";

/** What decides every batch of a run that classifies images. */
export interface ImageFeedPlan {
  readonly kind: "images";
  readonly store: SampleStore;
  readonly classes: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly epochs: number;
  readonly augment: AugmentRecipe | undefined;
  /** In the last so many epochs images are changed less. */
  readonly cooldownEpochs: number;
  /** How much less: 0 not at all changed, 1 as before. */
  readonly cooldownStrength: number;
}

/** Place of a batch in a run; both count from 0. */
export interface BatchPlace {
  readonly epoch: number;
  readonly batch: number;
}

/** What a batch has room for and what it holds, in numbers: images and labels, each row-major with N first. */
export interface BatchShape {
  readonly count: number;
  /** Of one image: H * W. */
  readonly imageSize: number;
  /** Of one label. */
  readonly labelSize: number;
}

/** A batch in memory of JavaScript. What its numbers mean is the plan's: see `ImageFeedPlan` and `LineFeedPlan`. */
export interface HostBatch extends BatchShape {
  readonly place: BatchPlace;
  readonly images: Float32Array;
  readonly labels: Float32Array;
}

/** Makes batches of a plan, any in any order: each depends on the plan and its place alone. */
export interface BatchSource {
  /** Batches of an epoch. */
  readonly batches: number;
  /** The largest of all batches. */
  readonly room: BatchShape;
  shapeOf(place: BatchPlace): BatchShape;
  /** Fill the front of both arrays, which have room for the largest batch. */
  make(place: BatchPlace, images: Float32Array, labels: Float32Array): Promise<void> | void;
}

const AUGMENT_STREAM = 0xa46;

/** Images [N, H, W, 1], 0 (paper) to 1 (ink), and one-hot labels [N, classes]. The last batch of an epoch may be short. */
export class ImageBatches implements BatchSource {
  readonly batches: number;
  readonly room: BatchShape;
  readonly #plan: ImageFeedPlan;
  readonly #augmenter: Augmenter;
  #order: Uint32Array = new Uint32Array();
  #epoch = -1;

  constructor(plan: ImageFeedPlan) {
    this.#plan = plan;
    this.#augmenter = new Augmenter(plan.augment ?? {});
    const { store, batchSize, classes } = plan;
    this.batches = Math.ceil(store.images / batchSize);
    this.room = { count: batchSize, imageSize: store.height * store.width, labelSize: classes };
  }

  shapeOf({ batch }: BatchPlace): BatchShape {
    const { store, batchSize } = this.#plan;
    return { ...this.room, count: Math.min(batchSize, store.images - batch * batchSize) };
  }

  make(place: BatchPlace, images: Float32Array, labels: Float32Array): void {
    const { store, batchSize, classes, seed } = this.#plan;
    const { epoch, batch } = place;
    const order = this.#orderOf(epoch);
    const { count, imageSize } = this.shapeOf(place);
    const strength = this.#strengthIn(epoch);
    labels.fill(0, 0, count * classes);
    for (let row = 0; row < count; row++) {
      const index = at(order, batch * batchSize + row);
      const pixels = store.pixels.subarray(index * imageSize, (index + 1) * imageSize);
      const out = images.subarray(row * imageSize, (row + 1) * imageSize);
      if (strength > 0) this.#augmenter.augment(pixels, [AUGMENT_STREAM, seed, epoch, index], strength, out);
      else pixels.forEach((value, position) => (out[position] = value / 255));
      labels[row * classes + at(store.labels, index)] = 1;
    }
  }

  #strengthIn(epoch: number): number {
    const { augment, epochs, cooldownEpochs, cooldownStrength } = this.#plan;
    if (augment === undefined) return 0;
    return epoch >= epochs - cooldownEpochs ? cooldownStrength : 1;
  }

  #orderOf(epoch: number): Uint32Array {
    if (epoch !== this.#epoch) {
      this.#order = shuffled(this.#plan.store.images, this.#plan.seed, epoch);
      this.#epoch = epoch;
    }
    return this.#order;
  }
}

function at(values: ArrayLike<number>, index: number): number {
  const value = values[index];
  if (value === undefined) throw new InternalError(`no number ${index} among ${values.length}`);
  return value;
}
