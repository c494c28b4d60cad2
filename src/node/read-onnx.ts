import { readFile, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize, relative, sep } from "node:path";

import { InferenceError, ModelFormatError } from "../errors.ts";
import { readOnnxHeader, type OnnxHeader } from "../onnx/header.ts";

import { codeOf } from "./error-code.ts";
import { fileFault } from "./file-fault.ts";
import { nearPath } from "./near-path.ts";
import { ownCommand, shellQuoted } from "./own-command.ts";
import { readWhole } from "./read-whole.ts";

/** An ONNX file, and the weight files beside it. */
export interface OnnxFile {
  readonly bytes: Uint8Array;
  readonly header: OnnxHeader;
  /** By the location the file gives them. */
  readonly externalData: ReadonlyMap<string, Uint8Array>;
}

/**
 * Read an ONNX file with the weight files that it names.
 *
 * @throws {ModelFormatError} when it or a weight file cannot be read, or a weight file is outside its folder
 * @throws {InferenceError} when it is not an ONNX file
 */
export async function readOnnxFile(path: string): Promise<OnnxFile> {
  if (path.endsWith(".json")) {
    throw new ModelFormatError(`${path} is a TF.js model; an ONNX file is wanted here`, {
      hint: `export it first: ${ownCommand()} export ${shellQuoted(path)}; infer runs it as it is with --runtime tfjs`,
    });
  }
  const file = await readOnnxGraph(path);
  return { ...file, externalData: await readExternalData(path, file.header.externalData) };
}

/** As {@link readOnnxFile}, without the weight files. */
export async function readOnnxGraph(path: string): Promise<Pick<OnnxFile, "bytes" | "header">> {
  const bytes = await readWhole(path).catch(async (cause: unknown) => {
    const near = codeOf(cause) === "ENOENT" ? await nearPath(path) : null;
    throw new ModelFormatError(`${path} ${fileFault(cause)}`, {
      hint: near === null ? `name an ONNX file, or export one first: ${ownCommand()} export MODEL` : `is it ${near}?`,
      cause,
    });
  });
  return { bytes, header: headerOf(bytes, path) };
}

function headerOf(bytes: Uint8Array, path: string): OnnxHeader {
  try {
    return readOnnxHeader(bytes);
  } catch (cause) {
    if (!(cause instanceof InferenceError)) throw cause;
    throw new InferenceError(`${path}: ${cause.message}`, {
      cause,
      ...(cause.hint !== undefined && { hint: cause.hint }),
    });
  }
}

/**
 * The weight files of a model that are there; the runtime names those that are missing. Each must be a regular file in the model's
 * folder or below it. Symbolic links may lead within that folder, or within the folder that the model itself is linked to.
 *
 * @throws {ModelFormatError} when one cannot be read, or is outside the model's folder
 */
export async function readExternalData(model: string, locations: readonly string[]): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  if (locations.length === 0) return files;
  const folder = dirname(model);
  const roots = [await realpath(folder), dirname(await realpath(model))];
  for (const location of locations) {
    const path = normalize(location);
    if (isOutside(path)) throw outside(location);
    const content = await readInside(join(folder, path), roots, location);
    if (content !== null) files.set(location, content);
  }
  return files;
}

/** Null when there is no such file. */
async function readInside(path: string, roots: readonly string[], location: string): Promise<Uint8Array | null> {
  try {
    const real = await realpath(path);
    if (roots.every((root) => isOutside(relative(root, real)))) throw outside(location);
    if (!(await stat(real)).isFile()) throw new Error("it is not a regular file");
    return await readFile(real);
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return null;
    if (cause instanceof ModelFormatError) throw cause;
    throw new ModelFormatError(`the weight file ${location} of the model ${fileFault(cause)}`, {
      hint: "put the model's weight files beside it",
      cause,
    });
  }
}

/** Whether a relative path leads out of the folder it starts from. */
function isOutside(path: string): boolean {
  return path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);
}

function outside(location: string): ModelFormatError {
  return new ModelFormatError(`the model keeps weights outside its own folder: ${location}`, {
    hint: "save it again with its weight files beside it",
  });
}
