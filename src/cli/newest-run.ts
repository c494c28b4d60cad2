import { existsSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";

import { ToolError } from "../errors.ts";
import { checkpointProgress } from "../train/checkpoint.ts";

/** A command line, and the line that says which model was put into it; null when it was left as it is. */
export interface ChainedCommand {
  readonly args: readonly string[];
  readonly line: string | null;
}

/**
 * What the npm scripts of a clone chain on: `npm run export:onnx` and `npm run infer` take what was trained and exported
 * last in runs/ when no model is named. The installed command never does this.
 *
 * @param args Command and its arguments.
 * @param runs Folder of the runs.
 * @throws {ToolError} when there is nothing to export, with the reason
 */
export async function withNewestRun(args: readonly string[], runs: string): Promise<ChainedCommand> {
  const [name, ...rest] = args;
  const asGiven = { args, line: null };
  if (name !== "export" && name !== "infer") return asGiven;
  if (rest.includes("--help") || rest.includes("-h") || (await namesModel(name, rest))) return asGiven;
  if (name === "export") {
    const { path, line } = await newestModel(runs);
    return { args: [name, path, ...rest], line };
  }
  const { path, line } = newestExport(runs);
  return { args: path === null ? args : [name, "--model", path, ...rest], line };
}

/** Whether the arguments name a model, as the command itself reads them; true too when they are wrong, which it reports. */
async function namesModel(name: "export" | "infer", args: readonly string[]): Promise<boolean> {
  const { create } = await (name === "export" ? import("./export.ts") : import("./infer.ts"));
  const command = create("")
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    const { operands, unknown } = command.parseOptions([...args]);
    if (unknown.length > 0) return true;
    return name === "export" ? operands.length > 0 : command.opts()["model"] !== undefined;
  } catch {
    return true;
  }
}

async function newestModel(runs: string): Promise<{ readonly path: string; readonly line: string }> {
  const newest = newestOf(runs, ["model.json", "checkpoint.bin"]);
  if (newest === null) {
    throw new ToolError(`nothing has been trained in ${shown(runs)} yet`, {
      hint: "npm run train, or name a model: npm run export:onnx -- MODEL",
    });
  }
  const folder = join(runs, newest.run);
  const model = shown(join(folder, "model.json"));
  if (newest.file === "checkpoint.bin") {
    const what = existsSync(model) ? "its model.json is older than its checkpoint" : "it has a checkpoint but no model";
    throw new ToolError(`${shown(folder)} is the newest run, and ${what}: its training still runs, or was killed`, {
      hint: `npm run train -- --resume --out ${shown(folder)}, or name a model: npm run export:onnx -- MODEL`,
    });
  }
  const progress = await checkpointProgress(join(folder, "checkpoint.bin"));
  const state =
    progress === null || progress.epoch >= progress.epochs
      ? ""
      : `, interrupted after ${progress.epoch} of ${progress.epochs} epochs`;
  return {
    path: model,
    line: `exporting ${model}, the newest model in ${shown(runs)} (trained ${when(newest)}${state})`,
  };
}

/** The newest model.onnx; null when there is none, and the shipped one answers. */
function newestExport(runs: string): { readonly path: string | null; readonly line: string } {
  const newest = newestOf(runs, ["model.onnx"]);
  if (newest === null) {
    const why = `nothing has been exported in ${shown(runs)} yet (npm run export:onnx)`;
    return { path: null, line: `model: the shipped crnn-mnist-best, because ${why}` };
  }
  const path = shown(join(runs, newest.run, newest.file));
  return { path, line: `model: ${path}, the newest ONNX file in ${shown(runs)} (exported ${when(newest)})` };
}

interface RunFile {
  readonly run: string;
  readonly file: string;
  readonly time: Date;
}

/** The youngest of some files in all folders of runs/. */
function newestOf(runs: string, names: readonly string[]): RunFile | null {
  if (!existsSync(runs)) return null;
  const files = readdirSync(runs).flatMap((run) =>
    names.flatMap((file): RunFile[] => {
      const found = statSync(join(runs, run, file), { throwIfNoEntry: false });
      return found?.isFile() === true ? [{ run, file, time: found.mtime }] : [];
    }),
  );
  return files.toSorted((a, b) => b.time.getTime() - a.time.getTime())[0] ?? null;
}

/** As 2026-11-28 10:02, local time. */
function when({ time }: RunFile): string {
  return time.toLocaleString("sv").slice(0, 16);
}

function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}
