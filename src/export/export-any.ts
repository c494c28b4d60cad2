import { checkOptions } from "../options.ts";

import { exportAnySource, readAnyModel } from "./any-source.ts";
import { EXPORT_OPTIONS } from "./export-layers.ts";
import type { ExportedModel, ExportOptions } from "./export-model.ts";
import { fromArtifacts, fromModel, isSavable, type ModelArtifacts, type SavableModel } from "./source/artifacts.ts";
import type { ModelFile } from "./source/files.ts";
import type { RawModel } from "./source/model.ts";

/** A live `tf.LayersModel` or `tf.GraphModel`, `tf.io.ModelArtifacts`, the address of a model.json, or the files a user chose in a browser. */
export type ModelSource = SavableModel | ModelArtifacts | string | URL | Iterable<ModelFile>;

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

/**
 * The parsed model.json and the weights of a model, from wherever it is.
 *
 * @throws {ToolError} when an address does not answer, or a weight file is missing.
 * @throws {ModelFormatError} when what is there is no model.
 */
export async function readSource(source: ModelSource): Promise<RawModel> {
  if (typeof source === "string" || source instanceof URL) return (await import("./source/fetch.ts")).fromFetch(source);
  if (isSavable(source)) return fromModel(source);
  return isIterable(source) ? (await import("./source/files.ts")).fromFiles(source) : fromArtifacts(source);
}

function isIterable(source: ModelArtifacts | Iterable<ModelFile>): source is Iterable<ModelFile> {
  return Symbol.iterator in source;
}
