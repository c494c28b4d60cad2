import { dirname, isAbsolute, join, normalize, sep } from "node:path";

import { ModelFormatError } from "../errors.ts";
import { readOnnxHeader, type OnnxHeader } from "../onnx/header.ts";

import { codeOf } from "./error-code.ts";
import { fileFault } from "./file-fault.ts";
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
 * @throws {ModelFormatError} when it cannot be read, or keeps weights outside its own folder
 * @throws {InferenceError} when it is not an ONNX file
 */
export async function readOnnxFile(path: string): Promise<OnnxFile> {
  if (path.endsWith(".json")) {
    throw new ModelFormatError(`${path} is a TF.js model; an ONNX file is wanted here`, {
      hint: `export it first: tfjs-to-onnx export ${path}; infer runs it as it is with --runtime tfjs`,
    });
  }
  const bytes = await readWhole(path).catch((cause: unknown) => {
    throw new ModelFormatError(`${path} ${fileFault(cause)}`, {
      hint: "name an ONNX file, or export one first: tfjs-to-onnx export MODEL",
      cause,
    });
  });
  const header = readOnnxHeader(bytes);
  return { bytes, header, externalData: await readBeside(dirname(path), header.externalData) };
}

/** Files that are there, in the model's folder or below it and nowhere else; the runtime names those that are missing. */
async function readBeside(folder: string, locations: readonly string[]): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const location of locations) {
    const path = normalize(location);
    if (path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path)) {
      throw new ModelFormatError(`the model keeps weights outside its own folder: ${location}`, {
        hint: "save it again with its weight files beside it",
      });
    }
    const content = await readWhole(join(folder, path)).catch((cause: unknown) => {
      if (codeOf(cause) === "ENOENT") return null;
      throw new ModelFormatError(`the weights ${location} beside the model ${fileFault(cause)}`, { cause });
    });
    if (content !== null) files.set(location, content);
  }
  return files;
}
