import { spawn, type ChildProcess } from "node:child_process";
import { lstatSync, readlinkSync, rmdirSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";

import { SetupError } from "../../errors.ts";

import { codeOf } from "../error-code.ts";

import { browserFlags } from "./browser-flags.ts";

/** A headless browser that shows one page. */
export interface Browser {
  /** Settles when the browser ends by itself, with the last it said. */
  readonly ended: Promise<string>;
  close(): Promise<void>;
}

const KEPT_OUTPUT = 4000;
const GRACE_MS = 3000;
const REMOVALS = 20;
const BETWEEN_REMOVALS_MS = 50;
const PREFIX = "tfjs-to-onnx-browser-";
/** A command of the Chrome DevTools Protocol, as the pipe takes it. */
function command(id: number, method: string, params: Readonly<Record<string, string>> = {}): string {
  return `${JSON.stringify({ id, method, params })}\0`;
}

/**
 * Start a browser on a page, with a profile of its own that is gone afterwards. It dies with this process: the pipe it
 * is told to listen on closes then.
 *
 * @throws {SetupError} when no profile can be made
 */
export async function launchBrowser(program: string, url: string): Promise<Browser> {
  const profile = await makeProfile();
  const args = [...browserFlags, "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank"];
  // In a process group of its own: a Ctrl-C in the terminal is for this program alone, which may have work to end first.
  const detached = process.platform !== "win32";
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"], detached });
  const exited = new Promise<void>((resolve) => {
    child.on("close", () => resolve());
  });
  const [, , , pipe, answers] = child.stdio;
  if (answers !== null && answers !== undefined && "resume" in answers) answers.resume();
  // By the pipe and not as an argument: every user of the machine sees the arguments of all processes.
  if (pipe instanceof Writable) pipe.write(command(1, "Target.createTarget", { url }));
  const letGo = atEnd(() => {
    killAll(child);
    removeProfile(profile);
  });
  return {
    ended: endOf(child),
    async close() {
      // A browser told to end by a signal leaves its socket behind.
      if (pipe instanceof Writable) pipe.end(command(2, "Browser.close"));
      const impatience = setTimeout(() => killAll(child), GRACE_MS);
      await exited;
      clearTimeout(impatience);
      letGo();
      removeProfile(profile);
    },
  };
}

async function makeProfile(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), PREFIX));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SetupError(`a browser's profile cannot be made in the temporary folder ${tmpdir()}: ${why}`, {
      hint: "free space there, or name another folder in TMPDIR",
      cause,
    });
  }
}

/** The browser and the processes it started, which would write on for a moment. */
function killAll(child: ChildProcess): void {
  if (child.pid === undefined) return;
  if (process.platform === "win32") {
    child.kill("SIGKILL");
    return;
  }
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // None is left, or none but dead ones, which macOS calls EPERM.
    if (codeOf(error) !== "ESRCH" && codeOf(error) !== "EPERM") throw error;
  }
}

/** Killed processes write for a moment more, into folders that are then not empty: it is tried again, since no one can be waited for at an exit. */
function removeProfile(profile: string): void {
  for (let tries = 1; ; tries++) {
    try {
      removeSocket(profile);
      rmSync(profile, { recursive: true, force: true });
      return;
    } catch {
      // What stays all the same is no reason to fail.
      if (tries === REMOVALS) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BETWEEN_REMOVALS_MS);
    }
  }
}

/** Chromium keeps its socket in a folder beside the profile, to which the profile has a link. */
function removeSocket(profile: string): void {
  const link = join(profile, "SingletonSocket");
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return;
  const folder = dirname(readlinkSync(link));
  for (const name of ["SingletonSocket", "SingletonCookie"]) rmSync(join(folder, name), { force: true });
  rmdirSync(folder);
  rmSync(link);
}

const DEADLY: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
const tasks = new Set<() => void>();

/** Run a task when this process ends, also by a signal that nobody else here listens to. @returns what calls it off */
function atEnd(task: () => void): () => void {
  if (tasks.size === 0) listen();
  tasks.add(task);
  return () => {
    tasks.delete(task);
    if (tasks.size === 0) stopListening();
  };
}

function listen(): void {
  process.on("exit", runTasks);
  for (const signal of DEADLY) process.on(signal, onSignal);
}

function stopListening(): void {
  process.off("exit", runTasks);
  for (const signal of DEADLY) process.off(signal, onSignal);
}

function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  // A second signal meanwhile waits, as long as it is listened for.
  runTasks();
  stopListening();
  process.kill(process.pid, signal);
}

function runTasks(): void {
  for (const task of tasks) task();
  tasks.clear();
}

async function endOf(child: ChildProcess): Promise<string> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    said = (said + chunk).slice(-KEPT_OUTPUT);
  });
  for (const pipe of child.stdio.slice(3)) pipe?.on("error", () => undefined);
  return new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) =>
      resolve([signal ?? `exit code ${code}`, lastLine(said)].filter(Boolean).join("; ")),
    );
  });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

/** The fault of a browser that ended before its time. */
export function endedEarly(program: string, how: string): SetupError {
  return new SetupError(`the browser ${program} ended: ${how}`, {
    hint: "run it again; if it ends each time, see whether it starts by itself with --headless, or name another in CHROME_PATH",
  });
}
