import type * as tfjs from "@tensorflow/tfjs";

import type { CompiledStep, ModelStepOptions, TensorFlow } from "../compile/index.ts";
import type { BatchPlace } from "../feed/batch-maker.ts";
import type { Recipe } from "../recipe.ts";

/** Samples that are scored. */
export type Part = "validation" | "test";

export interface Score {
  /** Mean over the samples. */
  readonly loss: number;
  /** Share of the samples that are right: of images, or of whole lines. */
  readonly accuracy: number;
  /** Of lines: wrong, missing and added characters for each one of the labels. */
  readonly characterErrors?: number;
}

/** Tensors of one training step. The receiver disposes of them. */
export interface TaskBatch {
  readonly xs: tfjs.Tensor;
  readonly ys: tfjs.Tensor;
  /** How many samples it has. */
  readonly count: number;
}

/** What a run asks of a task. */
export interface TaskContext {
  readonly model: tfjs.LayersModel;
  readonly recipe: Recipe;
  readonly epochs: number;
  /** The first batch to train on. */
  readonly from: BatchPlace;
  /** Threads that prepare batches ahead; 0 for none. */
  readonly workers: number;
  readonly eager: boolean;
  readonly onNote: ((note: string) => void) | undefined;
}

export type Objective = Pick<ModelStepOptions, "loss" | "metrics" | "labelSmoothing" | "compare" | "tolerance">;

/**
 * What is learnt: which samples, towards which targets, by which loss, and how it is scored. `fit` knows nothing of that.
 */
export interface Task<Answers> {
  /** Samples of an epoch. */
  readonly samples: number;
  /** Whether there is a validation part to score after each epoch; else the test part is. */
  readonly validated: boolean;
  /** Batches of an epoch. */
  batches(recipe: Recipe): number;
  /** Loss and metrics of a step. The metric `accuracy` is the share of a batch's samples that are right. */
  objective(tf: TensorFlow, recipe: Recipe): Objective;
  /** Draws every weight from a seed. */
  initialise(tf: TensorFlow, model: tfjs.LayersModel, seed: number): void;
  start(tf: TensorFlow, context: TaskContext): TaskRun<Answers>;
}

/** A task in progress. */
export interface TaskRun<Answers> {
  /** The next batch, across epochs. */
  next(): Promise<TaskBatch>;
  /** @param average with the moving average of the weights */
  evaluate(step: CompiledStep, part: Part, average: boolean): Score;
  /** What the network says of the test part. */
  answers(step: CompiledStep, average: boolean): Answers;
  close(): Promise<void>;
}
