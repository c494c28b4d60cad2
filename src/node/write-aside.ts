import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { ToolError } from "../errors.ts";

import { codeOf } from "./error-code.ts";

/**
 * Write a whole file or nothing: into a temporary file beside it, then rename. Makes the folder. What a link leads to is
 * written, not the link.
 *
 * @param data The content; a list is written piece by piece.
 * @throws {ToolError} when the path is a folder or a device, or the folder or the file cannot be written.
 */
export async function writeAside(path: string, data: Uint8Array | string | Iterable<Uint8Array>): Promise<void> {
  const target = await targetOf(path);
  // Several writers of one process may write the same file.
  const own = randomBytes(3).toString("hex");
  const aside = join(dirname(target), `.${basename(target)}.${own}.${process.pid}.tmp`);
  try {
    await makeFolder(dirname(target));
    if (typeof data === "string" || data instanceof Uint8Array) await writeFile(aside, data);
    else await writePieces(aside, data);
    await rename(aside, target);
  } catch (cause) {
    await rm(aside, { force: true }).catch(() => undefined);
    throw unwritable(path, cause);
  }
}

/** Write a file piece by piece. Bun 1.4 writes some bytes twice where `writeFile` is given a list with a large piece. */
export async function writePieces(path: string, pieces: Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, "w");
  try {
    for (const piece of pieces) {
      for (let done = 0; done < piece.length;) done += (await file.write(piece, done)).bytesWritten;
    }
  } finally {
    await file.close();
  }
}

/** Remove what writers of files in the folder left there when they were killed. A folder that is not there has none. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const pid = /\.(\d+)\.tmp$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(folder, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
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
    await makeFolder(folder);
    await writeFile(probe, "");
    await rm(probe);
  } catch (cause) {
    throw unwritable(folder, cause);
  }
}

async function targetOf(path: string): Promise<string> {
  const found = await stat(path).catch((cause: unknown) => {
    const code = codeOf(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw unwritable(path, cause);
  });
  if (found === null) return path;
  if (found.isFile()) return await realpath(path);
  const kind = found.isDirectory() ? "a folder" : "not a file";
  throw new ToolError(`cannot write ${path}: it is ${kind}`, { hint: "give the name of the file to write" });
}

/** Node's own recursive mkdir never comes back in folders such as /proc, where nothing can be made. */
async function makeFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() === true) return;
  const parent = dirname(path);
  if (found === null && parent !== path) await makeFolder(parent);
  await mkdir(path).catch(async (cause: unknown) => {
    // Another process may have made it meanwhile.
    const made = await stat(path).catch(() => null);
    if (made?.isDirectory() !== true) throw cause;
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: "a part of the path is a file, not a folder",
  ENOTDIR: "a part of the path is a file, not a folder",
  ENOENT: "its folder cannot be made",
  EACCES: "you may not write there",
  EPERM: "you may not write there",
  EROFS: "it is on a disk that can only be read",
  ENOSPC: "the disk is full",
  EDQUOT: "your share of the disk is full",
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its links lead back to themselves",
};

/** That a path cannot be written, in words for the fault that Node or the system gave. */
export function unwritable(path: string, cause: unknown): ToolError {
  const reason = REASONS[codeOf(cause) ?? ""] ?? (cause instanceof Error ? cause.message : String(cause));
  return new ToolError(`cannot write ${path}: ${reason}`, {
    hint: "choose a folder that can be written, with space left on its disk",
    cause,
  });
}
