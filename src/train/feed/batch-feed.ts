import { Worker } from "node:worker_threads";

import { InternalError, TrainError } from "../../errors.ts";

import type { BatchPlace, BatchSource, HostBatch } from "./batch-maker.ts";
import type { Slot, WorkerStart } from "./messages.ts";
import { type FeedPlan, sourceOf } from "./plan.ts";

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

function slotFor({ room }: BatchSource): Slot {
  const shared = (size: number): Float32Array<SharedArrayBuffer> =>
    new Float32Array(new SharedArrayBuffer(room.count * size * Float32Array.BYTES_PER_ELEMENT));
  return { images: shared(room.imageSize), labels: shared(room.labelSize) };
}

/** A copy in this thread's own memory, which TensorFlow may keep. */
function takeFrom(slot: Slot, source: BatchSource, place: BatchPlace): HostBatch {
  const shape = source.shapeOf(place);
  const { count, imageSize, labelSize } = shape;
  return {
    ...shape,
    place,
    images: new Float32Array(slot.images.subarray(0, count * imageSize)),
    labels: new Float32Array(slot.labels.subarray(0, count * labelSize)),
  };
}

function after({ batches }: BatchSource, { epoch, batch }: BatchPlace): BatchPlace {
  return batch + 1 < batches ? { epoch, batch: batch + 1 } : { epoch: epoch + 1, batch: 0 };
}

class InlineFeed implements BatchFeed {
  readonly #source: BatchSource;
  readonly #slot: Slot;
  #place: BatchPlace;

  constructor({ plan, from }: FeedOptions) {
    this.#source = sourceOf(plan);
    this.#slot = slotFor(this.#source);
    this.#place = from;
  }

  async next(): Promise<HostBatch> {
    const place = this.#place;
    await this.#source.make(place, this.#slot.images, this.#slot.labels);
    this.#place = after(this.#source, place);
    return takeFrom(this.#slot, this.#source, place);
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
  readonly #epochs: number;
  readonly #source: BatchSource;
  readonly #workers: readonly Worker[];
  readonly #slots: readonly Slot[];
  readonly #waiting = new Map<number, { readonly resolve: () => void; readonly reject: (cause: Error) => void }>();
  readonly #pending: Pending[] = [];
  #ordered = 0;
  #nextOrder: BatchPlace;
  #fault: TrainError | undefined;

  constructor({ plan, from, workers, startWorker = startBuiltWorker }: FeedOptions) {
    this.#epochs = plan.epochs;
    this.#source = sourceOf(plan);
    this.#nextOrder = from;
    this.#slots = Array.from({ length: workers * AHEAD }, () => slotFor(this.#source));
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
    if (pending === undefined) throw new InternalError("the feed is closed, or the run is at its end");
    await pending.done;
    const slot = this.#slots[pending.slot];
    if (slot === undefined) throw new InternalError(`the feed has no slot ${pending.slot}`);
    const batch = takeFrom(slot, this.#source, pending.place);
    this.#order(pending.slot);
    return batch;
  }

  #order(slot: number): void {
    const place = this.#nextOrder;
    if (place.epoch >= this.#epochs) return;
    const done = new Promise<void>((resolve, reject) => this.#waiting.set(slot, { resolve, reject }));
    // It may fail before anyone waits for it.
    done.catch(() => undefined);
    this.#pending.push({ place, slot, done });
    this.#workers[this.#ordered % this.#workers.length]?.postMessage({ place, slot });
    this.#ordered++;
    this.#nextOrder = after(this.#source, place);
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
