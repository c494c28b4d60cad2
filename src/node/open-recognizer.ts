import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";

import { ModelFormatError, ToolError } from "../errors.ts";
import { readPreprocessing } from "../infer/preprocessing-inside.ts";
import { readRecognizer } from "../infer/recognize.ts";
import type { OnnxHeader } from "../onnx/header.ts";
import type { Model, RuntimeName } from "../infer/runtime.ts";
import { isRecognizer, RECOGNIZER_KEY, type PreprocessingInside, type Recognizer } from "../metadata.ts";

import { hasLoop, manifestHasLoop } from "./has-loop.ts";
import { readOnnxFile } from "./read-onnx.ts";
import { modelName, shippedModel } from "./shipped-models.ts";

/** A model to run, and where it came from. */
export interface FoundModel {
  readonly path: string;
  readonly model: Model;
  /** Weight files beside an ONNX file, by the location it gives them. */
  readonly externalData: ReadonlyMap<string, Uint8Array>;
  /** It is an ONNX file without inputs, which runs on nothing. */
  readonly takesNothing: boolean;
  /** It holds a loop that may not end. */
  readonly hasLoop: boolean;
  /** @throws {ModelFormatError} when the model does not say what it is for */
  recognizer(): Recognizer;
  /** What the file says of the pictures that it prepares itself; null when it takes prepared ones. */
  readonly preprocessing: PreprocessingInside | null;
}

/** The recogniser that `infer` runs when no model is named. */
const SHIPPED = "crnn-mnist-best";

/**
 * The model that `infer` runs: a file, the folder of a model.onnx or the name of a shipped model; by default the shipped
 * recogniser. For TF.js the model.json beside the ONNX file.
 *
 * @throws {ModelFormatError} when there is none, or it cannot be read
 */
export async function findModel(given: string | undefined, runtime: RuntimeName): Promise<FoundModel> {
  const onnx = await onnxPath(given);
  return runtime === "tfjs" ? openTfjs(onnx) : openOnnx(onnx);
}

async function onnxPath(given: string | undefined): Promise<string> {
  if (given === undefined) return shippedModel(SHIPPED);
  const found = await stat(given).catch(() => null);
  if (found?.isDirectory() === true) return join(given, "model.onnx");
  if (found !== null || extname(given) !== "" || given.includes("/")) return given;
  return shippedModel(given);
}

async function openOnnx(path: string): Promise<FoundModel> {
  const { bytes, header, externalData } = await readOnnxFile(path);
  const takesNothing = header.inputs.length === 0;
  const preprocessing = readPreprocessing(header.metadata);
  return {
    path,
    model: bytes,
    externalData,
    takesNothing,
    hasLoop: hasLoop(header),
    preprocessing,
    recognizer: () => recognizerIn(path, header),
  };
}

/** Names the file, which may be the last export, that the user did not think of. */
function recognizerIn(path: string, { metadata }: OnnxHeader): Recognizer {
  if (metadata.has(RECOGNIZER_KEY)) return readRecognizer(metadata);
  throw new ModelFormatError(`${path} does not say how to prepare a picture for it`, {
    hint:
      "to read pictures with it, set userDefinedMetadata.recognizer in its model.json and export it again (docs/guide.md has an example); " +
      "or give tensors: infer --tensor NAME=file.npy; or name a model that reads pictures: --model crnn-mnist-best",
  });
}

async function openTfjs(path: string): Promise<FoundModel> {
  const json = path.endsWith(".onnx") ? join(dirname(path), "model.json") : path;
  if (modelName(json) !== json && !existsSync(json)) {
    throw new ToolError(`the package has ${modelName(json)} as an ONNX file only, and TF.js needs its model.json`, {
      hint: "take --runtime node or web, or name a model.json of your own with --model",
    });
  }
  const { readModel } = await import("./read-model.ts");
  const raw = await readModel(json);
  return {
    path: json,
    model: raw,
    externalData: new Map(),
    takesNothing: false,
    hasLoop: manifestHasLoop(raw.manifest),
    preprocessing: null,
    recognizer: () => recognizerOf(json, raw.manifest),
  };
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
