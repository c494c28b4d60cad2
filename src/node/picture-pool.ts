import { Worker } from "node:worker_threads";

import { DataError } from "../errors.ts";
import type { ImageInput } from "../metadata.ts";

import type { PictureOrder, PictureReply, PictureSource, PictureWorkerStart } from "./picture-messages.ts";
import { prepareFile } from "./prepare-file.ts";

export interface PicturePoolOptions {
  readonly input: ImageInput;
  /** Threads that prepare pictures beside this one; 0 prepares all of them here. Never changes a number. */
  readonly workers: number;
  /** Milliseconds that a picture holds up this thread, from which on threads are started (default 0: always). */
  readonly worthMs?: number;
  /** When aborted, what is under work is given up, and {@link PicturePool.prepare} may throw its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Tests run sources that Node cannot. */
  readonly startWorker?: (start: PictureWorkerStart) => Worker;
}

/** So many pictures are done before threads have started. */
const FEW = 16;
/** Files that a thread has at a time: some are read while another is prepared. */
const PER_WORKER = 4;

/** Prepares picture files, in threads of its own once they are many. */
export class PicturePool {
  /** Files that are best under work at a time. */
  readonly atOnce: number;
  readonly #input: ImageInput;
  readonly #workers: number;
  readonly #signal: AbortSignal | undefined;
  readonly #start: (start: PictureWorkerStart) => Worker;
  #threads: readonly Thread[] = [];
  readonly #worthMs: number;
  #asked = 0;
  #heldUp = { pictures: 0, ms: 0 };
  #closed = false;

  constructor({ input, workers, worthMs = 0, signal, startWorker = startBuiltWorker }: PicturePoolOptions) {
    this.#input = input;
    this.#workers = workers;
    this.#worthMs = worthMs;
    this.#signal = signal;
    this.#start = startWorker;
    this.atOnce = PER_WORKER * Math.max(1, workers);
  }

  /**
   * See {@link prepareFile}. A thread that ends by a fault costs the pictures it had; another one takes its place.
   *
   * @throws {DataError} also when a thread ended over it
   */
  async prepare(picture: PictureSource): Promise<Float32Array<ArrayBuffer>> {
    if (++this.#asked > FEW && this.#isWorth && !this.#closed) this.#startMissing();
    const thread = this.#threads.find(({ isFree }) => isFree);
    return (await thread?.prepare(picture)) ?? this.#prepareHere(picture);
  }

  #prepareHere(picture: PictureSource): Promise<Float32Array<ArrayBuffer>> {
    const onPrepared = (ms: number): void => {
      this.#heldUp.pictures++;
      this.#heldUp.ms += ms;
    };
    return prepareFile(picture, this.#input, onPrepared, this.#signal);
  }

  get #isWorth(): boolean {
    return this.#heldUp.ms >= this.#worthMs * this.#heldUp.pictures;
  }

  #startMissing(): void {
    const alive = this.#threads.filter(({ hasEnded }) => !hasEnded);
    while (alive.length < this.#workers) alive.push(new Thread(this.#start({ input: this.#input })));
    this.#threads = alive;
  }

  /** Files under work are done first, unless the signal was aborted. */
  async close(): Promise<void> {
    this.#closed = true;
    const isOver = this.#signal?.aborted === true;
    await Promise.all(this.#threads.map((thread) => (isOver ? thread.abandon() : thread.close())));
  }
}

interface Waiting {
  /** Null: this thread cannot tell what is wrong. */
  resolve(image: Float32Array<ArrayBuffer> | null): void;
  reject(fault: DataError): void;
}

class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #isReady = false;
  #hasEnded = false;
  #reason = "it came to its end";
  #orders = 0;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", (reply: PictureReply) => this.#hear(reply));
    worker.on("error", (cause: unknown) => (this.#reason = cause instanceof Error ? cause.message : String(cause)));
    this.#ended = new Promise((resolve) => {
      worker.on("exit", () => {
        this.#end();
        resolve();
      });
    });
  }

  get isFree(): boolean {
    return this.#isReady && !this.#hasEnded && this.#waiting.size < PER_WORKER;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  prepare(picture: PictureSource): Promise<Float32Array<ArrayBuffer> | null> {
    const id = this.#orders++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#tell({ id, picture });
    });
  }

  async close(): Promise<void> {
    this.#tell(null);
    await this.#ended;
  }

  async abandon(): Promise<void> {
    await this.#worker.terminate();
  }

  #tell(order: PictureOrder): void {
    this.#worker.postMessage(order, []);
  }

  #hear(reply: PictureReply): void {
    if (reply.kind === "ready") {
      this.#isReady = true;
      return;
    }
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.kind === "refused") waiting?.reject(new DataError(reply.message));
    else waiting?.resolve(reply.kind === "image" ? reply.image : null);
  }

  #end(): void {
    this.#hasEnded = true;
    const fault = new DataError(`not read: the thread that prepared it ended (${this.#reason})`, {
      hint: "try it alone, or with --workers 0",
    });
    for (const waiting of this.#waiting.values()) waiting.reject(fault);
    this.#waiting.clear();
  }
}

function startBuiltWorker(workerData: PictureWorkerStart): Worker {
  return new Worker(new URL("./picture-worker.js", import.meta.url), { workerData });
}
