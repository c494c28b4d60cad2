import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { InferenceError } from "../errors.ts";

import { RequestFault } from "./fault.ts";
import type { LoadedValues, ModelFile, Order, PictureAnswer, Reply, RunTimes } from "./messages.ts";
import type { TensorBytes } from "./tensor-bytes.ts";

const WORKER = fileURLToPath(new URL("./serve-worker.js", import.meta.url));
/** A process that says nothing of its start for so long has hung. */
const START_MS = 60_000;

export interface RunAnswer {
  readonly outputs: readonly TensorBytes[];
  readonly ms: RunTimes;
}

export interface ReadAnswer {
  readonly answers: readonly PictureAnswer[];
  readonly ms: RunTimes;
}

/** A run that failed. */
export class RunError extends InferenceError {
  /** The inputs do not fit the model; else the runtime failed. */
  readonly isInvalid: boolean;

  constructor(reason: string, isInvalid: boolean) {
    super(reason);
    this.isInvalid = isInvalid;
  }
}

interface Waiting {
  resolve(reply: Reply): void;
  reject(fault: Error): void;
}

/** Starts a worker process; tests start others. */
export type ForkWorker = () => ChildProcess;

export const forkBuiltWorker: ForkWorker = () =>
  fork(WORKER, [], { serialization: "advanced", stdio: ["ignore", "ignore", "pipe", "ipc"], execArgv: [] });

/** A process that runs models. Whatever it was asked is rejected when it ends. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<string, Waiting>();
  readonly ended: Promise<void>;
  #jobs = 0;
  #hasEnded = false;
  #said = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#said = `${this.#said}${text}`.slice(-2000)));
    child.on("message", (reply: Reply) => this.#hear(reply));
    this.ended = new Promise((resolve) => {
      child.on("error", (error) => {
        // Of a message that cannot be sent to a process that has ended, "exit" tells; a process that could not be started has no "exit".
        if (child.pid !== undefined) return;
        this.#end(error.message);
        resolve();
      });
      child.once("exit", (code, signal) => {
        this.#end(signal ?? `code ${code}`);
        resolve();
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Resolves when the process takes orders. @throws {RequestFault} when it ends or does not start in time */
  async started(): Promise<void> {
    const impatience = setTimeout(() => this.kill(), START_MS);
    await this.#reply("ready").finally(() => clearTimeout(impatience));
  }

  /** @throws {InferenceError} when the runtime refuses the model. @throws {RequestFault} when the process ends over it */
  async load(model: number, file: ModelFile, threads: number): Promise<LoadedValues> {
    const reply = this.#reply(`load ${model}`);
    this.#tell({ kind: "load", model, file, threads });
    const got = await reply;
    if (got.kind === "loaded") return got.values;
    throw new InferenceError(got.kind === "refused" ? got.reason : `a worker answered "${got.kind}" to load`);
  }

  unload(model: number): void {
    this.#tell({ kind: "unload", model });
  }

  /** @throws {InferenceError} when the model fails on these inputs. @throws {RequestFault} when the process ends */
  async run(model: number, inputs: readonly TensorBytes[], outputs: readonly string[]): Promise<RunAnswer> {
    const job = this.#jobs++;
    const reply = this.#reply(`job ${job}`);
    this.#tell({ kind: "run", job, model, inputs, outputs });
    const got = await reply;
    if (got.kind === "ran") return got;
    throw runError(got);
  }

  /** As {@link run}, of picture files. */
  async read(model: number, pictures: readonly Uint8Array[]): Promise<ReadAnswer> {
    const job = this.#jobs++;
    const reply = this.#reply(`job ${job}`);
    this.#tell({ kind: "read", job, model, pictures });
    const got = await reply;
    if (got.kind === "read") return got;
    throw runError(got);
  }

  /** Let it leave; the orders that it has are lost. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Resolves when the process has ended. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const impatience = setTimeout(() => this.kill(), 2000);
    await this.ended.finally(() => clearTimeout(impatience));
  }

  #reply(key: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) reject(this.#gone("before it was asked"));
      else this.#waiting.set(key, { resolve, reject });
    });
  }

  #tell(order: Order): void {
    if (this.#child.connected) this.#child.send(order, () => undefined);
  }

  #hear(reply: Reply): void {
    const key = keyOf(reply);
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    waiting?.resolve(reply);
  }

  #end(how: string): void {
    this.#hasEnded = true;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#gone(how));
    this.#waiting.clear();
  }

  #gone(how: string): RequestFault {
    const last = this.#said.trim().split("\n").at(-1);
    const said = last === undefined || last === "" ? "" : `: ${last}`;
    return new RequestFault("unavailable", `the process that ran the model ended (${how})${said}`, {
      hint: "send the request again",
    });
  }
}

function runError(reply: Reply): RunError {
  if (reply.kind === "failed") return new RunError(reply.reason, reply.isInvalid);
  return new RunError(`a worker answered "${reply.kind}"`, false);
}

function keyOf(reply: Reply): string {
  switch (reply.kind) {
    case "ready":
      return "ready";
    case "loaded":
    case "refused":
      return `load ${reply.model}`;
    case "ran":
    case "read":
    case "failed":
      return `job ${reply.job}`;
    default:
      return reply satisfies never;
  }
}
