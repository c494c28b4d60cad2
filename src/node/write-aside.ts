import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { ToolError } from "../errors.ts";

/**
 * Write a whole file or nothing: into a temporary file beside it, then rename. Makes the folder.
 *
 * @throws {ToolError} when the folder or the file cannot be written.
 */
export async function writeAside(path: string, data: Uint8Array | string): Promise<void> {
  const aside = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(aside, data);
    await rename(aside, path);
  } catch (cause) {
    await rm(aside, { force: true }).catch(() => undefined);
    throw cannotWrite(path, cause);
  }
}

/**
 * Make a folder, and see that a file can be written there: before work of hours whose result goes into it.
 *
 * @throws {ToolError} when it cannot.
 */
export async function assertWritable(folder: string): Promise<void> {
  const probe = join(folder, `.${process.pid}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probe, "");
    await rm(probe);
  } catch (cause) {
    throw cannotWrite(folder, cause);
  }
}

function cannotWrite(path: string, cause: unknown): ToolError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ToolError(`cannot write ${path}: ${reason}`, {
    hint: "choose a folder that can be written, with space left on its disk",
    cause,
  });
}
