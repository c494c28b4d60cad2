import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

const KEPT_OUTPUT = 20_000;

/** How a program ended, and the last it said on stdout and stderr together. */
export interface ProgramResult {
  readonly ok: boolean;
  /** Exit code or signal, for messages. */
  readonly ending: string;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

export interface RunOptions {
  /** Characters of what it says that are kept, the last ones. */
  readonly keptOutput?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/** Full path of a program on `PATH`, if it can be run. */
export function findProgram(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
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
  const [program = "", ...args] = command;
  const { keptOutput = KEPT_OUTPUT } = options;
  options.signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: options.env ?? process.env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (chunk: string): void => {
      output = (output + chunk).slice(-keptOutput);
    };
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
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
