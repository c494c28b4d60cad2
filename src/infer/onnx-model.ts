import { InferenceError } from "../errors.ts";
import { ModelEditor } from "../onnx/rewrite.ts";

import { readOnnxHeader, type OnnxHeader } from "../onnx/header.ts";
import { withReadableOutputs, type ReadableModel } from "./readable-outputs.ts";
import type { Model, RuntimeName, SessionOptions } from "./runtime.ts";

/** @throws {InferenceError} when the model is not ONNX bytes but a TF.js one. */
export function onnxBytes(model: Model, runtime: RuntimeName): Uint8Array {
  if (model instanceof Uint8Array) return model;
  if (!Object.hasOwn(Object(model), "manifest")) throw notBytes(model);
  throw new InferenceError(`the runtime ${runtime} runs ONNX files; got a TF.js model`, {
    hint: "export it first, or use the runtime tfjs",
  });
}

/** For what TypeScript would not let through: a path, an ArrayBuffer. */
function notBytes(model: unknown): InferenceError {
  const found = typeof model === "object" && model !== null ? model.constructor.name : JSON.stringify(model);
  return new InferenceError(`a model is the bytes of an ONNX file in a Uint8Array; got ${found}`, {
    hint: "read the file first; new Uint8Array(buffer) makes one of an ArrayBuffer",
  });
}

/** @throws {InferenceError} when the bytes are not an ONNX file, or weight files beside it were not given. */
export function readOnnxModel(bytes: Uint8Array, options: SessionOptions): OnnxHeader {
  const header = readOnnxHeader(bytes);
  const missing = header.externalData.filter((location) => options.externalData?.has(location) !== true);
  if (missing.length > 0) {
    throw new InferenceError(`the model keeps weights in files beside it that were not given: ${missing.join(", ")}`, {
      hint: "keep those files in the model's folder, or give them as `externalData`",
    });
  }
  return header;
}

/** A model in the form that ONNX Runtime takes; `onNote` is told of what was changed. @throws {InferenceError} see {@link readOnnxModel} */
export function openOnnxModel(bytes: Uint8Array, options: SessionOptions): ReadableModel {
  const model = withReadableOutputs(bytes, readOnnxModel(bytes, options));
  for (const note of model.notes) options.onNote?.(note);
  const files = options.externalData;
  if (model.header.externalData.length === 0 || files === undefined) return model;
  return { ...model, bytes: new ModelEditor(model.bytes).embedNestedWeights(files).finish() };
}
