import { ExportError } from "../errors.ts";
import { show } from "../onnx/dim.ts";
import type { OptionNames } from "../options.ts";

import type { GraphBuilder } from "./build/builder.ts";
import type { NamedValue } from "./build/finish.ts";
import { convert } from "./convert.ts";
import type { LayerConverter } from "./converter.ts";
import type { ExportedModel, ExportedTap, ExportOptions } from "./export-model.ts";
import { finishModel, type Parts, type Unfinished } from "./finish-model.ts";
import { plainFeed } from "./input-feed.ts";
import { internalError } from "./internal-error.ts";
import { checkPrecision, INT4_OPSET } from "./precision/options.ts";
import type { PicturesInside } from "./preprocessing/pictures-inside.ts";
import { allConverters } from "./registry.ts";
import type { LayersSource } from "./source/model.ts";

const DEFAULT_OPSET = 17;
const OLDEST_OPSET = 13;
const NEWEST_OPSET = 21;

export const EXPORT_OPTIONS: OptionNames<ExportOptions> = {
  opset: true,
  batch: true,
  logits: true,
  inputShapes: true,
  outputs: true,
  converters: true,
  opConverters: true,
  recurrentForm: true,
  precision: true,
  matrixForm: true,
  float32Weights: true,
  compute: true,
  float32Nodes: true,
  activationRanges: true,
  withPreprocessing: true,
};

/** The operator set asked for. @throws {ExportError} when it is not supported, or lacks the precision asked for */
export function opsetOf(options: ExportOptions): number {
  const { precision = "stored" } = options;
  const opset = options.opset ?? (precision === "int4" ? INT4_OPSET : DEFAULT_OPSET);
  if (!Number.isInteger(opset) || opset < OLDEST_OPSET || opset > NEWEST_OPSET) {
    throw new ExportError(`opset must be ${OLDEST_OPSET} to ${NEWEST_OPSET}; got ${opset}`, {
      hint:
        opset > NEWEST_OPSET
          ? "from opset 22 on, ONNX Runtime's WebGPU and JSEP providers leave LSTM, MaxPool and Conv to the CPU"
          : "17 runs wherever ONNX Runtime does",
    });
  }
  const activations = options.activationRanges === undefined ? "float32" : "int8";
  checkPrecision(precision, opset, options.compute ?? "float32", activations);
  return opset;
}

/** What puts pictures around the network, where that is asked for. @throws {ExportError} when the model is none for it */
export function picturesInside(
  { metadata }: Pick<LayersSource, "metadata">,
  options: ExportOptions,
  { Pictures }: Pick<Parts, "Pictures">,
): PicturesInside | null {
  if (options.withPreprocessing !== true) return null;
  if (Pictures === null) {
    throw new ExportError("exportRaw cannot put the preparation of pictures into the file", {
      hint: "use exportModel",
    });
  }
  if (options.logits === true || options.outputs !== undefined) {
    throw new ExportError("preprocessing goes with the model's own outputs, whose answer is read in the file", {
      hint: "leave --logits and --output out, or --with-preprocessing",
    });
  }
  return new Pictures(metadata);
}

/** What the export of a LayersModel may need beside {@link Parts}. */
export interface LayersParts extends Parts {
  /** Those of the model's layers, and maybe others. */
  readonly converters: readonly LayerConverter[];
  /** Classes that are not converted, each with the reason. */
  readonly refusals: ReadonlyMap<string, string>;
}

/**
 * Turn a LayersModel into an ONNX file.
 *
 * @param everyLayer Give the outputs of every call of every layer.
 */
export function exportLayers(
  source: LayersSource,
  options: ExportOptions,
  parts: LayersParts,
  everyLayer = false,
): ExportedModel {
  try {
    return build(source, options, parts, everyLayer);
  } catch (cause) {
    throw internalError(cause);
  }
}

function build(source: LayersSource, options: ExportOptions, parts: LayersParts, everyLayer: boolean): ExportedModel {
  const opset = opsetOf(options);
  const pictures = everyLayer ? null : picturesInside(source, options, parts);
  const converted = convert(source, {
    opset,
    recurrentForm: options.recurrentForm ?? "native",
    registry: allConverters(parts.converters, options.converters),
    refusals: parts.refusals,
    batch: typeof options.batch === "number" ? options.batch : null,
    inputShapes: new Map(Object.entries(options.inputShapes ?? {})),
    outputs: options.outputs ?? null,
    everyLayer,
    feed: (graph, network) => pictures?.feed(graph, network) ?? plainFeed(graph, network),
  });
  const builder = converted.graph;
  const outputs =
    options.logits === true ? converted.outputs.map((each) => withoutSoftmax(builder, each)) : converted.outputs;
  const unfinished: Unfinished = {
    builder,
    name: source.model.name,
    inputs: converted.inputs,
    outputs,
    source,
    options,
    pictures,
    patterns: [],
    about: {
      kind: "layers",
      layers: converted.calls.map(({ path, className, call, occurrence, repeated, scope, values }) => ({
        path,
        className,
        call,
        occurrence,
        repeated,
        scope,
        outputs: values.map(({ dims }) => dims.map(show)),
      })),
      taps:
        converted.taps?.map(({ name, path, occurrence, tensor }): ExportedTap => ({
          name,
          path,
          occurrence,
          tensor,
        })) ?? null,
      notes: converted.notes,
    },
  };
  return finishModel(unfinished, parts);
}

/** @throws {ExportError} when the output is not made by a Softmax node */
function withoutSoftmax(graph: GraphBuilder, { name, value }: NamedValue): NamedValue {
  const producer = graph.producerOf(value.tensor);
  const [input] = producer?.inputs ?? [];
  if (producer?.opType !== "Softmax" || input === undefined || input === null) {
    throw new ExportError(`output ${name} does not end in a softmax to leave out`, { hint: "export without --logits" });
  }
  return { name, value: value.replacedBy(input) };
}
