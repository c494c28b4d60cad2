import { readSource, type ModelSource } from "../export/export-any.ts";
import { readAnyModel } from "../export/any-source.ts";

import { DEFAULT_TOLERANCE } from "./compare.ts";
import { verifyModel, type ModelVerification, type VerifyModelOptions } from "./verify-model.ts";

/**
 * Compare an ONNX file with the TF.js model that it was made of, on random inputs: on onnxruntime-node, for batches of 1 and 3,
 * in at most a minute, unless the options say otherwise. `passed` is false when a number differs by more than the tolerance, or
 * is NaN on one side alone.
 *
 * @throws {ModelFormatError} when the model is incomplete or contradicts itself.
 * @throws {NotVerifiedError} when no sizes are found that the model takes, or the time is too short.
 * @throws {SetupError} when TF.js or a runtime is not installed.
 * @throws {InferenceError} when either side refuses its model.
 */
export async function verifyExport(
  source: ModelSource,
  onnx: Uint8Array,
  options: Partial<VerifyModelOptions> = {},
): Promise<ModelVerification> {
  const raw = await readSource(source);
  return verifyModel(raw, await readAnyModel(raw), onnx, {
    targets: [{ runtime: "node" }],
    tolerance: DEFAULT_TOLERANCE,
    batches: [1, 3],
    seed: 1,
    ...options,
  });
}
