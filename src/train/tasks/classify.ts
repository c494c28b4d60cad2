import type * as tfjs from "@tensorflow/tfjs";

import type { ImageSet } from "../../data/dataset.ts";
import { storeSamples } from "../../data/sample-store.ts";
import { InternalError, TrainError } from "../../errors.ts";
import { checkLabels, takeBatch, tensorsOf } from "../batches.ts";
import type { CompiledStep, TensorFlow } from "../compile/index.ts";
import { type BatchFeed, openFeed } from "../feed/batch-feed.ts";
import { initialise } from "../networks.ts";
import { Teachers, type Teaching } from "../teachers.ts";

import type { Objective, Part, Score, Task, TaskBatch, TaskContext, TaskRun } from "./task.ts";

const EVALUATION_BATCH = 500;

export interface ClassifyOptions {
  readonly classes: number;
  readonly train: ImageSet;
  /** Scored after each epoch; then the test set is looked at once, at the end. */
  readonly validation?: ImageSet;
  readonly test: ImageSet;
  /** Train towards the answers of other models, too; losses and accuracies in training are then of those targets. */
  readonly teaching?: Teaching;
}

/** Probabilities [N, classes] of the test set. */
export type ClassAnswers = Float32Array;

/**
 * Images to one of several classes, by categorical cross-entropy.
 *
 * @throws {TrainError} when a label is no class
 */
export function classify(options: ClassifyOptions): Task<ClassAnswers> {
  const { train, validation, test, classes } = options;
  for (const set of [train, test, ...(validation === undefined ? [] : [validation])]) checkLabels(set, classes);
  return {
    samples: train.images,
    validated: validation !== undefined,
    batches: ({ batchSize }) => Math.ceil(train.images / batchSize),
    objective: (_, { labelSmoothing }): Objective => ({
      loss: "categoricalCrossentropy",
      metrics: ["accuracy"],
      labelSmoothing,
    }),
    initialise,
    start: (tf, context) => new Classification(tf, options, context),
  };
}

class Classification implements TaskRun<ClassAnswers> {
  readonly #tf: TensorFlow;
  readonly #options: ClassifyOptions;
  readonly #feed: BatchFeed;
  readonly #teachers: Teachers | undefined;

  constructor(tf: TensorFlow, options: ClassifyOptions, context: TaskContext) {
    const { teaching } = options;
    this.#tf = tf;
    this.#options = options;
    this.#teachers = teaching === undefined ? undefined : new Teachers(tf, teaching, context);
    this.#feed = openFeed({ plan: planOf(options, context), from: context.from, workers: context.workers });
  }

  async next(): Promise<TaskBatch> {
    const { train, classes } = this.#options;
    const batch = await this.#feed.next();
    const { images, labels } = tensorsOf(this.#tf, batch, train, classes);
    const targets = this.#teachers?.mix(images, labels);
    if (targets !== undefined) labels.dispose();
    return { xs: images, ys: targets ?? labels, count: batch.count };
  }

  evaluate(step: CompiledStep, part: Part, average: boolean): Score {
    return evaluateImages(this.#tf, step, this.#part(part), this.#options.classes, average);
  }

  #part(part: Part): ImageSet {
    const { validation, test } = this.#options;
    if (part === "test") return test;
    if (validation === undefined) throw new InternalError("there is no validation part");
    return validation;
  }

  answers(step: CompiledStep, average: boolean): ClassAnswers {
    const { test, classes } = this.#options;
    const answers = new Float32Array(test.images * classes);
    forBatches(this.#tf, test, classes, ({ images }, start) => {
      const outputs = step.predict(images, { average });
      const [output] = outputs;
      if (output === undefined) throw new InternalError("the network has no output");
      answers.set(output.dataSync<"float32">(), start * classes);
      this.#tf.dispose(outputs);
    });
    return answers;
  }

  async close(): Promise<void> {
    await this.#feed.close();
    this.#teachers?.dispose();
  }
}

function planOf(
  { train, classes }: ClassifyOptions,
  { recipe, epochs }: TaskContext,
): Parameters<typeof openFeed>[0]["plan"] {
  return {
    kind: "images",
    store: storeSamples([train]),
    classes,
    batchSize: recipe.batchSize,
    seed: recipe.seed,
    epochs,
    augment: recipe.augment,
    cooldownEpochs: recipe.cooldownEpochs,
    cooldownStrength: recipe.cooldownStrength,
  };
}

/** Mean loss and accuracy over a set. */
export function evaluateImages(
  tf: TensorFlow,
  step: CompiledStep,
  set: ImageSet,
  classes: number,
  average = false,
): Score {
  let lossSum = 0;
  let correct = 0;
  forBatches(tf, set, classes, ({ images, labels }, _, count) => {
    const { loss, metrics } = step.evaluate(images, labels, { average });
    lossSum += loss * count;
    correct += Math.round(accuracyOf(metrics) * count);
  });
  return { loss: lossSum / set.images, accuracy: correct / set.images };
}

function forBatches(
  tf: TensorFlow,
  set: ImageSet,
  classes: number,
  use: (batch: { readonly images: tfjs.Tensor; readonly labels: tfjs.Tensor }, start: number, count: number) => void,
): void {
  for (let start = 0; start < set.images; start += EVALUATION_BATCH) {
    const count = Math.min(EVALUATION_BATCH, set.images - start);
    const indices = Uint32Array.from({ length: count }, (_, index) => start + index);
    const batch = takeBatch(tf, set, indices, classes);
    use(batch, start, count);
    tf.dispose([batch.images, batch.labels]);
  }
}

/** The share of samples that were right. @throws {TrainError} when the step does not measure it */
export function accuracyOf(metrics: Readonly<Record<string, number>>): number {
  const accuracy = metrics["accuracy"] ?? metrics["acc"];
  if (accuracy === undefined)
    throw new TrainError(`the step gives no accuracy, only ${Object.keys(metrics).join(", ")}`);
  return accuracy;
}
