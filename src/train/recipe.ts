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
  /** Of the moving average of the weights that is scored and kept in place of the last weights. */
  readonly averageDecay?: number;
  readonly augment?: AugmentRecipe;
  /** In the last so many epochs images are changed less: `calmStrength` times as much. */
  readonly calmEpochs: number;
  readonly calmStrength: number;
  /** Stop after so many epochs in a row without a better score of the validation part. */
  readonly patience?: number;
  /** End with the weights of the epoch that scored best, not the last ones. */
  readonly keepBest: boolean;
}

/** The seed's recipe. */
export const PLAIN: Recipe = {
  batchSize: 128,
  seed: 1,
  learningRate: 1e-3,
  schedule: CONSTANT,
  weightDecay: 0,
  labelSmoothing: 0,
  calmEpochs: 0,
  calmStrength: 0.5,
  keepBest: false,
};
