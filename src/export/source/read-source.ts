import { fromArtifacts, fromModel, isSavable, type ModelArtifacts, type SavableModel } from "./artifacts.ts";
import type { ModelFile } from "./files.ts";
import type { RawModel } from "./model.ts";

/** A live `tf.LayersModel` or `tf.GraphModel`, `tf.io.ModelArtifacts`, the address of a model.json, or the files a user chose in a browser. */
export type ModelSource = SavableModel | ModelArtifacts | string | URL | Iterable<ModelFile>;

/**
 * The parsed model.json and the weights of a model, from wherever it is.
 *
 * @throws {ToolError} when an address does not answer, or a weight file is missing.
 * @throws {ModelFormatError} when what is there is no model.
 */
export async function readSource(source: ModelSource): Promise<RawModel> {
  if (typeof source === "string" || source instanceof URL) return (await import("./fetch.ts")).fromFetch(source);
  if (isSavable(source)) return fromModel(source);
  return isIterable(source) ? (await import("./files.ts")).fromFiles(source) : fromArtifacts(source);
}

function isIterable(source: ModelArtifacts | Iterable<ModelFile>): source is Iterable<ModelFile> {
  return Symbol.iterator in source;
}
