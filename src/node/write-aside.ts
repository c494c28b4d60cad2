import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

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
    await rm(aside, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ToolError(`cannot write ${path}: ${reason}`, {
      hint: "choose a folder that can be written, with space left on its disk",
      cause,
    });
  }
}
