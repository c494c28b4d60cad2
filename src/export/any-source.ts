import { exportLayers } from "./export-layers.ts";
import type { ExportedModel, ExportOptions } from "./export-model.ts";
import type { Parts } from "./finish-model.ts";
import type { GraphSource } from "./graph/source/graph-model.ts";
import { loadConverters, loadRefusals } from "./layers/load.ts";
import { changesWeights } from "./precision/options.ts";
import { readLayersModel } from "./source/layers-model.ts";
import { isGraphModel } from "./source/model-kind.ts";
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

/**
 * Turn a model of either kind into an ONNX file. Parts that this model and these options do not need are not loaded. Throws what
 * `exportSource` and `exportGraphSource` throw.
 */
export async function exportAnySource(source: AnySource, options: ExportOptions = {}): Promise<ExportedModel> {
  const parts = await loadParts(source, options);
  if (source.kind === "layers") {
    const [converters, refusals] = await Promise.all([loadConverters(source.model), loadRefusals(source.model)]);
    return exportLayers(source, options, { ...parts, converters, refusals });
  }
  const { exportGraphSource } = await import("./graph/export-graph.ts");
  return exportGraphSource(source, options, parts);
}

async function loadParts({ quantizations }: AnySource, options: ExportOptions): Promise<Parts> {
  const { precision = "stored", withPreprocessing = false } = options;
  const [forWeights, forPictures] = await Promise.all([
    changesWeights(precision, quantizations) ? import("./precision/apply.ts") : null,
    withPreprocessing ? import("./preprocessing/pictures-inside.ts") : null,
  ]);
  return {
    applyPrecision: forWeights?.applyPrecision ?? null,
    Pictures: forPictures?.PicturesInside ?? null,
  };
}
