import type { RunTimes } from "./messages.ts";

/** How often something happened, and how long it took together. */
export interface Duration {
  count: number;
  ms: number;
}

/** What runs of equal size took. */
export type BatchDurations = Readonly<Record<"input" | "infer" | "output", Duration>>;

/** Requests that ran together. */
export interface BatchRecord {
  readonly rows: number;
  /** Milliseconds that each of the requests waited. */
  readonly waited: readonly number[];
  readonly ms: RunTimes;
}

/** What one version of a model has done since it was loaded, as Triton's statistics extension counts it. */
export class Statistics {
  /** Milliseconds since 1970; 0 before the first. */
  lastInference = 0;
  /** Rows. */
  inferences = 0;
  /** Runs of the model. */
  executions = 0;
  readonly success: Duration = zero();
  readonly fail: Duration = zero();
  readonly queue: Duration = zero();
  readonly input: Duration = zero();
  readonly infer: Duration = zero();
  readonly output: Duration = zero();
  /** By the rows of a run. */
  readonly batches: Map<number, BatchDurations> = new Map();

  addBatch({ rows, waited, ms }: BatchRecord): void {
    this.lastInference = Date.now();
    this.inferences += rows;
    this.executions++;
    for (const each of waited) add(this.queue, each);
    const batch = this.batches.get(rows) ?? { input: zero(), infer: zero(), output: zero() };
    this.batches.set(rows, batch);
    for (const part of ["input", "infer", "output"] as const) {
      add(this[part], ms[part]);
      add(batch[part], ms[part]);
    }
  }

  addRequest(succeeded: boolean, ms: number): void {
    add(succeeded ? this.success : this.fail, ms);
  }
}

function zero(): Duration {
  return { count: 0, ms: 0 };
}

function add(duration: Duration, ms: number): void {
  duration.count++;
  duration.ms += ms;
}
