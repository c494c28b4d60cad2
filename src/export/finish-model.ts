import { InternalError } from "../errors.ts";
import { MINIMUM_SIZES_KEY, PRECISION_KEY, RECOGNIZER_KEY } from "../metadata.ts";
import type { OnnxGraph, OnnxModel } from "../onnx/model.ts";
import { VERSION } from "../version.ts";

import type { GraphBuilder } from "./build/builder.ts";
import { finishGraph, type NamedValue } from "./build/finish.ts";
import type { ExportedModel, ExportedValue, ExportOptions } from "./export-model.ts";
import { withFile } from "./exported-file.ts";
import { minimumSizes } from "./minimum-sizes.ts";
import type { Pass } from "./passes/pass.ts";
import { runPasses } from "./passes/pipeline.ts";
import type { applyPrecision } from "./precision/apply.ts";
import { asItIs, changesWeights, type ExportedPrecision, type PreciseGraph } from "./precision/options.ts";
import type { PicturesInside } from "./preprocessing/pictures-inside.ts";
import type { LayersSource } from "./source/model.ts";

const PRODUCER = "tfjs-to-onnx";

/** Parts of the exporter that only some models and options need, and browsers load only then. */
export interface Parts {
  /** Puts weights into another form than float32; needed where `changesWeights` is so. */
  readonly applyPrecision: typeof applyPrecision | null;
  /** Puts the preparation of pictures into the file, for the option `withPreprocessing`. */
  readonly Pictures: typeof PicturesInside | null;
}

/** A converted model, before the passes. */
export interface Unfinished {
  readonly builder: GraphBuilder;
  /** Name of the graph. */
  readonly name: string;
  readonly inputs: readonly NamedValue[];
  readonly outputs: readonly NamedValue[];
  readonly source: Pick<LayersSource, "generatedBy" | "convertedBy" | "metadata" | "parameters" | "quantizations">;
  /** The pictures that the network is fed with; null when the file's inputs are the network's own. */
  readonly pictures: PicturesInside | null;
  readonly options: Pick<
    ExportOptions,
    "precision" | "compute" | "matrixForm" | "float32Weights" | "float32Nodes" | "activationRanges"
  >;
  /** Passes that only this kind of model needs, for each group of the pipeline. */
  readonly patterns: readonly (readonly Pass[])[];
  readonly about: Pick<ExportedModel, "kind" | "layers" | "taps" | "notes">;
}

/** What follows the conversion of a model of either kind: the passes, types and shapes of all tensors, how weights are kept, and the file. */
export function finishModel(unfinished: Unfinished, parts: Pick<Parts, "applyPrecision">): ExportedModel {
  const { builder, name, inputs, source, pictures, about, patterns } = unfinished;
  const { opset } = builder;
  const wrapped = pictures?.finish(builder, unfinished.outputs) ?? null;
  const converted = finishGraph(builder, name, inputs, wrapped?.outputs ?? unfinished.outputs);
  const optimise = (keepsWeights: boolean): OnnxGraph => runPasses(converted, { keepsWeights, patterns });
  const { graph, optimised, precision } = weighed(optimise, unfinished, wrapped?.prepared ?? null, parts);
  const metadata = metadataOf(source, minimumSizes(inputs, builder.windowCounts), precision);
  const model: OnnxModel = {
    irVersion: irVersionOf(opset),
    opset,
    producerName: PRODUCER,
    producerVersion: VERSION,
    graph,
    metadata: wrapped === null ? metadata : new Map([...metadata, wrapped.metadata]),
  };
  return withFile(model, {
    ...about,
    opset,
    nodes: countNodes(optimised),
    precision,
    parameters: source.parameters,
    inputs: graph.inputs.map(describe),
    outputs: graph.outputs.map(describe),
  });
}

function weighed(
  optimise: (keepsWeights: boolean) => OnnxGraph,
  { source: { quantizations }, options }: Unfinished,
  exactTensor: string | null,
  { applyPrecision: apply }: Pick<Parts, "applyPrecision">,
): PreciseGraph {
  const { precision = "stored" } = options;
  if (!changesWeights(precision, quantizations)) return asItIs(optimise(false), precision);
  if (apply === null) throw new InternalError(`the part for weights kept as ${precision} was not loaded`);
  return apply(optimise, {
    precision,
    quantizations,
    matrixForm: options.matrixForm ?? "dequantize",
    float32Weights: new Set(options.float32Weights),
    compute: options.compute ?? "float32",
    float32Nodes: new Set(options.float32Nodes),
    activationRanges: options.activationRanges ?? null,
    exactTensor,
  });
}

function describe({ name, dtype, dims }: OnnxGraph["inputs"][number]): ExportedValue {
  return { name, dtype, dims: dims ?? [] };
}

/** IR versions are those of the ONNX releases that brought each opset: https://onnx.ai/onnx/repo-docs/Versioning.html */
function irVersionOf(opset: number): number {
  if (opset >= 21) return 10;
  if (opset >= 19) return 9;
  if (opset >= 15) return 8;
  return 7;
}

function countNodes(graph: OnnxGraph): number {
  const inner = graph.nodes.flatMap((node) =>
    Object.values(node.attributes).map((attribute) => (attribute.type === "graph" ? countNodes(attribute.value) : 0)),
  );
  return graph.nodes.length + inner.reduce((sum, count) => sum + count, 0);
}

function metadataOf(
  source: Pick<LayersSource, "generatedBy" | "convertedBy" | "metadata">,
  minimums: ReadonlyMap<string, number>,
  precision: ExportedPrecision,
): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  if (source.generatedBy !== null) entries.set("tfjs-to-onnx.generatedBy", source.generatedBy);
  if (source.convertedBy !== null) entries.set("tfjs-to-onnx.convertedBy", source.convertedBy);
  for (const [key, value] of Object.entries(source.metadata)) {
    if (key === "recognizer") entries.set(RECOGNIZER_KEY, JSON.stringify(value));
    else entries.set(key, typeof value === "string" ? value : JSON.stringify(value));
  }
  if (minimums.size > 0) entries.set(MINIMUM_SIZES_KEY, JSON.stringify(Object.fromEntries(minimums)));
  if (precision.weights.some(({ type }) => type !== "float32")) entries.set(PRECISION_KEY, precision.name);
  return entries;
}
