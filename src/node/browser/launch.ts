import { spawn, type ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { SetupError } from "../../errors.ts";

import { browserFlags } from "./browser-flags.ts";

/** A headless browser that shows one page. */
export interface Browser {
  /** Settles when the browser ends by itself, with the last it said. */
  readonly ended: Promise<string>;
  close(): Promise<void>;
}

const KEPT_OUTPUT = 4000;
const GRACE_MS = 3000;

/**
 * Start a browser on a page, with a profile of its own that is gone afterwards. It dies with this process: the pipe it
 * is told to listen on closes then.
 */
export async function launchBrowser(program: string, url: string): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "tfjs-to-onnx-browser-"));
  const args = [...browserFlags, "--remote-debugging-pipe", `--user-data-dir=${profile}`, url];
  // In a process group of its own: a Ctrl-C in the terminal is for this program alone, which may have work to end first.
  const detached = process.platform !== "win32";
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"], detached });
  const exited = new Promise<void>((resolve) => {
    child.on("close", () => resolve());
  });
  const dropAll = (): void => {
    child.kill("SIGKILL");
    rmSync(profile, { recursive: true, force: true });
  };
  const letGo = atEnd(dropAll);
  return {
    ended: endOf(child),
    async close() {
      letGo();
      child.kill("SIGTERM");
      const impatience = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
      await exited;
      clearTimeout(impatience);
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

const DEADLY: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Run a task when this process ends, also by a signal that nobody else here listens to. @returns what calls it off */
function atEnd(task: () => void): () => void {
  const onSignal = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 1) return;
    letGo();
    task();
    process.kill(process.pid, signal);
  };
  const letGo = (): void => {
    process.off("exit", task);
    for (const signal of DEADLY) process.off(signal, onSignal);
  };
  process.once("exit", task);
  for (const signal of DEADLY) process.on(signal, onSignal);
  return letGo;
}

async function endOf(child: ChildProcess): Promise<string> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    said = (said + chunk).slice(-KEPT_OUTPUT);
  });
  for (const pipe of child.stdio.slice(3)) pipe?.on("error", () => undefined);
  return new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(`${signal ?? `exit code ${code}`}; ${lastLine(said)}`));
  });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

/** The fault of a browser that ended before its time. */
export function endedEarly(program: string, how: string): SetupError {
  return new SetupError(`the browser ${program} ended: ${how}`, {
    hint: "see whether it starts by itself with --headless; name another in CHROME_PATH",
  });
}
