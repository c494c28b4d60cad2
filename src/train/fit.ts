import { setImmediate as nextTurn } from "node:timers/promises";

import type * as tfjs from "@tensorflow/tfjs";

import type { ImageSet } from "../data/dataset.ts";
import { TrainError } from "../errors.ts";

import { storeSamples } from "../data/sample-store.ts";

import { checkLabels, takeBatch, tensorsOf } from "./batches.ts";
import type { Checkpoint, RunIdentity, RunPlan } from "./checkpoint.ts";
import { compileStep, type CompiledStep, type StepState, type TensorFlow } from "./compile/index.ts";
import { type BatchFeed, openFeed } from "./feed/batch-feed.ts";
import { batchesOf, type BatchPlace, type FeedPlan } from "./feed/batch-maker.ts";
import { bestOf, type EpochRecord } from "./history.ts";
import { initialise } from "./networks.ts";
import type { Recipe } from "./recipe.ts";
import { shareOf } from "./schedule.ts";
import { Teachers, type Teaching } from "./teachers.ts";

/** Keras's default; TF.js's own would be its backend's smallest float. */
const ADAM_EPSILON = 1e-7;
const EVALUATION_BATCH = 500;
const CHECKPOINT_EVERY_MS = 60_000;

export interface FitOptions {
  readonly model: tfjs.LayersModel;
  readonly classes: number;
  readonly train: ImageSet;
  /** Scored after each epoch; then the test set is looked at once, at the end. */
  readonly validation?: ImageSet;
  readonly test: ImageSet;
  readonly recipe: Recipe;
  readonly epochs: number;
  /** Written into every checkpoint. */
  readonly run: RunIdentity;
  readonly plan: RunPlan;
  /** Go on from here instead of drawing new weights. */
  readonly from?: Checkpoint;
  /** Begin with the weights that the model has, instead of drawing new ones. */
  readonly begun?: boolean;
  /** Train towards the answers of other models, too; losses and accuracies in training are then of those targets. */
  readonly teaching?: Teaching;
  /** Op by op instead of one graph a step. */
  readonly eager?: boolean;
  /** Threads that prepare batches ahead; 0 for none. */
  readonly workers?: number;
  /** Aborted: save a checkpoint and return. */
  readonly signal?: AbortSignal;
  readonly save: (checkpoint: Checkpoint) => Promise<void>;
  /** Milliseconds between the checkpoints within an epoch. Default a minute. */
  readonly checkpointEveryMs?: number;
  /** Where the best epoch's checkpoint is kept; needed with `recipe.keepBest`. */
  readonly best?: BestKeeper;
  readonly onStep?: (progress: StepProgress) => void;
  readonly onEpoch?: (record: EpochRecord) => void;
  readonly onNote?: (note: string) => void;
}

export interface BestKeeper {
  save(checkpoint: Checkpoint): Promise<void>;
  load(): Promise<Checkpoint>;
}

export interface StepProgress {
  /** Batches done since the beginning of the run, and in all. */
  readonly done: number;
  readonly total: number;
  readonly epoch: number;
  readonly learningRate: number;
  /** Of this batch alone. */
  readonly batchLoss: number;
  /** Means over the epoch so far. */
  readonly loss: number;
  readonly accuracy: number;
}

export interface FitResult {
  readonly history: readonly EpochRecord[];
  /** False when it was interrupted. */
  readonly finished: boolean;
  readonly mode: "graph" | "eager";
  /** Of the weights that the model ends with; absent when it was interrupted. */
  readonly test?: Score;
  /** What the network says of each test image with those weights: probabilities [N, classes]. */
  readonly answers?: Float32Array;
  /** The epoch, from 1, whose weights the model ends with. */
  readonly keptEpoch: number;
}

/** What is counted in one epoch. */
interface Tally {
  batch: number;
  lossSum: number;
  correct: number;
  trainingMs: number;
}

/** A run in progress. */
interface Run {
  readonly tf: TensorFlow;
  readonly options: FitOptions;
  readonly step: CompiledStep;
  readonly feed: BatchFeed;
  readonly teachers: Teachers | undefined;
  readonly batches: number;
  /** The learning rate of a batch of an epoch. */
  readonly rateAt: (epoch: number, batch: number) => number;
}

/**
 * Train with Adam and categorical cross-entropy; score the validation part after each epoch, or the test set where there
 * is none. The weights end in the model's variables, those of an interrupted run too. Under one seed a run that was stopped and resumed ends with the
 * weights of an unbroken one, however many threads prepare its batches.
 *
 * @throws {TrainError} when the loss is no longer finite; the last checkpoint stays as it was
 */
export async function fit(tf: TensorFlow, options: FitOptions): Promise<FitResult> {
  const { model, recipe, train, test, validation, classes, from } = options;
  for (const set of [train, test, ...(validation === undefined ? [] : [validation])]) checkLabels(set, classes);
  if (from === undefined && options.begun !== true) initialise(tf, model, recipe.seed);
  const plan = planOf(options);
  const step = stepOf(tf, options);
  const { teaching } = options;
  const teachers = teaching === undefined ? undefined : new Teachers(tf, teaching, options);
  const feed = openFeed({
    plan,
    from: placeAfter(from, batchesOf(plan)),
    workers: options.workers ?? 0,
  });
  try {
    if (from !== undefined) step.setState(from.state);
    const share = shareOf(recipe.schedule, options.epochs);
    const batches = batchesOf(plan);
    const rateAt = (epoch: number, batch: number): number =>
      recipe.learningRate * share(epoch + (batch + 0.5) / batches);
    return await runEpochs({ tf, options, step, feed, teachers, batches, rateAt });
  } finally {
    await feed.close();
    teachers?.dispose();
    disposeKeeping(tf, step, model);
  }
}

/** A checkpoint may have been written between an epoch's last batch and its scoring. */
function placeAfter(from: Checkpoint | undefined, batches: number): BatchPlace {
  if (from === undefined) return { epoch: 0, batch: 0 };
  return from.batch < batches ? { epoch: from.epoch, batch: from.batch } : { epoch: from.epoch + 1, batch: 0 };
}

/** The step's end puts its last weights into the model; put those back that were chosen. */
function disposeKeeping(tf: TensorFlow, step: CompiledStep, model: tfjs.LayersModel): void {
  const chosen = model.weights.map((weight) => weight.read().clone());
  step.dispose();
  model.weights.forEach((weight, index) => weight.write(chosen[index] ?? weight.read()));
  tf.dispose(chosen);
}

function planOf({ train, classes, recipe, epochs }: FitOptions): FeedPlan {
  return {
    store: storeSamples([train]),
    classes,
    batchSize: recipe.batchSize,
    seed: recipe.seed,
    epochs,
    augment: recipe.augment,
    calmEpochs: recipe.calmEpochs,
    calmStrength: recipe.calmStrength,
  };
}

function stepOf(tf: TensorFlow, { model, recipe, eager, onNote }: FitOptions): CompiledStep {
  const { learningRate, weightDecay, labelSmoothing, clipNorm, averageDecay, seed } = recipe;
  return compileStep(tf, {
    model,
    loss: "categoricalCrossentropy",
    metrics: ["accuracy"],
    optimizer: { name: "adam", learningRate, epsilon: ADAM_EPSILON },
    seed,
    mode: eager === true ? "eager" : "auto",
    weightDecay,
    labelSmoothing,
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(averageDecay === undefined ? {} : { averageDecay }),
    ...(onNote === undefined ? {} : { onNote }),
  });
}

async function runEpochs(run: Run): Promise<FitResult> {
  const { options, step } = run;
  const { from } = options;
  const history = [...(from?.history ?? [])];
  let tally: Tally =
    from === undefined
      ? emptyTally()
      : { batch: from.batch, lossSum: from.lossSum, correct: from.correct, trainingMs: from.trainingMs };
  const checkpoint = (epoch: number): Checkpoint => ({
    run: options.run,
    plan: options.plan,
    epoch,
    ...tally,
    history: [...history],
    state: soundState(step, `epoch ${epoch + 1}, batch ${tally.batch}`),
  });
  // So that a run can go on from whatever moment it was killed at.
  if (from === undefined) await options.save(checkpoint(0));
  for (let epoch = history.length; epoch < options.epochs && !isHopeless(history, options); epoch++) {
    const finished = await trainEpoch(run, epoch, tally, () => options.save(checkpoint(epoch)));
    if (!finished) {
      step.pull({ average: isAveraged(options) });
      return { history, finished, mode: step.mode, keptEpoch: epoch };
    }
    history.push(recordOf(run, epoch, tally));
    tally = emptyTally();
    const state = checkpoint(epoch + 1);
    if (options.recipe.keepBest && bestOf(history) === history.at(-1)) await options.best?.save(state);
    await options.save(state);
    const record = history.at(-1);
    if (record !== undefined) options.onEpoch?.(record);
  }
  return finish(run, history);
}

/** Whether the last epochs, as many as the patience, brought nothing better. */
function isHopeless(history: readonly EpochRecord[], { recipe: { patience } }: FitOptions): boolean {
  if (patience === undefined) return false;
  const best = bestOf(history);
  return best !== undefined && history.length - best.epoch >= patience;
}

/** Settle on the weights to keep, put them into the model, and score the test set. */
async function finish({ tf, options, step }: Run, history: readonly EpochRecord[]): Promise<FitResult> {
  const best = options.recipe.keepBest ? bestOf(history) : undefined;
  if (best !== undefined && best.epoch !== history.length && options.best !== undefined) {
    step.setState((await options.best.load()).state);
  }
  const average = isAveraged(options);
  const last = history.at(-1);
  const test =
    options.validation === undefined && last?.testLoss !== undefined && last.testAccuracy !== undefined
      ? { loss: last.testLoss, accuracy: last.testAccuracy }
      : evaluate(tf, step, options.test, options.classes, average);
  const answers = predictAll(tf, step, options.test, options.classes, average);
  step.pull({ average });
  return { history, finished: true, mode: step.mode, test, answers, keptEpoch: best?.epoch ?? history.length };
}

function isAveraged({ recipe }: FitOptions): boolean {
  return recipe.averageDecay !== undefined;
}

function recordOf({ tf, options, step, rateAt, batches }: Run, epoch: number, tally: Tally): EpochRecord {
  const { train, validation, test, classes } = options;
  const scored = evaluate(tf, step, validation ?? test, classes, isAveraged(options));
  return {
    epoch: epoch + 1,
    loss: tally.lossSum / train.images,
    accuracy: tally.correct / train.images,
    ...(validation === undefined
      ? { testLoss: scored.loss, testAccuracy: scored.accuracy }
      : { validationLoss: scored.loss, validationAccuracy: scored.accuracy }),
    learningRate: rateAt(epoch, batches - 1),
    msPerStep: tally.trainingMs / tally.batch,
  };
}

function emptyTally(): Tally {
  return { batch: 0, lossSum: 0, correct: 0, trainingMs: 0 };
}

/** @returns false when it was interrupted (and has saved) */
async function trainEpoch(run: Run, epoch: number, tally: Tally, save: () => Promise<void>): Promise<boolean> {
  const { tf, options, step, feed, teachers, batches, rateAt } = run;
  const { recipe, classes, signal, train } = options;
  let savedAt = performance.now();
  // The first step, which is compiled, takes seconds.
  if (isStopped(signal)) {
    await save();
    return false;
  }
  while (tally.batch < batches) {
    const started = performance.now();
    const batch = await feed.next();
    const { images, labels } = tensorsOf(tf, batch, train, classes);
    step.learningRate = rateAt(epoch, tally.batch);
    const targets = teachers?.mix(images, labels) ?? labels;
    const { loss, metrics } = step.step(images, targets);
    tf.dispose([images, labels, targets]);
    tally.trainingMs += performance.now() - started;
    if (!Number.isFinite(loss))
      throw notFinite(`the loss became ${loss}`, step, `epoch ${epoch + 1}, batch ${tally.batch + 1}`);
    tally.batch++;
    tally.lossSum += loss * batch.count;
    tally.correct += Math.round(accuracyOf(metrics) * batch.count);
    const seen = (tally.batch - 1) * recipe.batchSize + batch.count;
    options.onStep?.({
      done: epoch * batches + tally.batch,
      total: options.epochs * batches,
      epoch: epoch + 1,
      learningRate: step.learningRate,
      batchLoss: loss,
      loss: tally.lossSum / seen,
      accuracy: tally.correct / seen,
    });
    // Ctrl-C and the threads are only heard between two turns of the event loop.
    await nextTurn();
    const stopped = isStopped(signal);
    if (stopped || performance.now() - savedAt >= (options.checkpointEveryMs ?? CHECKPOINT_EVERY_MS)) {
      await save();
      savedAt = performance.now();
    }
    if (stopped) return false;
  }
  return true;
}

function isStopped(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

export interface Score {
  readonly loss: number;
  readonly accuracy: number;
}

/** Mean loss and accuracy over a set. */
export function evaluate(tf: TensorFlow, step: CompiledStep, set: ImageSet, classes: number, average = false): Score {
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
    const { loss, metrics } = step.evaluate(images, labels, { average });
    tf.dispose([images, labels]);
    lossSum += loss * count;
    correct += Math.round(accuracyOf(metrics) * count);
  }
  return { loss: lossSum / set.images, accuracy: correct / set.images };
}

/** The network's output for every image of a set: [N, classes]. */
function predictAll(
  tf: TensorFlow,
  step: CompiledStep,
  set: ImageSet,
  classes: number,
  average: boolean,
): Float32Array {
  const answers = new Float32Array(set.images * classes);
  for (let start = 0; start < set.images; start += EVALUATION_BATCH) {
    const count = Math.min(EVALUATION_BATCH, set.images - start);
    const indices = Uint32Array.from({ length: count }, (_, index) => start + index);
    const { images, labels } = takeBatch(tf, set, indices, classes);
    const outputs = step.predict(images, { average });
    answers.set(outputs[0]?.dataSync<"float32">() ?? [], start * classes);
    tf.dispose([images, labels, ...outputs]);
  }
  return answers;
}

function accuracyOf(metrics: Readonly<Record<string, number>>): number {
  const accuracy = metrics["accuracy"] ?? metrics["acc"];
  if (accuracy === undefined)
    throw new TrainError(`the step gives no accuracy, only ${Object.keys(metrics).join(", ")}`);
  return accuracy;
}

/** The state of training, unless it is past saving: a finite loss can leave weights that are not. */
function soundState(step: CompiledStep, place: string): StepState {
  const state = step.state();
  const broken = state.variables.find(({ values }) => !values.every((value) => Number.isFinite(value)));
  if (broken !== undefined) throw notFinite(`${broken.name} holds numbers that are not finite`, step, place);
  return state;
}

function notFinite(what: string, step: CompiledStep, place: string): TrainError {
  return new TrainError(`${what} at step ${step.stepCount} (${place})`, {
    hint: "the last checkpoint was kept; try a smaller --learning-rate, or look at the data",
  });
}
