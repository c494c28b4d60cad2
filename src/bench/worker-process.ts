import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { InferenceError, ToolError } from "../errors.ts";

import { named } from "./contender.ts";
import type { Answered, Job, Reply, TimeRequest, Timed } from "./job.ts";

const WORKER = fileURLToPath(new URL("./bench-worker.js", import.meta.url));
/** A runtime that says nothing for so long has hung. */
const PATIENCE_MS = 180_000;
/** For a worker to end the browser that it drives. */
const GRACE_MS = 5000;

/** A worker that has answered once. */
export interface WorkerProcess {
  readonly answered: Answered;
  /** From before the process was started to its answer. */
  readonly coldStartMs: number;
  /** @throws {InferenceError} when the runtime fails or the process ends. */
  time(request: TimeRequest): Promise<Timed>;
  /** Resolves when the process has ended. */
  stop(): Promise<void>;
}

/**
 * Start a process for a contender and wait for its first answer.
 *
 * @throws {InferenceError} when it is not available here, with the reason. @throws {ToolError} when interrupted.
 */
export async function startWorker(job: Job, signal: AbortSignal): Promise<WorkerProcess> {
  if (signal.aborted) throw interrupted();
  const started = performance.now();
  const child = fork(WORKER, [JSON.stringify(job)], {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: process.env["TF_CPP_MIN_LOG_LEVEL"] ?? "2" },
    execArgv: [],
  });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  try {
    const answered = await replyOf(child, job, signal, "answered");
    const coldStartMs = performance.now() - started;
    return {
      answered,
      coldStartMs,
      time(request) {
        const timed = replyOf(child, job, signal, "timed");
        // A child that is gone is told of by its exit, heard or found.
        if (child.connected) child.send(request, () => undefined);
        return timed;
      },
      async stop() {
        end(child);
        await ended;
      },
    };
  } catch (error) {
    end(child);
    await ended;
    throw error;
  }
}

/**
 * Not asked to leave: WebAssembly that is still being compiled would hold it for a second. By a signal that it hears only where
 * it drives a browser, which goes with it.
 */
function end(child: ChildProcess): void {
  child.kill("SIGTERM");
  const impatience = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
  child.once("close", () => clearTimeout(impatience));
}

function isReply(value: unknown): value is Reply {
  return typeof value === "object" && value !== null && "kind" in value;
}

/** The next message of a child, which must be of the kind that is expected. */
function replyOf<Kind extends "answered" | "timed">(
  child: ChildProcess,
  job: Job,
  signal: AbortSignal,
  kind: Kind,
): Promise<Extract<Reply, { kind: Kind }>> {
  let said = "";
  const listen = (text: unknown): void => {
    said = `${said}${String(text)}`.slice(-2000);
  };
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void =>
      settle(() => reject(new InferenceError(`${named(job.contender).name}: ${reason}`)));
    const onMessage = (message: unknown): void => {
      if (!isReply(message)) return;
      if (isOfKind(message, kind)) settle(() => resolve(message));
      else fail(message.kind === "refused" ? message.reason : `sent ${message.kind} where ${kind} was expected`);
    };
    const onExit = (code: number | null, name: string | null): void => {
      const last = said.trim().split("\n").at(-1) ?? "";
      fail(`its process ended with ${name ?? `code ${code}`}${last === "" ? "" : `: ${last}`}`);
    };
    const onAbort = (): void => {
      end(child);
      settle(() => reject(interrupted()));
    };
    const timer = setTimeout(() => {
      end(child);
      fail(`no answer within ${PATIENCE_MS / 1000} s`);
    }, PATIENCE_MS);
    const settle = (then: () => void): void => {
      clearTimeout(timer);
      child.off("message", onMessage).off("exit", onExit);
      child.stderr?.off("data", listen);
      signal.removeEventListener("abort", onAbort);
      then();
    };
    child.on("message", onMessage).on("exit", onExit);
    child.stderr?.on("data", listen);
    signal.addEventListener("abort", onAbort);
    if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode);
  });
}

function isOfKind<Kind extends Reply["kind"]>(reply: Reply, kind: Kind): reply is Extract<Reply, { kind: Kind }> {
  return reply.kind === kind;
}

function interrupted(): ToolError {
  return new ToolError("interrupted");
}
