import { readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

import { SetupError } from "../../errors.ts";

import { installCommand, thisMachine } from "./install-command.ts";
import type { TensorFlowPin } from "./pins.ts";
import { findProgram, lastLines, runProgram } from "./programs.ts";
import { quietLog, quietLogName } from "./quiet-log.ts";
import type { Environment } from "../../node/environment.ts";

/** A C++ compiler of this machine. */
export interface Compiler {
  readonly command: readonly string[];
  /** First line of what it says of its version. */
  readonly version: string;
}

export interface CompileJob {
  readonly pin: TensorFlowPin;
  readonly compiler: Compiler;
  /** Folder of the package `@tensorflow/tfjs-node`, whose `binding/*.cc` are compiled. */
  readonly tfjsNode: string;
  /** Folder of the headers of Node-API. */
  readonly nodeApi: string;
  /** Folder of TensorFlow's libraries, with `include/`; the addon looks for it beside its own folder. */
  readonly library: string;
  /** Empty folder to build in. */
  readonly folder: string;
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
}

/** What else than the sources decides what comes out of the compiler; part of the addon's key in the cache. */
export const compileFlags: readonly string[] = ["-fPIC", "-O2", "-std=c++17", "-DNAPI_VERSION=8"];

/** File name of the addon. */
export const addonName = "tfjs_binding.node";

/** `$CXX` (which may hold arguments: `ccache g++`), else the first of c++, g++, clang++ that runs. */
export async function findCompiler(env: Environment = process.env): Promise<Compiler | undefined> {
  const own = (env["CXX"] ?? "").split(/\s+/).filter((word) => word !== "");
  const candidates = own.length > 0 ? [own] : [["c++"], ["g++"], ["clang++"]];
  const found = await Promise.all(candidates.map((command) => probeCompiler(command, env)));
  return found.find((compiler) => compiler !== undefined);
}

async function probeCompiler(command: readonly string[], env: Environment): Promise<Compiler | undefined> {
  const [program = "", ...args] = command;
  const path = findProgram(program, env);
  if (path === undefined) return undefined;
  const { ok, output } = await runProgram([path, ...args, "--version"], { env });
  return ok ? { command: [path, ...args], version: output.split("\n")[0] ?? "" } : undefined;
}

/**
 * Compile tfjs-node's addon against TensorFlow's libraries.
 *
 * @returns the path of the addon.
 * @throws {SetupError} with the compiler's last words.
 */
export async function compileAddon(job: CompileJob): Promise<string> {
  const binding = join(job.tfjsNode, "binding");
  const theirs = (await readdir(binding)).filter((name) => name.endsWith(".cc"));
  const ours = join(job.folder, quietLogName);
  await writeFile(ours, quietLog);
  const sources = [...theirs.map((name) => join(binding, name)), ours];
  const includes = [job.nodeApi, job.tfjsNode, join(job.library, "include")].flatMap((folder) => ["-I", folder]);
  const objects = await Promise.all(
    sources.map(async (source) => {
      const object = join(job.folder, `${basename(source)}.o`);
      await compile(job, [...compileFlags, ...includes, "-c", source, "-o", object]);
      return object;
    }),
  );
  const addon = join(job.folder, addonName);
  await compile(job, [...linkFlags(job), ...objects, ...libraries(job), "-o", addon]);
  return addon;
}

function linkFlags(job: CompileJob): readonly string[] {
  const mac = job.pin.target.startsWith("darwin");
  const besides = `${mac ? "@loader_path" : "$ORIGIN"}/../${basename(job.library)}`;
  // Node's own symbols are found in the running executable, which macOS must be told.
  return ["-shared", `-Wl,-rpath,${besides}`, ...(mac ? ["-undefined", "dynamic_lookup"] : [])];
}

function libraries(job: CompileJob): readonly string[] {
  return job.pin.libraries.map((name) => join(job.library, name));
}

async function compile(job: CompileJob, args: readonly string[]): Promise<void> {
  const command = [...job.compiler.command, ...args];
  const env = { ...job.env, TMPDIR: job.folder };
  const { ok, ending, output } = await runProgram(command, { env, signal: job.signal, tethered: true });
  if (ok) return;
  const noted = output.split("\n").filter((line) => /error|cannot|not found|no space left/i.test(line));
  const said = lastLines(noted.length > 0 ? noted.slice(0, 6).join("\n") : output, 6);
  throw new SetupError(`${job.compiler.version} cannot compile tfjs-node's addon (${ending}):\n${said}`, {
    hint: /no space left/i.test(output)
      ? "free some space on the disk and run it again"
      : `install a complete C++17 compiler (${installCommand(["compiler"], thisMachine(job.env))}), or name one in CXX`,
  });
}
