import type { OnnxModel } from "../onnx/model.ts";
import { concatenate, writeOnnx } from "../onnx/write.ts";

import type { ExportedModel } from "./export-model.ts";

/** An export with the ONNX file of its model. */
export function withFile(
  model: OnnxModel,
  about: Omit<ExportedModel, "bytes" | "chunks" | "byteLength">,
): ExportedModel {
  const file = writeOnnx(model);
  let bytes: Uint8Array | null = null;
  return {
    get bytes() {
      return (bytes ??= concatenate(file));
    },
    chunks: file.chunks,
    byteLength: file.byteLength,
    ...about,
  };
}
