import { readSource, type ModelSource } from "../export/source/read-source.ts";
import { EXPORT_OPTIONS } from "../export/export-layers.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { readAnyModel } from "../export/any-source.ts";

import type { Tolerance } from "./compare.ts";
import { verifyModel, type ModelVerification, type Target, type VerifyModelOptions } from "./verify-model.ts";

const VERIFY_OPTIONS: OptionNames<VerifyModelOptions> = {
  targets: true,
  tolerance: true,
  batches: true,
  seed: true,
  exportOptions: true,
  referenceProvider: true,
  loadNative: true,
  timeLimit: true,
  onProgress: true,
  signal: true,
};
const TARGET: OptionNames<Target> = { runtime: true, provider: true, load: true };
const TOLERANCE: OptionNames<Tolerance> = { atol: true, rtol: true, relativeRms: true };

/**
 * Compare an ONNX file with the TF.js model that it was made of, on random inputs: on onnxruntime-node, for batches of 1 and 3,
 * in at most a minute, unless the options say otherwise. `passed` is false when a number differs by more than the tolerance, or
 * is NaN on one side alone.
 *
 * @throws {ModelFormatError} when the model is incomplete or contradicts itself.
 * @throws {NotVerifiedError} when no sizes are found that the model takes, or the time is too short.
 * @throws {SetupError} when TF.js or a runtime is not installed.
 * @throws {InferenceError} when either side refuses its model.
 * @throws {TypeError} for an option that there is not.
 */
export async function verifyExport(
  source: ModelSource,
  onnx: Uint8Array,
  options: Partial<VerifyModelOptions> = {},
): Promise<ModelVerification> {
  checkOptions<Partial<VerifyModelOptions>>("verifyExport", options, VERIFY_OPTIONS);
  const { targets = [], tolerance, exportOptions } = options;
  for (const target of targets) checkOptions("a target of verifyExport", target, TARGET);
  if (tolerance !== undefined) checkOptions("the tolerance of verifyExport", tolerance, TOLERANCE);
  if (exportOptions !== undefined) checkOptions("exportOptions", exportOptions, EXPORT_OPTIONS);
  const raw = await readSource(source);
  return verifyModel(raw, await readAnyModel(raw), onnx, {
    targets: [{ runtime: "node" }],
    batches: [1, 3],
    seed: 1,
    ...options,
  });
}
