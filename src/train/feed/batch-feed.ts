import { Worker } from "node:worker_threads";

import { TrainError } from "../../errors.ts";

import { BatchMaker, batchesOf, countOf, type BatchPlace, type FeedPlan, type HostBatch } from "./batch-maker.ts";
import type { Slot, WorkerStart } from "./messages.ts";

/** The batches of a run one after the other, across epochs. */
export interface BatchFeed {
  /** The next batch; its arrays are the feed's, and good until the next call. */
  next(): Promise<HostBatch>;
  close(): Promise<void>;
}

export interface FeedOptions {
  readonly plan: FeedPlan;
  /** The first batch to deliver. */
  readonly from: BatchPlace;
  /** Threads that make batches ahead; 0 makes each when it is asked for. Never changes a number. */
  readonly workers: number;
  /** Tests run sources that Node cannot. */
  readonly startWorker?: (start: WorkerStart) => Worker;
}

/** Batches that each worker makes ahead. */
const AHEAD = 3;

export function openFeed(options: FeedOptions): BatchFeed {
  return options.workers === 0 ? new InlineFeed(options) : new ThreadedFeed(options);
}

function slotFor({ store, batchSize, classes }: FeedPlan): Slot {
  const shared = (size: number): Float32Array<SharedArrayBuffer> =>
    new Float32Array(new SharedArrayBuffer(size * Float32Array.BYTES_PER_ELEMENT));
  return { images: shared(batchSize * store.height * store.width), labels: shared(batchSize * classes) };
}

/** A copy in this thread's own memory, which TensorFlow may keep. */
function takeFrom(slot: Slot, plan: FeedPlan, place: BatchPlace): HostBatch {
  const count = countOf(plan, place);
  const size = plan.store.height * plan.store.width;
  return {
    count,
    images: new Float32Array(slot.images.subarray(0, count * size)),
    labels: new Float32Array(slot.labels.subarray(0, count * plan.classes)),
  };
}

function after(plan: FeedPlan, { epoch, batch }: BatchPlace): BatchPlace {
  return batch + 1 < batchesOf(plan) ? { epoch, batch: batch + 1 } : { epoch: epoch + 1, batch: 0 };
}

class InlineFeed implements BatchFeed {
  readonly #plan: FeedPlan;
  readonly #maker: BatchMaker;
  readonly #slot: Slot;
  #place: BatchPlace;

  constructor({ plan, from }: FeedOptions) {
    this.#plan = plan;
    this.#maker = new BatchMaker(plan);
    this.#slot = slotFor(plan);
    this.#place = from;
  }

  next(): Promise<HostBatch> {
    const place = this.#place;
    this.#maker.make(place, this.#slot.images, this.#slot.labels);
    this.#place = after(this.#plan, place);
    return Promise.resolve(takeFrom(this.#slot, this.#plan, place));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A batch that was ordered. */
interface Pending {
  readonly place: BatchPlace;
  readonly slot: number;
  readonly done: Promise<void>;
}

/** Workers fill a ring of slots in shared memory; memory stays as it is however long the run. */
class ThreadedFeed implements BatchFeed {
  readonly #plan: FeedPlan;
  readonly #workers: readonly Worker[];
  readonly #slots: readonly Slot[];
  readonly #waiting = new Map<number, { readonly resolve: () => void; readonly reject: (cause: Error) => void }>();
  readonly #pending: Pending[] = [];
  #ordered = 0;
  #nextOrder: BatchPlace;
  #fault: TrainError | undefined;

  constructor({ plan, from, workers, startWorker = startBuiltWorker }: FeedOptions) {
    this.#plan = plan;
    this.#nextOrder = from;
    this.#slots = Array.from({ length: workers * AHEAD }, () => slotFor(plan));
    this.#workers = Array.from({ length: workers }, () => startWorker({ plan, slots: this.#slots }));
    for (const worker of this.#workers) {
      worker.on("message", (slot: number) => this.#waiting.get(slot)?.resolve());
      worker.on("error", (cause: unknown) => this.#fail(cause));
    }
    for (const slot of this.#slots.keys()) this.#order(slot);
  }

  async next(): Promise<HostBatch> {
    if (this.#fault !== undefined) throw this.#fault;
    const pending = this.#pending.shift();
    if (pending === undefined) throw new RangeError("the feed is closed");
    await pending.done;
    const slot = this.#slots[pending.slot];
    if (slot === undefined) throw new RangeError(`no slot ${pending.slot}`);
    const batch = takeFrom(slot, this.#plan, pending.place);
    this.#order(pending.slot);
    return batch;
  }

  #order(slot: number): void {
    const place = this.#nextOrder;
    if (place.epoch >= this.#plan.epochs) return;
    const done = new Promise<void>((resolve, reject) => this.#waiting.set(slot, { resolve, reject }));
    // It may fail before anyone waits for it.
    done.catch(() => undefined);
    this.#pending.push({ place, slot, done });
    this.#workers[this.#ordered % this.#workers.length]?.postMessage({ place, slot });
    this.#ordered++;
    this.#nextOrder = after(this.#plan, place);
  }

  #fail(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#fault = new TrainError(`a thread that makes batches failed: ${reason}`, {
      hint: "go on with train --resume; --workers 0 does without threads",
      cause,
    });
    for (const { reject } of this.#waiting.values()) reject(this.#fault);
  }

  async close(): Promise<void> {
    this.#pending.length = 0;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function startBuiltWorker(workerData: WorkerStart): Worker {
  return new Worker(new URL("./feed-worker.js", import.meta.url), { workerData });
}
