import { setImmediate as nextTurn } from "node:timers/promises";

import type * as tfjs from "@tensorflow/tfjs";

import { TrainError } from "../errors.ts";

import type { Checkpoint, RunIdentity, RunPlan } from "./checkpoint.ts";
import { compileStep, type CompiledStep, type StepState, type TensorFlow } from "./compile/index.ts";
import type { BatchPlace } from "./feed/batch-maker.ts";
import { bestOf, type EpochRecord } from "./history.ts";
import type { Recipe } from "./recipe.ts";
import { shareOf } from "./schedule.ts";
import { accuracyOf } from "./tasks/classify.ts";
import type { Score, Task, TaskRun } from "./tasks/task.ts";

/** Keras's default; TF.js's own would be its backend's smallest float. */
const ADAM_EPSILON = 1e-7;
const CHECKPOINT_EVERY_MS = 60_000;

export interface FitOptions<Answers> {
  readonly model: tfjs.LayersModel;
  /** What is learnt, and from which samples. */
  readonly task: Task<Answers>;
  readonly recipe: Recipe;
  readonly epochs: number;
  /** Written into every checkpoint. */
  readonly run: RunIdentity;
  readonly plan: RunPlan;
  /** Go on from here instead of drawing new weights. */
  readonly from?: Checkpoint;
  /** Begin with the weights that the model has, instead of drawing new ones. */
  readonly begun?: boolean;
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

export interface FitResult<Answers> {
  readonly history: readonly EpochRecord[];
  /** False when it was interrupted. */
  readonly finished: boolean;
  readonly mode: "graph" | "eager";
  /** Of the weights that the model ends with; absent when it was interrupted. */
  readonly test?: Score;
  /** What the network says of the test part with those weights. */
  readonly answers?: Answers;
  /** The epoch, from 1, whose weights the model ends with. */
  readonly keptEpoch: number;
}

/** What is counted in one epoch. */
interface Tally {
  batch: number;
  samples: number;
  lossSum: number;
  correct: number;
  trainingMs: number;
}

/** A run in progress. */
interface Run<Answers> {
  readonly options: FitOptions<Answers>;
  readonly step: CompiledStep;
  readonly task: TaskRun<Answers>;
  readonly tf: TensorFlow;
  readonly batches: number;
  /** The learning rate of a batch of an epoch. */
  readonly rateAt: (epoch: number, batch: number) => number;
}

/**
 * Train with Adam; score the validation part after each epoch, or the test part where there is none. The weights end in
 * the model's variables, those of an interrupted run too. Under one seed a run that was stopped and resumed ends with
 * the weights of an unbroken one, however many threads prepare its batches.
 *
 * @throws {TrainError} when the loss is no longer finite; the last checkpoint stays as it was
 */
export async function fit<Answers>(tf: TensorFlow, options: FitOptions<Answers>): Promise<FitResult<Answers>> {
  const { model, recipe, epochs, task, from, eager = false, workers = 0, onNote } = options;
  if (from === undefined && options.begun !== true) task.initialise(tf, model, recipe.seed);
  const step = stepOf(tf, options);
  const batches = task.batches(recipe);
  const run = task.start(tf, { model, recipe, epochs, from: placeAfter(from, batches), workers, eager, onNote });
  try {
    if (from !== undefined) step.setState(from.state);
    const share = shareOf(recipe.schedule, epochs);
    const rateAt = (epoch: number, batch: number): number =>
      recipe.learningRate * share(epoch + (batch + 0.5) / batches);
    return await runEpochs({ tf, options, step, task: run, batches, rateAt });
  } finally {
    await run.close();
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

function stepOf<Answers>(tf: TensorFlow, { model, task, recipe, eager, onNote }: FitOptions<Answers>): CompiledStep {
  const { learningRate, weightDecay, clipNorm, averageDecay, seed } = recipe;
  return compileStep(tf, {
    model,
    ...task.objective(tf, recipe),
    optimizer: { name: "adam", learningRate, epsilon: ADAM_EPSILON },
    seed,
    mode: eager === true ? "eager" : "auto",
    weightDecay,
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(averageDecay === undefined ? {} : { averageDecay }),
    ...(onNote === undefined ? {} : { onNote }),
  });
}

async function runEpochs<Answers>(run: Run<Answers>): Promise<FitResult<Answers>> {
  const { options, step } = run;
  const { from } = options;
  const history = [...(from?.history ?? [])];
  let tally: Tally =
    from === undefined
      ? emptyTally()
      : {
          batch: from.batch,
          samples: from.samples,
          lossSum: from.lossSum,
          correct: from.correct,
          trainingMs: from.trainingMs,
        };
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
  for (let epoch = history.length; epoch < options.epochs && !isHopeless(history, options.recipe); epoch++) {
    const finished = await trainEpoch(run, epoch, tally, () => options.save(checkpoint(epoch)));
    if (!finished) {
      step.pull({ average: isAveraged(options.recipe) });
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
function isHopeless(history: readonly EpochRecord[], { patience }: Recipe): boolean {
  if (patience === undefined) return false;
  const best = bestOf(history);
  return best !== undefined && history.length - best.epoch >= patience;
}

/** Settle on the weights to keep, put them into the model, and score the test part. */
async function finish<Answers>(run: Run<Answers>, history: readonly EpochRecord[]): Promise<FitResult<Answers>> {
  const { options, step, task } = run;
  const best = options.recipe.keepBest ? bestOf(history) : undefined;
  if (best !== undefined && best.epoch !== history.length && options.best !== undefined) {
    step.setState((await options.best.load()).state);
  }
  const average = isAveraged(options.recipe);
  const last = history.at(-1);
  const test =
    !options.task.validated && last?.testLoss !== undefined && last.testAccuracy !== undefined
      ? {
          loss: last.testLoss,
          accuracy: last.testAccuracy,
          ...(last.characterErrors === undefined ? {} : { characterErrors: last.characterErrors }),
        }
      : task.evaluate(step, "test", average);
  const answers = task.answers(step, average);
  step.pull({ average });
  return { history, finished: true, mode: step.mode, test, answers, keptEpoch: best?.epoch ?? history.length };
}

function isAveraged({ averageDecay }: Recipe): boolean {
  return averageDecay !== undefined;
}

function recordOf<Answers>(run: Run<Answers>, epoch: number, tally: Tally): EpochRecord {
  const { options, step, task, rateAt, batches } = run;
  const { validated } = options.task;
  const scored = task.evaluate(step, validated ? "validation" : "test", isAveraged(options.recipe));
  const { characterErrors } = scored;
  return {
    epoch: epoch + 1,
    loss: tally.lossSum / tally.samples,
    accuracy: tally.correct / tally.samples,
    ...(validated
      ? { validationLoss: scored.loss, validationAccuracy: scored.accuracy }
      : { testLoss: scored.loss, testAccuracy: scored.accuracy }),
    ...(characterErrors === undefined ? {} : { characterErrors }),
    learningRate: rateAt(epoch, batches - 1),
    msPerStep: tally.trainingMs / tally.batch,
  };
}

function emptyTally(): Tally {
  return { batch: 0, samples: 0, lossSum: 0, correct: 0, trainingMs: 0 };
}

/** @returns false when it was interrupted (and has saved) */
async function trainEpoch<Answers>(
  run: Run<Answers>,
  epoch: number,
  tally: Tally,
  save: () => Promise<void>,
): Promise<boolean> {
  const { tf, options, step, task, batches, rateAt } = run;
  const { signal } = options;
  let savedAt = performance.now();
  // The first step, which is compiled, takes seconds.
  if (isStopped(signal)) {
    await save();
    return false;
  }
  while (tally.batch < batches) {
    const started = performance.now();
    const { xs, ys, count } = await task.next();
    step.learningRate = rateAt(epoch, tally.batch);
    const { loss, metrics } = step.step(xs, ys);
    tf.dispose([xs, ys]);
    tally.trainingMs += performance.now() - started;
    if (!Number.isFinite(loss))
      throw notFinite(`the loss became ${loss}`, step, `epoch ${epoch + 1}, batch ${tally.batch + 1}`);
    tally.batch++;
    tally.samples += count;
    tally.lossSum += loss * count;
    tally.correct += Math.round(accuracyOf(metrics) * count);
    options.onStep?.({
      done: epoch * batches + tally.batch,
      total: options.epochs * batches,
      epoch: epoch + 1,
      learningRate: step.learningRate,
      batchLoss: loss,
      loss: tally.lossSum / tally.samples,
      accuracy: tally.correct / tally.samples,
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
