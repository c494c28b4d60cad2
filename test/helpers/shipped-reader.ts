import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { readOnnxHeader } from "../../src/onnx/header.ts";
import { readRecognizer } from "../../src/infer/recognize.ts";
import type { Session } from "../../src/infer/runtime.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import type { Recognizer } from "../../src/metadata.ts";

/** The recogniser that `infer` reads with, on onnxruntime-node. The caller disposes of the session. */
export async function openShipped(): Promise<{ readonly session: Session; readonly recognizer: Recognizer }> {
  const file = readFileSync(resolve(import.meta.dirname, "../../models/crnn-mnist-best/model.onnx"));
  const runtime = await getRuntime("node");
  return { session: await runtime.load(file), recognizer: readRecognizer(readOnnxHeader(file).metadata) };
}
