import { ExportError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { DType } from "../tensor.ts";
import { show } from "../onnx/dim.ts";

import type { GraphBuilder } from "./build/builder.ts";
import type { NamedValue } from "./build/finish.ts";
import { convert } from "./convert.ts";
import type { LayerConverter, RecurrentForm } from "./converter.ts";
import type { GraphOpConverter } from "./graph/converter.ts";
import { finishModel } from "./finish-model.ts";
import { internalError } from "./internal-error.ts";
import type { ConvertedCall } from "./model-run.ts";
import type { ActivationRange } from "./precision/activations.ts";
import { checkPrecision, INT4_OPSET, type ExportedPrecision, type Precision } from "./precision/apply.ts";
import type { MatrixForm } from "./precision/integers.ts";
import { allConverters } from "./registry.ts";
import type { Tap } from "./requested-outputs.ts";
import { plainFeed } from "./input-feed.ts";
import type { PicturesInside } from "./preprocessing/pictures-inside.ts";
import { readLayersModel } from "./source/layers-model.ts";
import type { LayersSource, RawModel } from "./source/model.ts";

const DEFAULT_OPSET = 17;
const OLDEST_OPSET = 13;
const NEWEST_OPSET = 21;

/** How a model is exported. */
export interface ExportOptions {
  /** ONNX operator set, 13 to 21; 17 runs wherever ONNX Runtime does. */
  readonly opset?: number;
  /** Size of the batch axis; "dynamic" (the default) leaves it free where the model does. */
  readonly batch?: number | "dynamic";
  /** Leave out a softmax at the end. */
  readonly logits?: boolean;
  /** Whole shapes of inputs by name, to fix free dimensions. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
  /**
   * Give these layers' outputs instead of the model's own: `conv1`, `encoder/dense` within a nested model, `shared:1` for the
   * second call of a layer that is called several times (without a number, all of its calls).
   */
  readonly outputs?: readonly string[];
  /** Converters of layers of your own, for this export alone; see docs/custom-layers.md. */
  readonly converters?: readonly LayerConverter[];
  /** Converters of operators of Graph models, for this export alone. */
  readonly opConverters?: readonly GraphOpConverter[];
  /** How recurrent layers are written; see docs. */
  readonly recurrentForm?: RecurrentForm;
  /** How weights are kept in the file; without it as the model stores them. See docs/precision.md. */
  readonly precision?: Precision;
  /**
   * How int8 and int4 weights of products of matrices become float32 again. `dequantize` (the default): by DequantizeLinear, which
   * ONNX Runtime on a CPU joins with the product into a faster one (MatMulNBits). `folded`: by nodes that every runtime computes once,
   * when it loads the file.
   */
  readonly matrixForm?: MatrixForm;
  /** Weights, by the names of their tensors in the file, that stay float32 whatever `precision` says. */
  readonly float32Weights?: readonly string[];
  /**
   * What the nodes of a file with float16 weights compute in: float32 (the default) everywhere, or float16, for WebGPU with shader-f16.
   * Inputs and outputs stay float32, and so do nodes whose numbers float16 cannot hold: `precision.float32Nodes` names them.
   */
  readonly compute?: "float32" | "float16";
  /** Nodes, by name, that stay float32 under `compute`. */
  readonly float32Nodes?: readonly string[];
  /**
   * The smallest and the largest number of tensors, by name, on typical inputs. With them, convolutions and products of matrices of a
   * file with int8 weights compute with integers.
   */
  readonly activationRanges?: ReadonlyMap<string, ActivationRange>;
  /**
   * Put the preparation of pictures, as the model's metadata says it, before the network, and the reading of its answer behind it:
   * uint8 [N, H, W, 3] goes in, labels come out. See docs/scale.md.
   */
  readonly withPreprocessing?: boolean;
}

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

/** An input or output of the exported model. Free dimensions are named. */
export interface ExportedValue {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string)[];
}

/** An exported file, and what is in it. */
export interface ExportedModel {
  /** The ONNX file. It is put together from {@link ExportedModel.chunks} when it is first read, which copies all weights. */
  readonly bytes: Uint8Array;
  /**
   * The ONNX file in pieces, in order, to write it without a second copy of the weights in memory. The pieces are views of the
   * source's weights, or are computed from them one at a time: the weights must not change before the file is written or `bytes` is
   * read.
   */
  readonly chunks: Iterable<Uint8Array>;
  /** Size of the file in bytes. */
  readonly byteLength: number;
  /** What the model was in TF.js: a LayersModel or a GraphModel. */
  readonly kind: "layers" | "graph";
  readonly opset: number;
  /** Nodes in the graph, those in bodies of loops included, without those that make weights of their stored form. */
  readonly nodes: number;
  readonly parameters: number;
  readonly inputs: readonly ExportedValue[];
  readonly outputs: readonly ExportedValue[];
  /** Layer calls, or the nodes of a Graph model, in the order they are computed. */
  readonly layers: readonly ExportedLayer[];
  /** Where each output comes from, when some layers' outputs were asked for; else null. */
  readonly taps: readonly ExportedTap[] | null;
  /** How the weights are kept. */
  readonly precision: ExportedPrecision;
  /** What a user should know of the model: weights that hold NaN, weights found under another name. */
  readonly notes: readonly string[];
}

/** A tensor of a layer's call that is an output: the `tensor`-th of the `occurrence`-th time TF.js runs the layer (0-based). */
export type ExportedTap = Omit<Tap, "value">;

/** One application of a layer. */
export interface ExportedLayer extends Omit<ConvertedCall, "values"> {
  /** Shapes of its output tensors, as TF.js orders the axes. */
  readonly outputs: readonly (readonly (number | string)[])[];
}

/**
 * Turn a TF.js LayersModel into an ONNX file. Pictures are prepared in the file (`withPreprocessing`) by `exportModel` only.
 *
 * @throws {ModelFormatError} when the model's files are damaged or contradict each other.
 * @throws {UnsupportedLayersError} naming every layer that cannot be converted.
 * @throws {ExportError} when an option does not fit the model, or a layer cannot be converted for its weights or shapes.
 * @throws {TypeError} for an option that there is not.
 */
export function exportRaw(raw: RawModel, options: ExportOptions = {}): ExportedModel {
  checkOptions("exportRaw", options, EXPORT_OPTIONS);
  return exportSource(readLayersModel(raw), options);
}

/** @param Pictures What prepares pictures in the file, for the option `withPreprocessing`. */
export function exportSource(
  source: LayersSource,
  options: ExportOptions = {},
  Pictures: typeof PicturesInside | null = null,
): ExportedModel {
  return build(source, options, false, Pictures);
}

/** As {@link exportSource}, with the outputs of every call of every layer, to find where two runs part. */
export function exportEveryLayer(source: LayersSource, options: ExportOptions = {}): ExportedModel {
  return build(source, { ...options, logits: false }, true, null);
}

function build(
  source: LayersSource,
  options: ExportOptions,
  everyLayer: boolean,
  Pictures: typeof PicturesInside | null,
): ExportedModel {
  try {
    return buildModel(source, options, everyLayer, Pictures);
  } catch (cause) {
    throw internalError(cause);
  }
}

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
  Pictures: typeof PicturesInside | null,
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

function buildModel(
  source: LayersSource,
  options: ExportOptions,
  everyLayer: boolean,
  Pictures: typeof PicturesInside | null,
): ExportedModel {
  const opset = opsetOf(options);
  const pictures = everyLayer ? null : picturesInside(source, options, Pictures);
  const converted = convert(source, {
    opset,
    recurrentForm: options.recurrentForm ?? "native",
    registry: allConverters(options.converters),
    batch: typeof options.batch === "number" ? options.batch : null,
    inputShapes: new Map(Object.entries(options.inputShapes ?? {})),
    outputs: options.outputs ?? null,
    everyLayer,
    feed: (graph, network) => pictures?.feed(graph, network) ?? plainFeed(graph, network),
  });
  const builder = converted.graph;
  const outputs =
    options.logits === true ? converted.outputs.map((each) => withoutSoftmax(builder, each)) : converted.outputs;
  return finishModel({
    builder,
    name: source.model.name,
    inputs: converted.inputs,
    outputs,
    source,
    options,
    pictures,
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
  });
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
