import { Random } from "../data/random.ts";
import { ToolError } from "../errors.ts";
import type { Session } from "../infer/runtime.ts";
import type { Tensor } from "../tensor.ts";

import { compareTensors, type Tolerance } from "./compare.ts";
import { freeDimensions, randomFeeds, type FeedSpec, type Sizes } from "./feeds.ts";

/** The model as TF.js runs it. */
export interface Reference {
  /** What computes: `wasm`, `cpu`, `tensorflow`. */
  readonly backend: string;
  /** Output tensors in the order of the model's outputs. */
  predict(feeds: Readonly<Record<string, Tensor>>): Promise<readonly Tensor[]>;
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
  readonly maxAbsDiff: number;
  readonly runs: readonly VerifyRun[];
}

/**
 * Free dimensions other than the batch, tried from small to large until TF.js accepts: a convolution without padding
 * refuses what is smaller than its kernel.
 */
const SIZE_LADDER: readonly (readonly [number, number])[] = [
  [5, 8],
  [33, 48],
  [96, 128],
  [224, 256],
];

/** The sets of sizes to run: every batch size, and two sizes of every other free dimension. */
function plan(specs: readonly FeedSpec[], batches: readonly number[], ladder: readonly [number, number]): Sizes[] {
  const names = freeDimensions(specs);
  const others = names.filter((name) => name !== "batch");
  const hasBatch = names.includes("batch");
  const turns = Math.max(hasBatch ? batches.length : 1, others.length > 0 ? 2 : 1);
  return Array.from({ length: turns }, (_, turn) => {
    const sizes = new Map<string, number>();
    if (hasBatch) sizes.set("batch", batches[turn % batches.length] ?? 1);
    others.forEach((name, index) => sizes.set(name, (ladder[turn % 2] ?? 8) + index));
    return sizes;
  });
}

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
): Promise<Verification> {
  const { sets, expected } = await runReference(reference, specs, options);
  const runs: VerifyRun[] = [];
  for (const session of sessions) {
    for (const [index, { sizes, feeds }] of sets.entries()) {
      const actual = await session.run(feeds);
      runs.push({
        runtime: session.runtime,
        provider: session.provider,
        batch: batchOf(feeds),
        sizes: Object.fromEntries([...sizes].filter(([name]) => name !== "batch")),
        outputs: compareOutputs(session, actual, expected[index] ?? [], options),
      });
    }
  }
  const outputs = runs.flatMap((run) => run.outputs);
  return {
    passed: outputs.every(({ passed }) => passed),
    ...options.tolerance,
    reference: `tfjs ${reference.backend}`,
    maxAbsDiff: outputs.reduce((most, { maxAbsDiff }) => Math.max(most, maxAbsDiff), 0),
    runs,
  };
}

interface FeedSet {
  readonly sizes: Sizes;
  readonly feeds: Readonly<Record<string, Tensor>>;
}

async function runReference(
  reference: Reference,
  specs: readonly FeedSpec[],
  { batches, seed }: VerifyOptions,
): Promise<{ readonly sets: readonly FeedSet[]; readonly expected: readonly (readonly Tensor[])[] }> {
  let failure: unknown = null;
  const free = freeDimensions(specs).some((name) => name !== "batch");
  for (const ladder of free ? SIZE_LADDER : SIZE_LADDER.slice(0, 1)) {
    const random = new Random(seed);
    const sets = plan(specs, batches, ladder).map((sizes) => ({ sizes, feeds: randomFeeds(specs, sizes, random) }));
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
