import type { ExportedModel } from "../../export/export-model.ts";
import type { Session } from "../../infer/runtime.ts";
import { getRuntime } from "../../infer/runtimes.ts";
import type { Target } from "../verify-model.ts";

import { compareSessions, type OutputLoss, type RightAnswers, type SessionComparison } from "./compare-sessions.ts";
import { measureLatency, type Latency } from "./latency.ts";
import { firstSample } from "./rows.ts";
import { firstBatch, type Samples } from "./samples.ts";

/** What smaller weights cost and gain, beside the same model with its weights as float32. */
export interface AccuracyReport {
  /** What the two files were run on. */
  readonly data: Pick<Samples, "kind" | "source" | "count">;
  readonly outputs: readonly OutputLoss[];
  /** Right answers on labelled samples; null without labels. */
  readonly accuracy: RightAnswers | null;
  /**
   * What `--max-loss` limits: with labels the share of right answers that is lost (not below 0), else the largest `loss` of an
   * output.
   */
  readonly loss: number;
  /** Sizes of the files. */
  readonly bytes: { readonly before: number; readonly after: number };
  /** Of one sample, where it was measured. */
  readonly latency: readonly Latency[];
}

/** The loss that a limit is set to. */
export function lossOf({ outputs, accuracy }: SessionComparison): number {
  if (accuracy !== null) return Math.max(0, accuracy.before - accuracy.after);
  // Math.max gives NaN when one is.
  return Math.max(...outputs.map(({ loss }) => loss));
}

/**
 * Measure a file beside the same model's float32 file.
 *
 * @param targets where latencies are measured
 * @throws {SetupError} when a runtime is not installed. @throws {InferenceError} when it refuses a file or the samples
 */
export async function measureAccuracy(
  before: Pick<ExportedModel, "bytes" | "byteLength">,
  after: Pick<ExportedModel, "bytes" | "byteLength">,
  samples: Samples,
  targets: readonly Target[],
): Promise<AccuracyReport> {
  const comparison = await withSessions(before.bytes, after.bytes, NODE, (exact, rounded) =>
    compareSessions(exact, rounded, samples),
  );
  const latency: Latency[] = [];
  for (const target of targets) {
    latency.push(
      await withSessions(before.bytes, after.bytes, target, (exact, rounded) =>
        measureLatency(exact, rounded, firstSample(exact.inputs, firstBatch(samples))),
      ),
    );
  }
  const { kind, source, count } = samples;
  return {
    data: { kind, source, count },
    ...comparison,
    loss: lossOf(comparison),
    bytes: { before: before.byteLength, after: after.byteLength },
    latency,
  };
}

const NODE: Target = { runtime: "node" };

/** Opens two files in one place for the time of some work. */
export async function withSessions<Result>(
  before: Uint8Array,
  after: Uint8Array,
  { runtime, provider, load }: Target,
  work: (before: Session, after: Session) => Promise<Result>,
): Promise<Result> {
  const open = async (bytes: Uint8Array): Promise<Session> => {
    if (load !== undefined) return load(bytes);
    return (await getRuntime(runtime)).load(bytes, provider === undefined ? {} : { provider });
  };
  const exact = await open(before);
  try {
    const rounded = await open(after);
    try {
      return await work(exact, rounded);
    } finally {
      await rounded.dispose();
    }
  } finally {
    await exact.dispose();
  }
}
