import { InferenceError } from "../errors.ts";
import type { FeedSpec } from "../verify/feeds.ts";
import { at } from "../require.ts";

import { named, type Contender, type Named } from "./contender.ts";
import type { Timed } from "./job.ts";
import { startWorker, type WorkerProcess } from "./worker-process.ts";

/** A model in both its forms. */
export interface BenchModel {
  /** Path of the ONNX file. */
  readonly onnx: string;
  /** Path or address of the model.json; null when there is none, and TF.js is left out. */
  readonly json: string | null;
  /** Why there is none. */
  readonly noJson: string;
  /** See Job. */
  readonly inputs: readonly FeedSpec[];
}

export interface BenchOptions {
  readonly contenders: readonly Contender[];
  /** Every round measures everything once, all contenders in turn. */
  readonly rounds: number;
  /** Batch sizes, the smallest first: latency is measured at that one, throughput at all. */
  readonly batches: readonly number[];
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

/** What one contender did. Times in milliseconds. */
export interface BenchRun extends Named {
  /** From the start of a process to its first answer: median of the rounds. */
  readonly coldStartMs: number;
  /** Of that, to load the runtime and the model. */
  readonly loadMs: number;
  /** The first run in a new process. */
  readonly firstRunMs: number;
  /** Batch size of the latencies. */
  readonly batch: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly runs: number;
  /** Samples a second at each batch size, by the median run, and the best of them. */
  readonly throughput: readonly Throughput[];
  readonly best: Throughput;
  /** The first batch size that it could not run, above the smallest, and why; null when it ran all it was asked. */
  readonly failure: BatchFailure | null;
  /** Nodes that the provider left to another, as `name (Operator)`. */
  readonly elsewhere: readonly string[];
  /** Most memory of a process that answers once, and of one that ran every batch size; null in a browser, which is many. */
  readonly peakBytes: number | null;
  readonly peakBytesAllBatches: number | null;
  /** Largest difference of any output from the first contender's. */
  readonly maxAbsDiff: number;
}

export interface Throughput {
  readonly batch: number;
  readonly perSecond: number;
}

/** A batch size at which a contender failed, and why: most often for want of memory. */
export interface BatchFailure {
  readonly batch: number;
  readonly reason: string;
}

/** A contender that cannot run here, and why. */
export interface NotRun extends Named {
  readonly reason: string;
}

export interface BenchResult {
  readonly runs: readonly BenchRun[];
  readonly notRun: readonly NotRun[];
}

const LATENCY_MS = 300;
const THROUGHPUT_MS = 250;
const LEAST_RUNS = 10;
/** A batch that takes longer than this is the last that is tried. */
const LONGEST_RUN_MS = 2000;

/**
 * Measure a model on every contender: cold starts in fresh processes, the rest in one process each that lives on. The
 * contenders take turns in every round, in another order each, so that a slow minute of the machine hits all of them.
 * One that fails does not stop the others.
 *
 * @throws {ToolError} when interrupted
 */
export async function benchModel(model: BenchModel, options: BenchOptions): Promise<BenchResult> {
  const { contenders, rounds, onProgress } = options;
  const entrants: Entrant[] = [];
  const fallen = new Set<Entrant>();
  const notRun: NotRun[] = [];
  const total = contenders.length * (rounds + 1);
  let done = 0;
  const advance = (what: string): void => onProgress?.(++done, total, what);
  try {
    for (const contender of contenders) {
      const entrant = await enter(model, contender, options, notRun);
      if (entrant !== null) entrants.push(entrant);
      advance(named(contender).name);
    }
    for (let round = 0; round < rounds; round++) {
      for (const entrant of rotated(entrants, round)) {
        if (fallen.has(entrant)) continue;
        await measure(entrant, options).catch((error: unknown) => {
          notRun.push({ ...named(entrant.contender), reason: reasonOf(error, entrant.contender) });
          fallen.add(entrant);
        });
        advance(named(entrant.contender).name);
      }
    }
  } finally {
    await Promise.all(entrants.map(({ worker }) => worker.stop()));
  }
  const finished = entrants.filter((entrant) => !fallen.has(entrant));
  const [first] = finished;
  return { runs: first === undefined ? [] : finished.map((entrant) => summary(entrant, first, options)), notRun };
}

/** A contender in the race, and its figures so far. */
interface Entrant {
  readonly contender: Contender;
  /** Start a fresh process that answers, once or as often as it is asked. */
  start(once: boolean): Promise<WorkerProcess>;
  /** The process that lives on. */
  worker: WorkerProcess;
  readonly coldStarts: WorkerProcess[];
  readonly latencies: number[];
  /** Milliseconds of the runs at each batch size. */
  readonly timesMs: Map<number, number[]>;
  peakBytesAllBatches: number;
  failure: BatchFailure | null;
}

async function enter(
  model: BenchModel,
  contender: Contender,
  { batches, signal }: BenchOptions,
  notRun: NotRun[],
): Promise<Entrant | null> {
  const path = contender.runtime === "tfjs" ? model.json : model.onnx;
  if (path === null) {
    notRun.push({ ...named(contender), reason: model.noJson });
    return null;
  }
  const start = (once: boolean): Promise<WorkerProcess> =>
    startWorker({ contender, model: path, inputs: model.inputs, batch: at(batches, 0), once }, signal);
  try {
    return {
      contender,
      start,
      worker: await start(false),
      coldStarts: [],
      latencies: [],
      timesMs: new Map(),
      peakBytesAllBatches: 0,
      failure: null,
    };
  } catch (error) {
    notRun.push({ ...named(contender), reason: reasonOf(error, contender) });
    return null;
  }
}

/** Why a contender failed, without its name. @throws what is no fault of the contender, e.g. an interruption */
function reasonOf(error: unknown, contender: Contender): string {
  if (!(error instanceof InferenceError)) throw error;
  return error.message.replace(`${named(contender).name}: `, "");
}

async function measure(entrant: Entrant, { batches, signal }: BenchOptions): Promise<void> {
  const cold = await entrant.start(true);
  entrant.coldStarts.push(cold);
  await cold.stop();
  const [least = 1] = batches;
  const latency = await entrant.worker.time({ batch: least, leastRuns: LEAST_RUNS, forMs: LATENCY_MS });
  entrant.latencies.push(...latency.timesMs);
  for (const batch of batches) {
    if (signal.aborted || batch === entrant.failure?.batch) return;
    const timed = await timeBatch(entrant, batch, batch === least);
    if (timed === null) return;
    entrant.timesMs.set(batch, [...(entrant.timesMs.get(batch) ?? []), ...timed.timesMs]);
    entrant.peakBytesAllBatches = Math.max(entrant.peakBytesAllBatches, timed.peakBytes);
    if (quantile(timed.timesMs, 0.5) > LONGEST_RUN_MS) return;
  }
}

/** Null where a batch size other than the smallest fails; another process then takes the place of the one that ran it. */
async function timeBatch(entrant: Entrant, batch: number, isLeast: boolean): Promise<Timed | null> {
  try {
    return await entrant.worker.time({ batch, leastRuns: 1, forMs: THROUGHPUT_MS });
  } catch (error) {
    if (isLeast) throw error;
    entrant.failure = { batch, reason: reasonOf(error, entrant.contender) };
    entrant.timesMs.delete(batch);
    await entrant.worker.stop();
    entrant.worker = await entrant.start(false);
    return null;
  }
}

function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const shift = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(shift), ...items.slice(0, shift)];
}

function summary(entrant: Entrant, reference: Entrant, { batches }: BenchOptions): BenchRun {
  const { contender, coldStarts, latencies, worker } = entrant;
  const throughput = Array.from(entrant.timesMs, ([batch, times]) => ({
    batch,
    perSecond: (batch * 1000) / quantile(times, 0.5),
  }));
  const best = throughput.reduce((most, each) => (each.perSecond > most.perSecond ? each : most), {
    batch: 0,
    perSecond: 0,
  });
  const peak = quantile(
    coldStarts.map(({ answered }) => answered.peakBytes),
    0.5,
  );
  return {
    ...named(contender),
    coldStartMs: quantile(
      coldStarts.map(({ coldStartMs }) => coldStartMs),
      0.5,
    ),
    loadMs: quantile(
      coldStarts.map(({ answered }) => answered.loadMs),
      0.5,
    ),
    firstRunMs: quantile(
      coldStarts.map(({ answered }) => answered.firstRunMs),
      0.5,
    ),
    batch: at(batches, 0),
    medianMs: quantile(latencies, 0.5),
    p95Ms: quantile(latencies, 0.95),
    runs: latencies.length,
    throughput,
    best,
    failure: entrant.failure,
    elsewhere: worker.answered.elsewhere,
    peakBytes: contender.browser === true ? null : peak,
    peakBytesAllBatches: contender.browser === true ? null : entrant.peakBytesAllBatches,
    maxAbsDiff: largestDifference(worker.answered.output, reference.worker.answered.output),
  };
}

/** The value that so large a share of all stays at or under. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

function largestDifference(a: Float64Array, b: Float64Array): number {
  if (a.length !== b.length) return Number.NaN;
  return a.reduce((most, value, index) => {
    const difference = Math.abs(value - (b[index] ?? Number.NaN));
    return Number.isNaN(difference) || difference > most ? difference : most;
  }, 0);
}
