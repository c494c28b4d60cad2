import { checkOptions } from "../options.ts";

import { exportAnySource, readAnyModel } from "./any-source.ts";
import { EXPORT_OPTIONS } from "./export-layers.ts";
import type { ExportedModel, ExportOptions } from "./export-model.ts";
import { readSource, type ModelSource } from "./source/read-source.ts";

export type { ModelSource } from "./source/read-source.ts";

/**
 * Turn a TF.js model, a LayersModel or a GraphModel, into an ONNX file, from wherever it is.
 *
 * @throws {ToolError} when an address does not answer, or a weight file is missing.
 * @throws {ModelFormatError} when the model's files are damaged or contradict each other.
 * @throws {UnsupportedLayersError} naming every layer that cannot be converted.
 * @throws {UnsupportedOpsError} naming every node of a Graph model that cannot be converted.
 * @throws {ExportError} when an option does not fit the model, or a layer cannot be converted for its weights or shapes.
 * @throws {TypeError} for an option that there is not.
 */
export async function exportModel(source: ModelSource, options: ExportOptions = {}): Promise<ExportedModel> {
  checkOptions("exportModel", options, EXPORT_OPTIONS);
  return exportAnySource(await readAnyModel(await readSource(source)), options);
}
