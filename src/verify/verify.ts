import { Random } from "../data/random.ts";
import { ToolError } from "../errors.ts";
import type { Session } from "../infer/runtime.ts";
import type { Tensor } from "../tensor.ts";

import { compareTensors, type Tolerance } from "./compare.ts";
import { freeDimensions, nudged, randomFeeds, type FeedSpec, type Sizes } from "./feeds.ts";

/** The model as TF.js runs it. */
export interface Reference {
  /** What computes: `wasm`, `cpu`, `tensorflow`. */
  readonly backend: string;
  /** What a reader should know of the reference; null when it is TF.js running the model as it is. */
  readonly note: string | null;
  /** Output tensors in the order of the model's outputs. */
  predict(feeds: Readonly<Record<string, Tensor>>): Promise<readonly Tensor[]>;
  /**
   * Why TF.js cannot compute the model on these inputs, or null when it can. Some backends check no shapes and break for good
   * on those that do not fit; this asks one that checks them.
   */
  refusal(feeds: Readonly<Record<string, Tensor>>): Promise<Error | null>;
  dispose(): void;
}

export interface VerifyOptions {
  readonly tolerance: Tolerance;
  /** Sizes of the batch axis to try where it is free. */
  readonly batches: readonly number[];
  readonly seed: number;
  /** The file was exported without its final softmax: put it back before comparing. */
  readonly softmaxMissing?: boolean;
}

/** The comparison of one output in one run. */
export interface OutputComparison {
  readonly name: string;
  readonly maxAbsDiff: number;
  readonly maxRelDiff: number;
  readonly passed: boolean;
  readonly reason?: string;
}

/** One set of random inputs, run on both sides. */
export interface VerifyRun {
  readonly runtime: string;
  readonly provider: string;
  /** Nodes that the provider left to another, as `name (Operator)`. */
  readonly elsewhere: readonly string[];
  readonly batch: number;
  /** Sizes given to the other free dimensions. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly outputs: readonly OutputComparison[];
}

export interface Verification {
  readonly passed: boolean;
  readonly atol: number;
  readonly rtol: number;
  /** What TF.js computed on. */
  readonly reference: string;
  /** What else is to be known of it. */
  readonly note?: string;
  readonly maxAbsDiff: number;
  readonly runs: readonly VerifyRun[];
}

/** A verification, and what the first run that failed was fed with. */
export interface Verified {
  readonly verification: Verification;
  readonly failure: { readonly session: Session; readonly feeds: Readonly<Record<string, Tensor>> } | null;
}

/** Sizes of the free dimensions other than the batch: two turns, and what each further dimension has more than the first. */
interface SizeChoice {
  readonly turns: readonly [number, number];
  readonly step: number;
}

/**
 * Tried from small to large until TF.js accepts: a convolution without padding refuses what is smaller than its kernel, a
 * network that halves and doubles its sizes takes only multiples. First with all dimensions different, then all alike,
 * which inputs that are added up must be.
 */
const SIZE_LADDER: readonly SizeChoice[] = [
  { turns: [5, 8], step: 1 },
  { turns: [5, 8], step: 0 },
  { turns: [12, 16], step: 4 },
  { turns: [32, 48], step: 16 },
  { turns: [32, 48], step: 0 },
  { turns: [96, 128], step: 32 },
  { turns: [96, 128], step: 0 },
  { turns: [224, 256], step: 32 },
];

/** The sets of sizes to run: every batch size, and two sizes of every other free dimension. */
function plan(specs: readonly FeedSpec[], batches: readonly number[], { turns: both, step }: SizeChoice): Sizes[] {
  const names = freeDimensions(specs);
  const others = names.filter((name) => name !== "batch");
  const hasBatch = names.includes("batch");
  const turns = Math.max(hasBatch ? batches.length : 1, others.length > 0 ? 2 : 1);
  return Array.from({ length: turns }, (_, turn) => {
    const sizes = new Map<string, number>();
    if (hasBatch) sizes.set("batch", batches[turn % batches.length] ?? 1);
    others.forEach((name, index) => sizes.set(name, (both[turn % 2] ?? 8) + index * step));
    return sizes;
  });
}

/**
 * What random numbers are multiplied by, one after the other: on inputs so large that TF.js's own answer is off by as much
 * when they are off by a millionth, as those that drive a recurrence into chaos, equal numbers cannot be asked for.
 */
const SCALES: readonly number[] = [1, 1 / 4, 1 / 16];

/**
 * Run the model as TF.js has it and the exported file on the same random inputs, and compare every output.
 *
 * @throws {ToolError} when TF.js cannot run the model on any of the sizes tried.
 */
export async function verify(
  reference: Reference,
  sessions: readonly Session[],
  specs: readonly FeedSpec[],
  options: VerifyOptions,
): Promise<Verified> {
  let last: Verified | null = null;
  for (const scale of SCALES) {
    last = await verifyScaled(reference, sessions, specs, options, scale);
    if (last.failure === null) return last;
    if (!(await isIllConditioned(reference, last.failure.feeds, options.tolerance))) return last;
  }
  if (last === null) throw new RangeError("nothing was compared");
  return last;
}

/** Whether TF.js's own answer is out of tolerance when its inputs are off by a millionth. */
async function isIllConditioned(
  reference: Reference,
  feeds: Readonly<Record<string, Tensor>>,
  tolerance: Tolerance,
): Promise<boolean> {
  const near = nudged(feeds);
  if (near === null) return false;
  const [outputs, others] = [await reference.predict(feeds), await reference.predict(near)];
  return outputs.some((output, index) => {
    const other = others[index];
    const { maxAbsDiff, passed } = compareTensors(other ?? output, output, tolerance);
    return !passed && Number.isFinite(maxAbsDiff);
  });
}

async function verifyScaled(
  reference: Reference,
  sessions: readonly Session[],
  specs: readonly FeedSpec[],
  options: VerifyOptions,
  scale: number,
): Promise<Verified> {
  const { sets, expected } = await runReference(reference, sessions[0], specs, options, scale);
  const runs: VerifyRun[] = [];
  let failure: Verified["failure"] = null;
  for (const session of sessions) {
    for (const [index, { sizes, feeds }] of sets.entries()) {
      const actual = await session.run(feeds);
      const compared = compareOutputs(session, actual, expected[index] ?? [], options);
      if (compared.some(({ passed }) => !passed)) failure ??= { session, feeds };
      runs.push({
        runtime: session.runtime,
        provider: session.provider,
        elsewhere: session.elsewhere,
        batch: batchOf(feeds),
        sizes: Object.fromEntries([...sizes].filter(([name]) => name !== "batch")),
        outputs: compared,
      });
    }
  }
  const outputs = runs.flatMap((run) => run.outputs);
  const notes = [...(reference.note === null ? [] : [reference.note]), ...(scale === 1 ? [] : [scaleNote(scale)])];
  const verification = {
    passed: outputs.every(({ passed }) => passed),
    ...options.tolerance,
    reference: `tfjs ${reference.backend}`,
    ...(notes.length === 0 ? {} : { note: notes.join("; ") }),
    maxAbsDiff: outputs.reduce((most, { maxAbsDiff }) => Math.max(most, maxAbsDiff), 0),
    runs,
  };
  return { verification, failure };
}

function scaleNote(scale: number): string {
  return `compared on inputs of ${scale} times the usual size: on larger ones TF.js's own answer is off by more than the tolerance when its inputs are off by a millionth`;
}

interface FeedSet {
  readonly sizes: Sizes;
  readonly feeds: Readonly<Record<string, Tensor>>;
}

async function runReference(
  reference: Reference,
  session: Session | undefined,
  specs: readonly FeedSpec[],
  { batches, seed }: VerifyOptions,
  scale: number,
): Promise<{ readonly sets: readonly FeedSet[]; readonly expected: readonly (readonly Tensor[])[] }> {
  let failure: unknown = null;
  const free = freeDimensions(specs).some((name) => name !== "batch");
  for (const choice of free ? SIZE_LADDER : SIZE_LADDER.slice(0, 1)) {
    const random = new Random(seed);
    const sets = plan(specs, batches, choice).map((sizes) => ({
      sizes,
      feeds: randomFeeds(specs, sizes, random, scale),
    }));
    failure = await refusalOf(reference, session, sets);
    if (failure !== null) continue;
    try {
      const expected: (readonly Tensor[])[] = [];
      for (const { feeds } of sets) expected.push(await reference.predict(feeds));
      return { sets, expected };
    } catch (error) {
      failure = error;
    }
  }
  const message = failure instanceof Error ? failure.message : String(failure);
  throw new ToolError(`TF.js (${reference.backend}) cannot run the model: ${message}`, {
    cause: failure,
    hint: "the export could not be checked; --no-verify writes it all the same",
  });
}

/**
 * Why TF.js would refuse these inputs; asked only where the export does.
 *
 * @throws {InferenceError} when the export refuses what TF.js computes.
 */
async function refusalOf(
  reference: Reference,
  session: Session | undefined,
  sets: readonly FeedSet[],
): Promise<Error | null> {
  for (const { feeds } of sets) {
    try {
      await session?.run(feeds);
    } catch (error) {
      const refusal = await reference.refusal(feeds);
      if (refusal === null) throw error;
      return refusal;
    }
  }
  return null;
}

function batchOf(feeds: Readonly<Record<string, Tensor>>): number {
  return Object.values(feeds)[0]?.dims[0] ?? 1;
}

function compareOutputs(
  session: Session,
  actual: Readonly<Record<string, Tensor>>,
  expected: readonly Tensor[],
  { tolerance, softmaxMissing = false }: VerifyOptions,
): OutputComparison[] {
  return expected.map((want, index) => {
    const name = session.outputs[index]?.name ?? `output ${index}`;
    const got = actual[name];
    if (got === undefined) {
      return { name, maxAbsDiff: Number.NaN, maxRelDiff: Number.NaN, passed: false, reason: "there is no such output" };
    }
    const { maxAbsDiff, maxRelDiff, passed, reason } = compareTensors(
      softmaxMissing ? softmax(got) : got,
      want,
      tolerance,
    );
    return { name, maxAbsDiff, maxRelDiff, passed, ...(reason === null ? {} : { reason }) };
  });
}

/** Softmax over the last axis. */
function softmax(tensor: Tensor): Tensor {
  if (tensor.dtype !== "float32") return tensor;
  const width = tensor.dims.at(-1) ?? 1;
  const data = new Float32Array(tensor.data.length);
  for (let start = 0; start < data.length; start += width) {
    const row = tensor.data.subarray(start, start + width);
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const powers = Array.from(row, (logit) => Math.exp(logit - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    powers.forEach((power, index) => (data[start + index] = power / sum));
  }
  return { dtype: "float32", dims: tensor.dims, data };
}
