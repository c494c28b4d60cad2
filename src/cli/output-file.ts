import { stat } from "node:fs/promises";

import { ToolError, UsageError } from "../errors.ts";
import { fileFault } from "../node/file-fault.ts";
import { readWhole } from "../node/read-whole.ts";
import { unwritable, writeAside, writePieces } from "../node/write-aside.ts";

import { keepStdoutForData } from "./output.ts";

const STDOUT: ReadonlySet<string> = new Set(["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]);

/**
 * Whether an output file is stdout. If so, everything for people goes to stderr from here on.
 *
 * @param json Whether `--json` was given, which wants stdout too.
 * @throws {UsageError} when stdout is a terminal, or is to hold JSON
 */
export function claimStdout(out: string, json: boolean): boolean {
  if (!STDOUT.has(out)) return false;
  if (json) throw new UsageError(`--json and --out ${out} both write to stdout; give --out the name of a file`);
  if (process.stdout.isTTY) {
    throw new UsageError("the ONNX file is binary and stdout is a terminal; redirect it: --out - > model.onnx");
  }
  keepStdoutForData();
  return true;
}

/**
 * Write an output file: to stdout as the shell left it, into a named pipe, else a whole file or nothing.
 *
 * @param chunks The content in pieces, in order.
 * @throws {ToolError} when it cannot be written
 */
export async function writeOutput(out: string, chunks: Iterable<Uint8Array>): Promise<void> {
  if (STDOUT.has(out)) for (const chunk of chunks) await writeStdout(chunk);
  else if (await isPipe(out)) await writePieces(out, chunks).catch((cause: unknown) => fail(out, cause));
  else await writeAside(out, chunks);
}

/** What was written: the file as it is now on the disk; of a stream, which cannot be read again, the bytes that went into it. */
export async function readBack(out: string, written: { readonly bytes: Uint8Array }): Promise<Uint8Array> {
  if (STDOUT.has(out) || (await isPipe(out))) return written.bytes;
  return readWhole(out).catch((cause: unknown) => {
    throw new ToolError(`${out} was written, but ${fileFault(cause)} when it was to be checked`, { cause });
  });
}

async function writeStdout(bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error == null ? resolve() : reject(unwritable("stdout", error))));
  });
}

async function isPipe(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFIFO(),
    () => false,
  );
}

function fail(path: string, cause: unknown): never {
  throw unwritable(path, cause);
}
