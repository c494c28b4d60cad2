import { InferenceError } from "../errors.ts";

import { RequestFault } from "./fault.ts";
import type { LoadedValues, ModelFile } from "./messages.ts";
import { Worker, type ForkWorker } from "./worker.ts";

export interface PoolOptions {
  readonly processes: number;
  /** Threads of one operator in each process. */
  readonly threads: number;
  readonly fork: ForkWorker;
  /** A process became free. */
  readonly onFree: () => void;
  /** A process ended that was not told to. */
  readonly onLost: (pid: number | undefined, fault: Error | null) => void;
}

/** Milliseconds before the second attempt to replace a process; each further one waits twice as long. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 10_000;
/** A process that lived so many milliseconds was not lost over its start. */
const LONG_LIFE = 10_000;

/** Processes that run models, each with all models loaded. One that ends is replaced. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #models = new Map<number, ModelFile>();
  readonly #workers = new Set<Worker>();
  readonly #free = new Set<Worker>();
  /** Those that load a model get no work. */
  readonly #loading = new Set<Worker>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  #failures = 0;
  #isStopping = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** @throws {RequestFault} when a process does not start */
  async start(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.processes }, () => this.#add()));
  }

  /** Processes that take work. */
  get size(): number {
    return this.#workers.size;
  }

  /** Whether a process could be taken. */
  get hasFree(): boolean {
    for (const worker of this.#free) if (!this.#loading.has(worker)) return true;
    return false;
  }

  /** A process that is free; it gets no other work until it is given back. */
  take(): Worker | undefined {
    for (const worker of this.#free) {
      if (this.#loading.has(worker)) continue;
      this.#free.delete(worker);
      return worker;
    }
    return undefined;
  }

  giveBack(worker: Worker): void {
    if (this.#workers.has(worker)) this.#free.add(worker);
  }

  /**
   * Load a model into each process in turn, while the others go on.
   *
   * @param probe Load it into a process of its own first, so that a file that brings the runtime down brings nothing else down.
   * @throws {InferenceError} when the runtime refuses it. @throws {RequestFault} when the process ends over it
   */
  async load(model: number, file: ModelFile, probe: boolean): Promise<LoadedValues> {
    let values = probe ? await this.#probe(model, file) : null;
    let fault: unknown = new RequestFault("unavailable", "no process runs that could load the model");
    this.#models.set(model, file);
    for (const worker of Array.from(this.#workers)) {
      this.#loading.add(worker);
      try {
        values = await worker.load(model, file, this.#options.threads);
      } catch (error) {
        fault = error;
        // One that ended meanwhile is replaced by one that loads all models.
        if (!worker.hasEnded) break;
      } finally {
        this.#loading.delete(worker);
        this.#options.onFree();
      }
    }
    if (values !== null && !(fault instanceof InferenceError)) return values;
    this.unload(model);
    throw fault;
  }

  async #probe(model: number, file: ModelFile): Promise<LoadedValues> {
    const worker = new Worker(this.#options.fork());
    try {
      await worker.started();
      return await worker.load(model, file, this.#options.threads);
    } finally {
      await worker.stop();
    }
  }

  unload(model: number): void {
    this.#models.delete(model);
    for (const worker of this.#workers) worker.unload(model);
  }

  /** End all processes; work that they have is lost. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    await Promise.all(Array.from(this.#workers, (worker) => worker.stop()));
  }

  async #add(): Promise<void> {
    const worker = new Worker(this.#options.fork());
    const born = performance.now();
    try {
      await worker.started();
      const loaded = new Set<number>();
      // More may come while these are loaded.
      for (let next = this.#missing(loaded); next !== undefined; next = this.#missing(loaded)) {
        const [model, file] = next;
        await worker.load(model, file, this.#options.threads);
        loaded.add(model);
        if (!this.#models.has(model)) worker.unload(model);
      }
    } catch (error) {
      await worker.stop();
      throw error;
    }
    if (this.#isStopping) {
      await worker.stop();
      return;
    }
    this.#workers.add(worker);
    this.#free.add(worker);
    void worker.ended.then(() => {
      this.#workers.delete(worker);
      this.#free.delete(worker);
      if (this.#isStopping) return;
      if (performance.now() - born > LONG_LIFE) this.#failures = 0;
      this.#options.onLost(worker.pid, null);
      this.#replace();
    });
    this.#options.onFree();
  }

  #missing(loaded: ReadonlySet<number>): [number, ModelFile] | undefined {
    for (const entry of this.#models) if (!loaded.has(entry[0])) return entry;
    return undefined;
  }

  #replace(): void {
    const delay = this.#failures === 0 ? 0 : Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#failures);
    this.#failures++;
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      this.#add().catch((cause: unknown) => {
        const fault = cause instanceof Error ? cause : new RequestFault("unavailable", String(cause));
        this.#options.onLost(undefined, fault);
        if (!this.#isStopping) this.#replace();
      });
    }, delay);
    this.#restarts.add(timer);
  }
}
