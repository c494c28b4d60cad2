import { InternalError, ToolError } from "../errors.ts";
import type { AnySource } from "../export/any-source.ts";
import { exportEveryLayer, exportSource, type ExportedModel, type ExportOptions } from "../export/export-model.ts";
import type { GraphSource } from "../export/graph/source/graph-model.ts";
import { fetchesOf, requestedLayers } from "../export/requested-outputs.ts";
import type { LayersSource, RawModel } from "../export/source/model.ts";

import { opsetAndSizes, settingsOf } from "./file/file-settings.ts";
import type { OnnxFile } from "./file/onnx-file.ts";
import { graphDomains } from "./graph-domains.ts";
import { inputDomains, type InputDomain } from "./input-domains.ts";
import type { Probe } from "./locate/first-difference.ts";
import { graphModel } from "./reference/graph-model.ts";
import { layersModel } from "./reference/layers-model.ts";
import type { Part } from "./reference/part.ts";
import type { LoadOn } from "./reference/tfjs-reference.ts";

/** The TF.js model that a file is compared with, of either kind, and the exporter's view of it. */
export interface Original {
  readonly load: LoadOn;
  /** Values to feed each input with, by its name. */
  readonly domains: ReadonlyMap<string, InputDomain>;
  readonly leftOutSoftmax: readonly (number | null)[];
  /** Exports the model once more, as the file was exported. */
  fresh(): ExportedModel;
  /** Exports a model of the same layers for other shapes, otherwise as the file was exported. */
  exportOf(source: LayersSource): Uint8Array;
  /** Exports the model once more, with the outputs of every layer or node. */
  probe(): Probe;
}

/**
 * A Layers model, and how the file was exported from it.
 *
 * @throws {ModelFormatError} when weights are missing.
 * @throws {ToolError} when the file's outputs are not the model's.
 */
export function layersOriginal(raw: RawModel, source: LayersSource, file: OnnxFile, given: ExportOptions): Original {
  source.checkWeights();
  const { options, leftOutSoftmax } = settingsOf(file, source, given);
  const { outputs } = options;
  const part = outputs === undefined ? null : partOf(source, options, outputs);
  return {
    load: layersModel(raw, source, part),
    domains: domainsOf(source),
    leftOutSoftmax,
    fresh: () => exportSource(source, options),
    exportOf(other) {
      return exportSource(other, { ...options, inputShapes: {}, batch: "dynamic" }).bytes;
    },
    probe: () => exportEveryLayer(source, options),
  };
}

/** What each input of a model is fed with, by its name. */
export function domainsOf(source: AnySource): ReadonlyMap<string, InputDomain> {
  if (source.kind === "graph") return graphDomains(source);
  const domains = inputDomains(source);
  return new Map(source.model.inputs.map(({ layer }, index) => [layer, domains[index] ?? { kind: "normal" }]));
}

function partOf(source: LayersSource, options: ExportOptions, outputs: readonly string[]): Part {
  const taps = exportSource(source, { ...options, logits: false }).taps ?? [];
  return { fetches: fetchesOf(requestedLayers(source.model, outputs)), taps };
}

/**
 * A Graph model, and how the file was exported from it.
 *
 * @throws {ToolError} when the file's outputs are not the model's.
 */
export async function graphOriginal(
  raw: RawModel,
  source: GraphSource,
  file: OnnxFile,
  given: ExportOptions,
): Promise<Original> {
  const { exportEveryNode, exportGraphSource } = await import("../export/graph/export-graph.ts");
  const names = file.outputs.map(({ name }) => name);
  const isWhole = names.join("\n") === source.outputs.map(({ name }) => name).join("\n");
  const options: ExportOptions = { ...opsetAndSizes(file), ...(isWhole ? {} : { outputs: names }), ...given };
  return {
    load: graphModel(raw, {
      inputs: new Map(source.inputs.map(({ name, node }) => [name, node])),
      outputs: names.map((name) => tensorOf(source, name)),
    }),
    domains: domainsOf(source),
    leftOutSoftmax: names.map(() => null),
    fresh: () => exportGraphSource(source, options),
    exportOf() {
      throw new InternalError("a Graph model is not exported for other shapes");
    },
    probe: () => exportEveryNode(source, options),
  };
}

/** The tensor of the graph that an output of the file is, as TF.js names it. */
function tensorOf({ outputs, nodes }: GraphSource, name: string): string {
  const known = outputs.find((output) => output.name === name);
  if (known !== undefined) return `${known.source.node}:${known.source.output}`;
  if (nodes.has(name.replace(/:\d+$/, ""))) return name;
  throw new ToolError(`the file's output ${name} is neither an output of the model nor one of its nodes`, {
    hint: "verify the file with the model that it was exported from",
  });
}
