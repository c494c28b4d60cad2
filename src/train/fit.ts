import { setImmediate as nextTurn } from "node:timers/promises";

import type * as tfjs from "@tensorflow/tfjs";

import type { ImageSet } from "../data/dataset.ts";
import { TrainError } from "../errors.ts";

import { checkLabels, shuffled, takeBatch } from "./batches.ts";
import type { Checkpoint, RunIdentity } from "./checkpoint.ts";
import { compileStep, type CompiledStep, type TensorFlow } from "./compile/index.ts";
import type { EpochRecord } from "./history.ts";
import { initialise } from "./networks.ts";

/** Keras's default; TF.js's own would be its backend's smallest float. */
const ADAM_EPSILON = 1e-7;
const EVALUATION_BATCH = 500;
const CHECKPOINT_EVERY_MS = 60_000;

export interface FitOptions {
  readonly model: tfjs.LayersModel;
  readonly classes: number;
  readonly train: ImageSet;
  readonly test: ImageSet;
  readonly run: RunIdentity;
  readonly epochs: number;
  /** Go on from here instead of drawing new weights. */
  readonly from?: Checkpoint;
  /** Op by op instead of one graph a step. */
  readonly eager?: boolean;
  /** Aborted: save a checkpoint and return. */
  readonly signal?: AbortSignal;
  readonly save: (checkpoint: Checkpoint) => Promise<void>;
  readonly onStep?: (progress: StepProgress) => void;
  readonly onEpoch?: (record: EpochRecord) => void;
  readonly onNote?: (note: string) => void;
}

export interface StepProgress {
  /** Batches done since the beginning of the run, and in all. */
  readonly done: number;
  readonly total: number;
  readonly epoch: number;
  /** Means over the epoch so far. */
  readonly loss: number;
  readonly accuracy: number;
}

export interface FitResult {
  readonly history: readonly EpochRecord[];
  /** False when it was interrupted. */
  readonly finished: boolean;
  readonly mode: "graph" | "eager";
}

/** What is counted in one epoch. */
interface Tally {
  batch: number;
  lossSum: number;
  correct: number;
  trainingMs: number;
}

/**
 * Train with Adam and categorical cross-entropy; score the test set after each epoch. The weights end in the model's
 * variables. Under one seed a run that was stopped and resumed ends with the weights of an unbroken one.
 *
 * @throws {TrainError} when the loss is no longer finite; the last checkpoint stays as it was
 */
export async function fit(tf: TensorFlow, options: FitOptions): Promise<FitResult> {
  const { model, run, train, test, classes, from } = options;
  checkLabels(train, classes);
  checkLabels(test, classes);
  if (from === undefined) initialise(tf, model, run.seed);
  const step = compileStep(tf, {
    model,
    loss: "categoricalCrossentropy",
    metrics: ["accuracy"],
    optimizer: { name: "adam", learningRate: run.learningRate, epsilon: ADAM_EPSILON },
    seed: run.seed,
    mode: options.eager === true ? "eager" : "auto",
    ...(options.onNote === undefined ? {} : { onNote: options.onNote }),
  });
  try {
    if (from !== undefined) step.setState(from.state);
    return await epochs(tf, options, step);
  } finally {
    step.dispose();
  }
}

async function epochs(tf: TensorFlow, options: FitOptions, step: CompiledStep): Promise<FitResult> {
  const { from, run, test, classes } = options;
  const history = [...(from?.history ?? [])];
  let tally: Tally =
    from === undefined
      ? emptyTally()
      : { batch: from.batch, lossSum: from.lossSum, correct: from.correct, trainingMs: from.trainingMs };
  const checkpoint = (epoch: number): Promise<void> =>
    options.save({ run, epoch, ...tally, history: [...history], state: step.state() });
  for (let epoch = history.length; epoch < options.epochs; epoch++) {
    const finished = await trainEpoch(tf, options, step, epoch, tally, () => checkpoint(epoch));
    if (!finished) return { history, finished, mode: step.mode };
    const scored = evaluate(tf, step, test, classes);
    const images = options.train.images;
    const record: EpochRecord = {
      epoch: epoch + 1,
      loss: tally.lossSum / images,
      accuracy: tally.correct / images,
      testLoss: scored.loss,
      testAccuracy: scored.accuracy,
      msPerStep: tally.trainingMs / tally.batch,
    };
    history.push(record);
    options.onEpoch?.(record);
    tally = emptyTally();
    await checkpoint(epoch + 1);
  }
  step.pull();
  return { history, finished: true, mode: step.mode };
}

function emptyTally(): Tally {
  return { batch: 0, lossSum: 0, correct: 0, trainingMs: 0 };
}

/** @returns false when it was interrupted (and has saved) */
async function trainEpoch(
  tf: TensorFlow,
  options: FitOptions,
  step: CompiledStep,
  epoch: number,
  tally: Tally,
  checkpoint: () => Promise<void>,
): Promise<boolean> {
  const { train, run, classes, signal } = options;
  const order = shuffled(train.images, run.seed, epoch);
  const batches = Math.ceil(train.images / run.batchSize);
  let savedAt = performance.now();
  while (tally.batch < batches) {
    const indices = order.subarray(tally.batch * run.batchSize, (tally.batch + 1) * run.batchSize);
    const started = performance.now();
    const { loss, accuracy } = trainBatch(tf, step, train, indices, classes);
    tally.trainingMs += performance.now() - started;
    if (!Number.isFinite(loss)) throw notFinite(loss, epoch, tally.batch);
    tally.batch++;
    tally.lossSum += loss * indices.length;
    tally.correct += Math.round(accuracy * indices.length);
    const seen = (tally.batch - 1) * run.batchSize + indices.length;
    options.onStep?.({
      done: epoch * batches + tally.batch,
      total: options.epochs * batches,
      epoch: epoch + 1,
      loss: tally.lossSum / seen,
      accuracy: tally.correct / seen,
    });
    // Ctrl-C is only heard between two turns of the event loop.
    await nextTurn();
    const stopped = signal?.aborted === true;
    if (stopped || performance.now() - savedAt > CHECKPOINT_EVERY_MS) {
      await checkpoint();
      savedAt = performance.now();
    }
    if (stopped) return false;
  }
  return true;
}

interface Score {
  readonly loss: number;
  readonly accuracy: number;
}

function trainBatch(
  tf: TensorFlow,
  step: CompiledStep,
  set: ImageSet,
  indices: ArrayLike<number>,
  classes: number,
): Score {
  const { images, labels } = takeBatch(tf, set, indices, classes);
  const { loss, metrics } = step.step(images, labels);
  tf.dispose([images, labels]);
  return { loss, accuracy: accuracyOf(metrics) };
}

/** Mean loss and accuracy over a set. */
export function evaluate(tf: TensorFlow, step: CompiledStep, set: ImageSet, classes: number): Score {
  let lossSum = 0;
  let correct = 0;
  for (let start = 0; start < set.images; start += EVALUATION_BATCH) {
    const count = Math.min(EVALUATION_BATCH, set.images - start);
    const { images, labels } = takeBatch(
      tf,
      set,
      Uint32Array.from({ length: count }, (_, index) => start + index),
      classes,
    );
    const { loss, metrics } = step.evaluate(images, labels);
    tf.dispose([images, labels]);
    lossSum += loss * count;
    correct += Math.round(accuracyOf(metrics) * count);
  }
  return { loss: lossSum / set.images, accuracy: correct / set.images };
}

function accuracyOf(metrics: Readonly<Record<string, number>>): number {
  const accuracy = metrics["accuracy"] ?? metrics["acc"];
  if (accuracy === undefined)
    throw new TrainError(`the step gives no accuracy, only ${Object.keys(metrics).join(", ")}`);
  return accuracy;
}

function notFinite(loss: number, epoch: number, batch: number): TrainError {
  return new TrainError(`the loss became ${loss} in epoch ${epoch + 1}, batch ${batch + 1}`, {
    hint: "the last checkpoint was kept; try a smaller --learning-rate, or look at the data",
  });
}
