import type { Cost } from "./plan.ts";

/** What a verification is doing. */
export interface VerifyProgress {
  /** For people: `TF.js (wasm), batch 3, time 8`. */
  readonly task: string;
  /** Layers of the model computed in this task, and all of them; null where that is not known. */
  readonly layers: { readonly done: number; readonly of: number } | null;
  /** Runs compared so far, and all that are planned; null while something else is done. */
  readonly runs: { readonly done: number; readonly of: number } | null;
  /** Seconds since the verification began. */
  readonly seconds: number;
  /** Seconds that the whole takes by estimate; null while nothing is known. */
  readonly expected: number | null;
}

/** A verification stopped because it would take, or took, longer than it may. */
export class OutOfTime extends Error {}

export interface ClockOptions {
  /** Seconds that the verification may take; infinite for any time. */
  readonly limit: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

/** The longest wait that setTimeout takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Multiplications and additions that TF.js's backends make in a second on one usual core. */
const USUAL_SPEED: readonly (readonly [backend: string, perSecond: number])[] = [
  ["tensorflow", 1e10],
  ["wasm", 1e9],
  ["cpu", 1e8],
];

/** Time of one verification: how much has passed, how long runs take, and whether to stop. */
export class Clock {
  readonly limit: number;
  readonly #started = performance.now();
  readonly #options: ClockOptions;
  /** Seconds for a unit of cost; learnt from the runs made. */
  #rate: number | null = null;
  #task = "";
  #isAbandoned = false;
  #runs: VerifyProgress["runs"] = null;
  #expected: number | null = null;

  constructor(options: ClockOptions) {
    this.limit = options.limit;
    this.#options = options;
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** A new task begins. @throws what the signal was aborted with */
  begin(task: string, runs: VerifyProgress["runs"], expected: number | null): void {
    this.#task = task;
    this.#runs = runs;
    this.#expected = expected === null ? null : this.seconds + expected;
    this.#report(null);
  }

  /** The task goes on. @throws {OutOfTime} once the time is up */
  tick(done: number, of: number): void {
    this.#report({ done, of });
    if (this.seconds > this.limit) throw new OutOfTime(`not finished after ${Math.round(this.limit)} s`);
  }

  /** Whether something goes on that could not be waited for: nothing that it uses may be freed. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** What is computed elsewhere. @throws {OutOfTime} when it has not ended once the time is up */
  async within<Result>(work: Promise<Result>): Promise<Result> {
    if (this.limit === Infinity) return work;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const expired = new Promise<never>((_, reject) => {
      const left = Math.max(this.limit - this.seconds, 0) * 1000;
      timer = setTimeout(
        () => {
          this.#isAbandoned = true;
          reject(new OutOfTime(`a run did not end within ${Math.round(this.limit)} s`));
        },
        Math.min(left, LONGEST_TIMER_MS),
      );
    });
    try {
      return await Promise.race([work, expired]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A run of this cost took so many seconds. */
  learn({ units }: Cost, seconds: number): void {
    // A first run prepares kernels; the fastest run shows most of the computing.
    const rate = seconds / Math.max(units, 1);
    this.#rate = this.#rate === null ? rate : Math.min(this.#rate, rate);
  }

  /** Seconds for a run of this cost; null when there is nothing to go by. */
  estimate({ units, isWork }: Cost, reference: string): number | null {
    if (this.#rate !== null) return this.#rate * units;
    const [, speed] = USUAL_SPEED.find(([backend]) => reference.includes(backend)) ?? [];
    return isWork && speed !== undefined ? units / speed : null;
  }

  #report(layers: VerifyProgress["layers"]): void {
    const { signal, onProgress } = this.#options;
    signal?.throwIfAborted();
    onProgress?.({
      task: this.#task,
      layers,
      runs: this.#runs,
      seconds: this.seconds,
      expected: this.#expected,
    });
  }
}
