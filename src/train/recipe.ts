import type { AugmentRecipe } from "../data/augment/recipe.ts";

import { CONSTANT, type Schedule } from "./schedule.ts";

/** How a network is trained, but for the data and the number of epochs. */
export interface Recipe {
  readonly batchSize: number;
  readonly seed: number;
  /** The highest; the schedule says what share of it holds when. */
  readonly learningRate: number;
  readonly schedule: Schedule;
  /** Decoupled: each step takes rate * decay of every kernel. 0 for none. */
  readonly weightDecay: number;
  /** Largest global norm of the gradients. */
  readonly clipNorm?: number;
  /** 0 for none. */
  readonly labelSmoothing: number;
  /** Decay of the moving average of the weights, which is scored and kept instead of the last weights. */
  readonly averageDecay?: number;
  readonly augment?: AugmentRecipe;
  /** In this many epochs at the end, augmentation is weaker: its amounts are multiplied by `cooldownStrength`, in [0, 1]. */
  readonly cooldownEpochs: number;
  readonly cooldownStrength: number;
  /** Stop after this many epochs in a row without a better score on the validation part. */
  readonly patience?: number;
  /** End with the weights of the epoch that scored best, not the last ones. */
  readonly keepBest: boolean;
}

/** The recipe of the MNIST CRNN, and the defaults of `train`. */
export const PLAIN: Recipe = {
  batchSize: 128,
  seed: 1,
  learningRate: 1e-3,
  schedule: CONSTANT,
  weightDecay: 0,
  labelSmoothing: 0,
  cooldownEpochs: 0,
  cooldownStrength: 0.5,
  keepBest: false,
};
