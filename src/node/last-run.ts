import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { writeAside } from "./write-aside.ts";

const TRAINED = { file: "latest.json", key: "model" };
const EXPORTED = { file: "latest-export.json", key: "onnx" };

/** Note in `runs/` that `model` (a model.json) is the last network trained here. @throws {ToolError} when it cannot. */
export function rememberTrained(model: string): Promise<void> {
  return write(TRAINED, model);
}

/** The model.json of the last network trained in this folder, or null when there is none. */
export function lastTrainedModel(): Promise<string | null> {
  return read(TRAINED);
}

/** Note in `runs/` that `onnx` is the last file exported here. @throws {ToolError} when it cannot. */
export function rememberExport(onnx: string): Promise<void> {
  return write(EXPORTED, onnx);
}

/** The last ONNX file exported in this folder, or null when there is none. */
export function lastExport(): Promise<string | null> {
  return read(EXPORTED);
}

type Pointer = typeof TRAINED;

async function write({ file, key }: Pointer, path: string): Promise<void> {
  await writeAside(join("runs", file), `${JSON.stringify({ [key]: resolve(path) })}\n`);
}

/** A pointer that is damaged, or whose file is gone, points to nothing. */
async function read({ file, key }: Pointer): Promise<string | null> {
  try {
    const pointer: unknown = JSON.parse(await readFile(join("runs", file), "utf8"));
    if (typeof pointer !== "object" || pointer === null) return null;
    const path = new Map<string, unknown>(Object.entries(pointer)).get(key);
    return typeof path === "string" && existsSync(path) ? path : null;
  } catch {
    return null;
  }
}
