import type { Session, Tensors } from "../../infer/runtime.ts";
import { at } from "../../require.ts";

/** Median milliseconds of a run of one sample, before and after. */
export interface Latency {
  readonly runtime: string;
  readonly provider: string;
  readonly before: number;
  readonly after: number;
}

const WARM_UP = 3;
const MOST_RUNS = 101;
const LEAST_RUNS = 5;
/** Milliseconds after which no more runs are made. */
const TIME = 1000;

/** Time two files on the same inputs, in turn, so that whatever else the machine does falls on both. */
export async function measureLatency(before: Session, after: Session, feeds: Tensors): Promise<Latency> {
  const times = { before: [] as number[], after: [] as number[] };
  for (let run = 0; run < WARM_UP; run++) {
    await before.run(feeds);
    await after.run(feeds);
  }
  const started = performance.now();
  while (times.after.length < MOST_RUNS) {
    times.before.push(await timeOf(before, feeds));
    times.after.push(await timeOf(after, feeds));
    if (times.after.length >= LEAST_RUNS && performance.now() - started > TIME) break;
  }
  const { runtime, provider } = after;
  return { runtime, provider, before: median(times.before), after: median(times.after) };
}

async function timeOf(session: Session, feeds: Tensors): Promise<number> {
  const started = performance.now();
  await session.run(feeds);
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  return at(
    values.toSorted((a, b) => a - b),
    Math.floor(values.length / 2),
  );
}
