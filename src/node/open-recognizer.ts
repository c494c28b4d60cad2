import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, extname, isAbsolute, join, normalize } from "node:path";

import { ModelFormatError } from "../errors.ts";
import { readOnnxHeader } from "../infer/onnx-header.ts";
import { isRecognizer, readRecognizer } from "../infer/recognize.ts";
import type { Model, RuntimeName } from "../infer/runtime.ts";
import type { Recognizer } from "../metadata.ts";

import { fileFault } from "./file-fault.ts";
import { lastExport } from "./last-run.ts";
import { shippedModel } from "./shipped-models.ts";

/** A model to run, and where it came from. */
export interface FoundModel {
  readonly path: string;
  readonly model: Model;
  /** Weight files beside an ONNX file, by the location it gives them. */
  readonly externalData: ReadonlyMap<string, Uint8Array>;
  /** @throws {ModelFormatError} when the model does not say what it is for */
  recognizer(): Recognizer;
}

/**
 * The model that `infer` runs: a file or a shipped model's name; without one the last export here, else the shipped
 * recogniser. For TF.js the model.json beside the ONNX file.
 *
 * @throws {ModelFormatError} when there is none, or it cannot be read
 */
export async function findModel(given: string | undefined, runtime: RuntimeName): Promise<FoundModel> {
  const onnx = await onnxPath(given);
  return runtime === "tfjs" ? openTfjs(onnx) : openOnnx(onnx);
}

async function onnxPath(given: string | undefined): Promise<string> {
  if (given === undefined) return (await lastExport()) ?? shippedModel("crnn-mnist-best", "model.onnx");
  if (existsSync(given) || extname(given) !== "" || given.includes("/")) return given;
  return shippedModel(given, "model.onnx");
}

async function openOnnx(path: string): Promise<FoundModel> {
  if (path.endsWith(".json")) {
    throw new ModelFormatError(`${path} is a TF.js model; this runtime takes ONNX files`, {
      hint: `export it first: tfjs-to-onnx export ${path}; or take --runtime tfjs`,
    });
  }
  const model = await readFile(path).catch((cause: unknown) => {
    throw new ModelFormatError(`${path} ${fileFault(cause)}`, {
      hint: "name an ONNX file, or export one first: tfjs-to-onnx export MODEL",
      cause,
    });
  });
  const header = readOnnxHeader(model);
  const externalData = await readBeside(dirname(path), header.externalData);
  return { path, model, externalData, recognizer: () => readRecognizer(header.metadata) };
}

/** Files that are there, in the model's folder or below it and nowhere else; the runtime names those that are missing. */
async function readBeside(folder: string, locations: readonly string[]): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const location of locations) {
    const path = normalize(location);
    if (path.startsWith("..") || isAbsolute(path)) {
      throw new ModelFormatError(`the model keeps weights outside its own folder: ${location}`, {
        hint: "save it again with its weight files beside it",
      });
    }
    const content = await readFile(join(folder, path)).catch(() => null);
    if (content !== null) files.set(location, content);
  }
  return files;
}

async function openTfjs(path: string): Promise<FoundModel> {
  const json = path.endsWith(".onnx") ? join(dirname(path), "model.json") : path;
  const { readModel } = await import("./read-model.ts");
  const raw = await readModel(json);
  return { path: json, model: raw, externalData: new Map(), recognizer: () => recognizerOf(json, raw.manifest) };
}

function recognizerOf(path: string, manifest: unknown): Recognizer {
  const own: unknown =
    typeof manifest === "object" && manifest !== null ? Reflect.get(manifest, "userDefinedMetadata") : undefined;
  const found: unknown = typeof own === "object" && own !== null ? Reflect.get(own, "recognizer") : undefined;
  if (isRecognizer(found)) return found;
  throw new ModelFormatError(`${path} does not say how to prepare a picture for it`, {
    hint: "set userDefinedMetadata.recognizer, or give raw tensors to its export",
  });
}
