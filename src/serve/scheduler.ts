import { InferenceError } from "../errors.ts";
import { at } from "../require.ts";

import { faultOf, RequestFault } from "./fault.ts";
import type { Client } from "./client.ts";
import type { PictureAnswer, ReadPicture, RunTimes } from "./messages.ts";
import type { ServedModel } from "./served-model.ts";
import type { BatchRecord } from "./statistics.ts";
import { joinRows, splitRows, type TensorBytes } from "./tensor-bytes.ts";
import { RunError, type Worker } from "./worker.ts";

/** What one request asks of a model. */
export type Task =
  | { readonly kind: "run"; readonly inputs: readonly TensorBytes[]; readonly outputs: readonly string[] }
  | { readonly kind: "read"; readonly picture: Uint8Array };

/** The answer to a task of the same kind. */
export type Answer =
  | { readonly kind: "run"; readonly outputs: readonly TensorBytes[]; readonly timing: Timing }
  | { readonly kind: "read"; readonly reading: ReadPicture; readonly timing: Timing };

/** Milliseconds of a request in the queue and of the run that it was part of. */
export interface Timing {
  readonly waited: number;
  readonly ms: RunTimes;
  /** Rows that ran together. */
  readonly rows: number;
}

export interface SchedulerOptions {
  /** Rows of one run at most, unless a request alone has more. */
  readonly maxBatch: number;
  /** Milliseconds that a request waits for others to run with, from when it came and a process is free. */
  readonly maxDelay: number;
  /** Requests of one model that wait, at most. */
  readonly maxQueue: number;
  /** Bytes of all requests that wait, at most. */
  readonly maxQueueBytes: number;
  /** A run that takes more milliseconds has hung: its process is killed. */
  readonly runLimit: number;
  /** Whether a process is free. */
  readonly hasWorker: () => boolean;
  /** A process that is free, or undefined. */
  readonly takeWorker: () => Worker | undefined;
  readonly giveBack: (worker: Worker) => void;
  readonly onBatch: (model: ServedModel, record: BatchRecord) => void;
  readonly onNote: (model: ServedModel, note: string) => void;
}

/** A request from when it was taken until it has its answer. */
class Pending {
  readonly model: ServedModel;
  readonly task: Task;
  readonly rows: number;
  readonly bytes: number;
  /** Requests of equal keys may run together; null: runs alone. */
  readonly key: string | null;
  /** By the monotonic clock, which no change of the date moves. */
  readonly since: number = performance.now();
  /** It has its answer. */
  isSettled = false;
  /** It neither waits nor runs. */
  isFinished = false;
  readonly #onSettled: (pending: Pending, answer: Answer | RequestFault) => void;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #ignoreClient: () => void;

  constructor(
    model: ServedModel,
    { task, bytes, deadline, client }: Submission,
    onSettled: (pending: Pending, answer: Answer | RequestFault) => void,
  ) {
    this.model = model;
    this.task = task;
    this.bytes = bytes;
    this.#onSettled = onSettled;
    const { key, rows } = groupOf(model, task);
    this.key = key;
    this.rows = rows;
    if (Number.isFinite(deadline)) {
      this.#timer = setTimeout(() => this.settle(late()), Math.min(deadline, MOST_TIMEOUT));
    }
    this.#ignoreClient = client.onGone(() => this.settle(cancelled()));
  }

  /** The first answer counts. */
  settle(answer: Answer | RequestFault): void {
    if (this.isSettled) return;
    this.isSettled = true;
    clearTimeout(this.#timer);
    this.#ignoreClient();
    this.#onSettled(this, answer);
  }
}

interface Submission {
  readonly task: Task;
  readonly bytes: number;
  readonly deadline: number;
  readonly client: Client;
}

/**
 * Puts requests into a bounded queue for each model, and runs those of one model together. Requests whose deadline passes or whose
 * client goes away leave the queue at once.
 *
 * A request waits for others only while others can be expected: as many as were open at the same time before. Clients that send their
 * next request when they have the answer to the last one then run together, and one client alone does not wait for nobody.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #queues = new Map<ServedModel, Pending[]>();
  readonly #running = new Set<Promise<void>>();
  readonly #unfinished = new Map<ServedModel, number>();
  /** Requests of a model that may be open at the same time, as far as was seen: lowered after a wait in vain. */
  readonly #expected = new WeakMap<ServedModel, number>();
  readonly #onIdle = new Map<ServedModel, (() => void)[]>();
  #queuedBytes = 0;
  /** When a process became free after all were busy, by the monotonic clock. */
  #freeSince = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires; Infinity when none runs. */
  #wakesAt = Infinity;
  #isDraining = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Requests of a model that wait. */
  waiting(model: ServedModel): number {
    return this.#queues.get(model)?.length ?? 0;
  }

  /**
   * The answer to a task.
   *
   * @param deadline Milliseconds from now, after which the answer is of no use.
   * @throws {RequestFault} full at once, deadline, cancelled, unavailable, or what went wrong in the run
   */
  submit(model: ServedModel, task: Task, deadline: number, client: Client): Promise<Answer> {
    const bytes =
      task.kind === "read" ? task.picture.length : task.inputs.reduce((sum, each) => sum + each.bytes.length, 0);
    const queue = this.#queues.get(model) ?? [];
    const { maxQueue, maxQueueBytes } = this.#options;
    if (client.isGone) return Promise.reject(cancelled());
    if (deadline <= 0) return Promise.reject(late());
    if (queue.length >= maxQueue || (queue.length > 0 && this.#queuedBytes + bytes > maxQueueBytes)) {
      const fault = new RequestFault("full", `the queue of ${model.name} is full: ${queue.length} requests wait`, {
        hint: "send it again later",
      });
      return Promise.reject(fault);
    }
    return new Promise((resolve, reject) => {
      const pending = new Pending(model, { task, bytes, deadline, client }, (settled, answer) => {
        this.#remove(settled);
        if (answer instanceof RequestFault) reject(answer);
        else resolve(answer);
      });
      queue.push(pending);
      this.#queues.set(model, queue);
      this.#queuedBytes += bytes;
      const open = this.#count(model, 1);
      if (open > this.#expectedOf(model)) this.#expected.set(model, open);
      this.dispatch();
    });
  }

  /** Hand requests to free processes; to be called when one becomes free. */
  dispatch(): void {
    while (this.#queues.size > 0 && this.#options.hasWorker()) {
      const { model, wait, isDue } = this.#next();
      if (model === null) return;
      if (wait > 0) {
        this.#wakeIn(Math.ceil(wait));
        return;
      }
      const worker = this.#options.takeWorker();
      if (worker === undefined) return;
      if (!isDue) this.#expected.set(model, this.#unfinished.get(model) ?? 1);
      const run = this.#runBatch(worker, this.#take(model)).finally(() => {
        this.#running.delete(run);
        if (!this.#options.hasWorker()) this.#freeSince = performance.now();
        this.#options.giveBack(worker);
        this.dispatch();
      });
      this.#running.add(run);
    }
  }

  #wakeIn(wait: number): void {
    const wakesAt = performance.now() + wait;
    if (this.#wakesAt <= wakesAt) return;
    clearTimeout(this.#timer);
    this.#wakesAt = wakesAt;
    this.#timer = setTimeout(() => {
      this.#wakesAt = Infinity;
      this.dispatch();
    }, wait);
  }

  /** Resolves when no request for the model is left: none waits, none runs. */
  idle(model: ServedModel): Promise<void> {
    if ((this.#unfinished.get(model) ?? 0) === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.set(model, [...(this.#onIdle.get(model) ?? []), resolve]);
    });
  }

  /** No request waits for others any more. Resolves when all have been answered. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.dispatch();
    await Promise.all([...this.#unfinished.keys()].map((model) => this.idle(model)));
  }

  /** Answer all that are left with a fault. */
  refuseAll(fault: RequestFault): void {
    for (const pending of [...this.#queues.values()].flat()) pending.settle(fault);
  }

  /** The model whose oldest request has waited longest of those that are due, or milliseconds until one has waited enough. */
  #next(): { readonly model: ServedModel | null; readonly wait: number; readonly isDue: boolean } {
    const now = performance.now();
    let best: { model: ServedModel | null; wait: number; isDue: boolean; since: number } = {
      model: null,
      wait: Infinity,
      isDue: false,
      since: 0,
    };
    for (const [model, queue] of this.#queues) {
      const { since } = at(queue, 0);
      const isDue = this.#isDue(model, queue);
      const wait = isDue ? 0 : Math.max(0, Math.max(since, this.#freeSince) + this.#options.maxDelay - now);
      if (wait < best.wait || (wait === best.wait && since < best.since)) best = { model, wait, isDue, since };
    }
    return best;
  }

  /** Whether waiting for others is of no use. */
  #isDue(model: ServedModel, queue: readonly Pending[]): boolean {
    const head = at(queue, 0);
    if (this.#isDraining || head.key === null) return true;
    if ((this.#unfinished.get(model) ?? 0) >= this.#expectedOf(model)) return true;
    let rows = 0;
    for (const pending of queue) {
      if (pending.key === head.key) rows += pending.rows;
      if (rows >= this.#options.maxBatch) return true;
    }
    return false;
  }

  #expectedOf(model: ServedModel): number {
    return this.#expected.get(model) ?? Infinity;
  }

  /** The oldest request of a model, with those that can run together with it. */
  #take(model: ServedModel): Pending[] {
    const queue = this.#queues.get(model) ?? [];
    const head = at(queue, 0);
    const batch: Pending[] = [];
    const left: Pending[] = [];
    let rows = 0;
    for (const pending of queue) {
      const isFirst = pending === head;
      const joins = head.key !== null && pending.key === head.key && rows + pending.rows <= this.#options.maxBatch;
      if (isFirst || joins) {
        batch.push(pending);
        rows += pending.rows;
        this.#queuedBytes -= pending.bytes;
      } else {
        left.push(pending);
      }
    }
    if (left.length === 0) this.#queues.delete(model);
    else this.#queues.set(model, left);
    return batch;
  }

  async #runBatch(worker: Worker, batch: readonly Pending[]): Promise<void> {
    const { model } = at(batch, 0);
    const started = performance.now();
    const waited = batch.map(({ since }) => started - since);
    const impatience = setTimeout(() => worker.kill(), this.#options.runLimit);
    try {
      const { answers, ms, rows } = await runTogether(worker, model, batch);
      this.#options.onBatch(model, { rows, waited, ms });
      batch.forEach((pending, index) => {
        pending.settle(answerOf(at(answers, index), { waited: at(waited, index), ms, rows }));
      });
    } catch (error) {
      clearTimeout(impatience);
      if (batch.length > 1 && error instanceof InferenceError) {
        // The fault of one is not that of the others.
        if (error instanceof RowsError) {
          model.batches = false;
          this.#options.onNote(model, `${error.message}; from now on requests run one at a time`);
        }
        for (const pending of batch) if (!pending.isSettled) await this.#runBatch(worker, [pending]);
        return;
      }
      for (const pending of batch) pending.settle(error instanceof InferenceError ? refusal(error) : faultOf(error));
    } finally {
      clearTimeout(impatience);
      for (const pending of batch) if (pending.isSettled) this.#finish(pending);
    }
  }

  #finish(pending: Pending): void {
    if (pending.isFinished) return;
    pending.isFinished = true;
    this.#count(pending.model, -1);
  }

  /** Out of its queue, if it is still there. */
  #remove(pending: Pending): void {
    const queue = this.#queues.get(pending.model);
    const index = queue?.indexOf(pending) ?? -1;
    if (queue === undefined || index < 0) return;
    queue.splice(index, 1);
    if (queue.length === 0) this.#queues.delete(pending.model);
    this.#queuedBytes -= pending.bytes;
    this.#finish(pending);
  }

  /** @returns requests of the model that wait or run */
  #count(model: ServedModel, change: 1 | -1): number {
    const left = (this.#unfinished.get(model) ?? 0) + change;
    if (left > 0) {
      this.#unfinished.set(model, left);
      return left;
    }
    this.#unfinished.delete(model);
    for (const tell of this.#onIdle.get(model) ?? []) tell();
    this.#onIdle.delete(model);
    return 0;
  }
}

/** setTimeout takes no more. */
const MOST_TIMEOUT = 2 ** 31 - 1;

function cancelled(): RequestFault {
  return new RequestFault("cancelled", "the client went away");
}

function late(): RequestFault {
  return new RequestFault("deadline", "the deadline passed before the answer was there");
}

/** Which requests can run with this one, and how many rows it has. */
function groupOf(model: ServedModel, task: Task): Pick<Pending, "key" | "rows"> {
  if (task.kind === "read") return { key: model.batches ? "read" : null, rows: 1 };
  const rows = task.inputs[0]?.dims[0] ?? 0;
  const isEven = task.inputs.every(({ dims }) => dims[0] === rows);
  if (!model.batches || !isEven || rows === 0) return { key: null, rows: Math.max(1, rows) };
  // In the model's order of inputs, since requests may name them in any.
  const key = model.values.inputs.map(({ name }) => named(task.inputs, name).dims.slice(1).join(",")).join(";");
  return { key, rows };
}

/** The model did not give a row for each row. */
class RowsError extends InferenceError {}

interface Ran {
  readonly answers: readonly (readonly TensorBytes[] | PictureAnswer)[];
  readonly ms: RunTimes;
  readonly rows: number;
}

async function runTogether(worker: Worker, model: ServedModel, batch: readonly Pending[]): Promise<Ran> {
  const rows = batch.reduce((sum, pending) => sum + pending.rows, 0);
  const pictures = batch.flatMap(({ task }) => (task.kind === "read" ? [task.picture] : []));
  if (pictures.length > 0) return { ...(await worker.read(model.id, pictures)), rows };
  const tasks = batch.flatMap(({ task }) => (task.kind === "run" ? [task] : []));
  const outputs = [...new Set(tasks.flatMap((task) => task.outputs))];
  const inputs = model.values.inputs.map(({ name }) => joinRows(tasks.map((task) => named(task.inputs, name))));
  const ran = await worker.run(model.id, inputs, outputs);
  if (batch.length === 1) {
    // A request may ask for an output twice.
    const answers = tasks.map((task) => task.outputs.map((name) => named(ran.outputs, name)));
    return { answers, ms: ran.ms, rows };
  }
  const counts = batch.map((pending) => pending.rows);
  const parts = ran.outputs.map((output) => {
    if (output.dims[0] === rows) return splitRows(output, counts);
    throw new RowsError(`${model.title} gave ${output.dims[0]} rows of "${output.name}" for ${rows}`);
  });
  const answers = tasks.map((task, index) => {
    const own = parts.map((part) => at(part, index));
    return task.outputs.map((name) => named(own, name));
  });
  return { answers, ms: ran.ms, rows };
}

function named(tensors: readonly TensorBytes[], name: string): TensorBytes {
  const found = tensors.find((tensor) => tensor.name === name);
  if (found === undefined) throw new InferenceError(`there is no tensor "${name}"`);
  return found;
}

function answerOf(answer: readonly TensorBytes[] | PictureAnswer, timing: Timing): Answer | RequestFault {
  if ("error" in answer) return new RequestFault("unreadable", answer.error);
  if ("text" in answer) return { kind: "read", reading: answer, timing };
  return { kind: "run", outputs: answer, timing };
}

function refusal(error: InferenceError): RequestFault {
  const isInvalid = error instanceof RunError && error.isInvalid;
  return new RequestFault(isInvalid ? "invalid" : "internal", error.message, { cause: error });
}
