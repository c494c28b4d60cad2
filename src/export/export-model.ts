import { checkOptions } from "../options.ts";
import type { DType } from "../tensor.ts";

import type { LayerConverter, RecurrentForm } from "./converter.ts";
import { EXPORT_OPTIONS, exportLayers, type LayersParts } from "./export-layers.ts";
import type { GraphOpConverter } from "./graph/converter.ts";
import type { ConvertedCall } from "./model-run.ts";
import type { ActivationRange } from "./precision/activations.ts";
import { applyPrecision } from "./precision/apply.ts";
import { builtIn } from "./layers/index.ts";
import { refusals } from "./layers/refusals.ts";
import type { MatrixForm } from "./precision/integers.ts";
import type { ExportedPrecision, Precision } from "./precision/options.ts";
import type { Tap } from "./requested-outputs.ts";
import { readLayersModel } from "./source/layers-model.ts";
import type { LayersSource, RawModel } from "./source/model.ts";

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

const ALL_PARTS: LayersParts = { applyPrecision, Pictures: null, converters: builtIn, refusals };

/** As `exportAnySource` for a Layers model, with all parts loaded but the one that prepares pictures. */
export function exportSource(source: LayersSource, options: ExportOptions = {}): ExportedModel {
  return exportLayers(source, options, ALL_PARTS);
}

/** As {@link exportSource}, with the outputs of every call of every layer, to find where two runs part. */
export function exportEveryLayer(source: LayersSource, options: ExportOptions = {}): ExportedModel {
  return exportLayers(source, { ...options, logits: false }, ALL_PARTS, true);
}
