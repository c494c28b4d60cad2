import type { Session } from "../infer/runtime.ts";
import type { Tensor } from "../tensor.ts";
import { at } from "../require.ts";

/** A labelled set, handed out in batches: values [N, ...] of one input. */
export interface LabelledBatches {
  readonly images: number;
  readonly labels: Uint8Array;
  batch(start: number, count: number): Tensor;
}

/** What one runtime made of the whole set, beside the first of them. */
export interface Agreement {
  readonly runtime: string;
  readonly provider: string;
  /** Share of images whose most probable class is the label. */
  readonly accuracy: number;
  /** Images whose most probable class is not the first runtime's. */
  readonly otherAnswers: number;
  /** Largest difference of a probability from the first runtime's. */
  readonly maxAbsDiff: number;
  readonly seconds: number;
}

/**
 * Run every image of a set on every session, and compare each with the first session.
 *
 * @param onProgress told the images done on all sessions together
 */
export async function agreement(
  sessions: readonly Session[],
  set: LabelledBatches,
  batchSize: number,
  onProgress: (done: number) => void = () => undefined,
): Promise<Agreement[]> {
  const tallies = sessions.map(() => ({ correct: 0, otherAnswers: 0, maxAbsDiff: 0, milliseconds: 0 }));
  for (let start = 0; start < set.images; start += batchSize) {
    const count = Math.min(batchSize, set.images - start);
    const feed = set.batch(start, count);
    const truth = set.labels.subarray(start, start + count);
    let first: Tensor | null = null;
    for (const [index, session] of sessions.entries()) {
      const tally = tallies[index];
      if (tally === undefined) continue;
      const started = performance.now();
      const output = await classOutput(session, feed);
      tally.milliseconds += performance.now() - started;
      first ??= output;
      tally.correct += truth.reduce((sum, label, row) => sum + (argMax(output, row) === label ? 1 : 0), 0);
      tally.otherAnswers += truth.reduce(
        (sum, _, row) => sum + (argMax(output, row) === argMax(first ?? output, row) ? 0 : 1),
        0,
      );
      tally.maxAbsDiff = Math.max(tally.maxAbsDiff, largestDifference(output, first));
      onProgress(start * sessions.length + count * (index + 1));
    }
  }
  return sessions.map(({ runtime, provider }, index) => {
    const { correct = 0, otherAnswers = 0, maxAbsDiff = 0, milliseconds = 0 } = tallies[index] ?? {};
    return {
      runtime,
      provider,
      accuracy: correct / set.images,
      otherAnswers,
      maxAbsDiff,
      seconds: milliseconds / 1000,
    };
  });
}

async function classOutput(session: Session, feed: Tensor): Promise<Tensor> {
  const input = at(session.inputs, 0).name;
  const output = at(session.outputs, 0).name;
  const answer = (await session.run({ [input]: feed }))[output];
  if (answer === undefined) throw new RangeError(`${session.runtime} gave no output ${output}`);
  return answer;
}

/** Class with the largest value in one row of [N, classes]; the first of equals, -1 where a value is NaN. */
function argMax(output: Tensor, row: number): number {
  const classes = output.dims.at(-1) ?? 1;
  let best = 0;
  for (let index = 0; index < classes; index++) {
    const value = Number(output.data[row * classes + index]);
    if (Number.isNaN(value)) return -1;
    if (value > Number(output.data[row * classes + best])) best = index;
  }
  return best;
}

/** NaN when one of the two has a NaN. */
function largestDifference(a: Tensor, b: Tensor): number {
  let most = 0;
  for (let index = 0; index < a.data.length; index++) {
    most = Math.max(most, Math.abs(Number(a.data[index]) - Number(b.data[index])));
  }
  return most;
}
