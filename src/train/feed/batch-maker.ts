import { Augmenter } from "../../data/augment/augmenter.ts";
import type { AugmentRecipe } from "../../data/augment/recipe.ts";
import type { SampleStore } from "../../data/sample-store.ts";

import { shuffled } from "./order.ts";

/** What decides every batch of a run. */
export interface FeedPlan {
  readonly store: SampleStore;
  readonly classes: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly epochs: number;
  readonly augment: AugmentRecipe | undefined;
  /** In the last so many epochs images are changed less. */
  readonly calmEpochs: number;
  /** How much less: 0 not at all changed, 1 as before. */
  readonly calmStrength: number;
}

/** Place of a batch in a run; both count from 0. */
export interface BatchPlace {
  readonly epoch: number;
  readonly batch: number;
}

/** Images [N, H, W, 1], 0 (paper) to 1 (ink), and one-hot labels [N, classes], in memory of JavaScript. */
export interface HostBatch {
  readonly count: number;
  readonly images: Float32Array;
  readonly labels: Float32Array;
}

export function batchesOf({ store, batchSize }: FeedPlan): number {
  return Math.ceil(store.images / batchSize);
}

/** How many images a batch has; the last of an epoch may be short. */
export function countOf({ store, batchSize }: FeedPlan, { batch }: BatchPlace): number {
  return Math.min(batchSize, store.images - batch * batchSize);
}

const AUGMENT_STREAM = 0xa46;

/** Makes batches of a plan, any in any order: each image depends on the seed, the epoch and its index alone. */
export class BatchMaker {
  readonly #plan: FeedPlan;
  readonly #augmenter: Augmenter;
  #order: Uint32Array = new Uint32Array();
  #epoch = -1;

  constructor(plan: FeedPlan) {
    this.#plan = plan;
    this.#augmenter = new Augmenter(plan.augment ?? {});
  }

  /** Fill the front of both arrays, which have room for a whole batch. */
  make(place: BatchPlace, images: Float32Array, labels: Float32Array): void {
    const { store, batchSize, classes, seed } = this.#plan;
    const { epoch, batch } = place;
    const order = this.#orderOf(epoch);
    const count = countOf(this.#plan, place);
    const size = store.height * store.width;
    const strength = this.#strengthIn(epoch);
    labels.fill(0, 0, count * classes);
    for (let row = 0; row < count; row++) {
      const index = order[batch * batchSize + row] ?? 0;
      const pixels = store.pixels.subarray(index * size, (index + 1) * size);
      const out = images.subarray(row * size, (row + 1) * size);
      if (strength > 0) this.#augmenter.augment(pixels, [AUGMENT_STREAM, seed, epoch, index], strength, out);
      else pixels.forEach((value, at) => (out[at] = value / 255));
      labels[row * classes + (store.labels[index] ?? 0)] = 1;
    }
  }

  #strengthIn(epoch: number): number {
    const { augment, epochs, calmEpochs, calmStrength } = this.#plan;
    if (augment === undefined) return 0;
    return epoch >= epochs - calmEpochs ? calmStrength : 1;
  }

  #orderOf(epoch: number): Uint32Array {
    if (epoch !== this.#epoch) {
      this.#order = shuffled(this.#plan.store.images, this.#plan.seed, epoch);
      this.#epoch = epoch;
    }
    return this.#order;
  }
}
