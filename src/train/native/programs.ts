import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { Socket } from "node:net";
import { delimiter, join } from "node:path";
import type { Environment } from "../../node/environment.ts";

const KEPT_OUTPUT = 20_000;

/** How a program ended, and the last it said on stdout and stderr together. */
export interface ProgramResult {
  readonly ok: boolean;
  /** Exit code or signal, for messages. */
  readonly ending: string;
  readonly signal: string | null;
  readonly output: string;
}

export interface RunOptions {
  /** Characters of what it says that are kept, the last ones. */
  readonly keptOutput?: number;
  readonly env?: Environment;
  readonly signal?: AbortSignal | undefined;
  /** End it when this process ends, however that ends: by SIGKILL too. Where there is a shell (not on Windows). */
  readonly tethered?: boolean;
}

/**
 * Runs its arguments, and ends them when descriptor 3 is closed, which the end of the process that holds the other side of that
 * pipe does.
 */
const TETHER = `
"$@" 3<&- & child=$!
(read -r _ <&3; kill -TERM $child 2>/dev/null) >/dev/null 2>&1 & watcher=$!
trap 'kill -TERM $child 2>/dev/null' TERM
wait $child; status=$?
if kill -0 $child 2>/dev/null; then wait $child; status=$?; fi
kill $watcher 2>/dev/null
exit $status`;

/** Full path of a program on `PATH`, if it can be run. */
export function findProgram(name: string, env: Environment = process.env): string | undefined {
  if (name.includes("/")) return isExecutable(name) ? name : undefined;
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Run a program to its end without a terminal. A program that cannot be started is a result that is not `ok`. */
export async function runProgram(command: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
  const isTethered = options.tethered === true && process.platform !== "win32";
  const [program = "", ...args] = isTethered ? ["/bin/sh", "-c", TETHER, "sh", ...command] : command;
  const { keptOutput = KEPT_OUTPUT } = options;
  options.signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe", isTethered ? "pipe" : "ignore"],
    });
    const [, stdout, stderr, tether] = child.stdio;
    tether?.on("error", () => undefined);
    // Unread, it would never close, and the program would seem to run on.
    if (tether instanceof Socket) tether.resume();
    let output = "";
    const keep = (chunk: string): void => {
      output = (output + chunk).slice(-keptOutput);
    };
    stdout?.setEncoding("utf8").on("data", keep);
    stderr?.setEncoding("utf8").on("data", keep);
    const abort = (): void => void child.kill("SIGTERM");
    options.signal?.addEventListener("abort", abort);
    child.on("error", (error) => {
      options.signal?.removeEventListener("abort", abort);
      resolve({ ok: false, ending: error.message, signal: null, output });
    });
    child.on("close", (code, signal) => {
      options.signal?.removeEventListener("abort", abort);
      if (options.signal?.aborted === true) {
        reject(toError(options.signal.reason));
        return;
      }
      resolve({ ok: code === 0, ending: signal === null ? `exit code ${code}` : `signal ${signal}`, signal, output });
    });
  });
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** The last lines of a program's output that are not empty, indented, for an error message. */
export function lastLines(output: string, count: number): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  return lines
    .slice(-count)
    .map((line) => `  ${line.trimEnd()}`)
    .join("\n");
}
