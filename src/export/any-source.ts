import { exportSource, type ExportedModel, type ExportOptions } from "./export-model.ts";
import type { GraphSource } from "./graph/source/graph-model.ts";
import { isGraphModel, readLayersModel } from "./source/layers-model.ts";
import type { LayersSource, RawModel } from "./source/model.ts";

/** A TF.js model of either kind, read and checked. */
export type AnySource = LayersSource | GraphSource;

/**
 * Read a LayersModel or a GraphModel. The part for Graph models is loaded when one is met.
 *
 * @throws {ModelFormatError} when the model is incomplete, contradicts itself, or is not a model.
 */
export async function readAnyModel(raw: RawModel): Promise<AnySource> {
  if (!isGraphModel(raw.manifest)) return readLayersModel(raw);
  const { readGraphModel } = await import("./graph/source/graph-model.ts");
  return readGraphModel(raw);
}

/** Turn a model of either kind into an ONNX file. The part that prepares pictures is loaded when it is asked for. Throws what {@link exportSource} and `exportGraphSource` throw. */
export async function exportAnySource(source: AnySource, options: ExportOptions = {}): Promise<ExportedModel> {
  const Pictures =
    options.withPreprocessing === true ? (await import("./preprocessing/pictures-inside.ts")).PicturesInside : null;
  if (source.kind === "layers") return exportSource(source, options, Pictures);
  const { exportGraphSource } = await import("./graph/export-graph.ts");
  return exportGraphSource(source, options, Pictures);
}
