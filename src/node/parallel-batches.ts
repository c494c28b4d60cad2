/** How {@link parallelBatches} works. */
export interface BatchOptions {
  /** Results in a full batch. */
  readonly size: number;
  /** Items under work at a time. */
  readonly atOnce: number;
  /** When aborted, what is ready comes out, and nothing more. */
  readonly signal?: AbortSignal | undefined;
}

/** A source that gives nothing for so long gets what is ready out, as a smaller batch. */
const STALL_MS = 20;

type Outcome<Result> = { readonly value: Result } | { readonly fault: unknown };

/** An item's place in the order; empty until its work is done. */
interface Slot<Result> {
  outcome?: Outcome<Result>;
}

/**
 * Work on a stream's items side by side and hand the results on in the items' order, in batches that are full but for the
 * last and those before a stall. While a batch is with the caller the next one is worked on; no more than two batches
 * are held, however long the stream.
 *
 * @throws whatever the source or the work throws, after the results before it.
 */
export async function* parallelBatches<Item, Result>(
  source: AsyncIterable<Item>,
  work: (item: Item) => Promise<Result>,
  options: BatchOptions,
): AsyncGenerator<Result[]> {
  const { size, signal } = options;
  const intake = new Intake(source, work, options);
  const ring = (): void => intake.bell.ring();
  signal?.addEventListener("abort", ring);
  void intake.fill();
  try {
    for (let batch = await intake.take(size, signal); batch.length > 0; batch = await intake.take(size, signal)) {
      yield batch;
    }
  } finally {
    signal?.removeEventListener("abort", ring);
    intake.close();
  }
}

/** Items on their way: at most two batches of slots, in order. */
class Intake<Item, Result> {
  readonly bell: Bell = new Bell();
  readonly #source: AsyncIterator<Item>;
  readonly #work: (item: Item) => Promise<Result>;
  readonly #atOnce: number;
  readonly #capacity: number;
  readonly #slots: Slot<Result>[] = [];
  #running = 0;
  #ended = false;

  constructor(source: AsyncIterable<Item>, work: (item: Item) => Promise<Result>, { size, atOnce }: BatchOptions) {
    this.#source = source[Symbol.asyncIterator]();
    this.#work = work;
    this.#atOnce = atOnce;
    this.#capacity = 2 * size;
  }

  /** Pull items and start work on them wherever there is room, until the source ends, fails or is closed. */
  async fill(): Promise<void> {
    try {
      while (!this.#ended) {
        if (this.#slots.length >= this.#capacity || this.#running >= this.#atOnce) {
          await this.bell.heard();
          continue;
        }
        const next = await this.#source.next();
        if (next.done === true) break;
        this.#start(next.value);
      }
    } catch (fault) {
      this.#slots.push({ outcome: { fault } });
    }
    this.#ended = true;
    this.bell.ring();
  }

  #start(item: Item): void {
    const slot: Slot<Result> = {};
    this.#slots.push(slot);
    this.#running++;
    const settle = (outcome: Outcome<Result>): void => {
      slot.outcome = outcome;
      this.#running--;
      this.bell.ring();
    };
    this.#work(item).then(
      (value) => settle({ value }),
      (fault: unknown) => settle({ fault }),
    );
  }

  /** The next results in order; none when all are out. A fault is thrown once it is the first. */
  async take(size: number, signal: AbortSignal | undefined): Promise<Result[]> {
    for (let stalled = false; ;) {
      const ready = this.#ready(size);
      const fault = this.#faultAt(ready);
      if (signal?.aborted === true) return this.#shift(ready);
      if (fault !== undefined && ready === 0) throw fault.fault;
      const all = ready === this.#slots.length;
      if (ready === size || fault !== undefined) return this.#shift(ready);
      if (all && (this.#ended || (stalled && ready > 0))) return this.#shift(ready);
      stalled = !(await this.bell.heard(all && ready > 0 ? STALL_MS : undefined));
    }
  }

  /** How many of the first slots have their result, at most `most`. */
  #ready(most: number): number {
    const first = this.#slots.findIndex(({ outcome }) => outcome === undefined || "fault" in outcome);
    return Math.min(most, first === -1 ? this.#slots.length : first);
  }

  #faultAt(index: number): { readonly fault: unknown } | undefined {
    const outcome = this.#slots[index]?.outcome;
    return outcome !== undefined && "fault" in outcome ? outcome : undefined;
  }

  #shift(count: number): Result[] {
    const results = this.#slots
      .splice(0, count)
      .flatMap(({ outcome }) => (outcome !== undefined && "value" in outcome ? [outcome.value] : []));
    this.bell.ring();
    return results;
  }

  close(): void {
    this.#ended = true;
    this.bell.ring();
    void this.#source.return?.();
  }
}

/** Wakes whoever waits for a change. */
class Bell {
  #listeners: (() => void)[] = [];

  ring(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }

  /** True when it rang, false when `withinMs` went by first. */
  heard(withinMs?: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = withinMs === undefined ? undefined : setTimeout(() => resolve(false), withinMs);
      this.#listeners.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }
}
