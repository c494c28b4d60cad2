import { spawn, spawnSync } from "node:child_process";
import { resolve } from "node:path";

/** The built command. */
export const bin: string = resolve(import.meta.dirname, "../../dist/bundle/bin.js");

/** What a process left. */
export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface NodeOptions {
  readonly cwd?: string;
  /** All of it; default this process's. */
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** Milliseconds, after which the process is killed. */
  readonly timeout?: number;
}

/** Run Node with these arguments, to its end. */
export function runNode(args: readonly string[], options: NodeOptions = {}): Outcome {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", ...options });
  return { status, signal, stdout, stderr };
}

/** Run the built command with these arguments, to its end. */
export function runCommand(args: readonly string[], options: NodeOptions = {}): Outcome {
  return runNode([bin, ...args], options);
}

/** Run the built command while this process's own timers go on. */
export async function runCommandBeside(args: readonly string[]): Promise<Pick<Outcome, "status" | "stderr">> {
  const child = spawn(process.execPath, [bin, ...args], { stdio: ["ignore", "ignore", "pipe"], timeout: 50_000 });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const status = await new Promise<number | null>((fulfil, reject) => {
    child.once("error", reject);
    child.once("close", fulfil);
  });
  return { status, stderr };
}
