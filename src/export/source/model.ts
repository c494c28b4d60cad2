import type { Tensor } from "../../tensor.ts";

import type { Quantization } from "./weights.ts";

/** A weight as stored, dequantised: float32 for every floating dtype, int32 or bool otherwise. */
export type Weight = Extract<Tensor, { dtype: "float32" | "int32" | "bool" }>;

/** Text as stored: UTF-8. */
export type StringWeight = Extract<Tensor, { dtype: "string" }>;

export interface ComplexWeight {
  readonly dtype: "complex64";
  readonly dims: readonly number[];
  readonly real: Float32Array;
  readonly imaginary: Float32Array;
}

/** A weight of a Graph model. */
export type GraphWeight = Weight | StringWeight | ComplexWeight;

/** Serialized configuration in Keras 2's form: snake_case keys, as tfjs-layers itself writes it. */
export type Config = Readonly<Record<string, unknown>>;

/** One of the tensors that one call of a layer gave. */
export interface TensorRef {
  /** Name of a layer of the same model. */
  readonly layer: string;
  /** Which of the layer's calls (0-based); shared layers have several. */
  readonly call: number;
  /** Which of the call's output tensors (0-based). */
  readonly tensor: number;
}

/** One application of a layer to tensors: a Keras inbound node. */
export interface Call {
  readonly inputs: readonly TensorRef[];
  /** Keyword arguments, e.g. `initial_state` or `constants` given as tensors. */
  readonly kwargs: Readonly<Record<string, CallArgument>>;
}

export type CallArgument =
  | { readonly kind: "tensors"; readonly refs: readonly TensorRef[] }
  | { readonly kind: "value"; readonly value: unknown };

export interface LayerSpec {
  readonly name: string;
  /** As serialized; an operation on tensors that Keras 3 wrote among the layers is `keras.ops.NAME`. */
  readonly className: string;
  readonly config: Config;
  /** Where the layer is applied; none for an InputLayer. */
  readonly calls: readonly Call[];
  /** Set when the layer is itself a model (Sequential, Functional, Model): its own graph. */
  readonly model: ModelSpec | null;
  /**
   * What a wrapper (TimeDistributed, Bidirectional) wraps, without calls. Where that is a model, the weights of its
   * layers are at the wrapper's path, its own name and theirs: `["distributed", "encoder", "dense"]`.
   */
  readonly wrapped: LayerSpec | null;
}

/** A model as a graph of layers, whichever way it was written: a Sequential is a chain of calls. */
export interface ModelSpec {
  readonly name: string;
  /**
   * The inputs, and every layer the outputs need; others take no part, as in TF.js. A layer comes after those that its
   * first computed call uses. Calls never form a cycle (checked), but layers that are called several times may.
   */
  readonly layers: readonly LayerSpec[];
  readonly inputs: readonly TensorRef[];
  readonly outputs: readonly TensorRef[];
}

/**
 * The weights of one layer, by the names the layer's class gives them (`kernel`, `recurrent_kernel`, `moving_mean`),
 * whatever prefixes, cell names or suffixes (`:0`) the file's dialect adds.
 */
export interface LayerWeights {
  /** @throws {ModelFormatError} when the weight is missing or its shape is not `dims` (null: any size). */
  get(name: string, dims?: readonly (number | null)[]): Weight;
  has(name: string): boolean;
  /** Weights of a wrapped layer or cell, e.g. `within("forward_lstm")`, `within("cell_0")`. */
  within(child: string): LayerWeights;
}

/** A TF.js LayersModel, read and checked: everything the converters need, whatever the dialect of the file. */
export interface LayersSource {
  readonly kind: "layers";
  readonly model: ModelSpec;
  /** Weights of a layer, by its path through nested models: `["encoder", "conv1"]`. */
  weightsOf(path: readonly string[]): LayerWeights;
  /**
   * @returns what the user should know of the weights: those that hold NaN, those found under another name.
   * @throws {ModelFormatError} when weights are missing, or belong to no layer; so does the first `weightsOf`.
   */
  checkWeights(): readonly string[];
  /** Written by Keras 3, whose activations of the same name may be other functions. */
  readonly keras3: boolean;
  /** Written by TF.js itself, not by Keras. */
  readonly tfjs: boolean;
  /** `generatedBy`, `convertedBy` and `userDefinedMetadata` of the file. */
  readonly generatedBy: string | null;
  readonly convertedBy: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Sum of the sizes of all weights. */
  readonly parameters: number;
  /** The distinct ways in which float32 weights are quantised; none for a model whose weights are stored as they are. */
  readonly quantizations: readonly Quantization[];
  /**
   * Sum of the sizes of the weights of a layer of the outermost model, those of layers within it included.
   *
   * @throws {ModelFormatError} when weights are missing, or belong to no layer.
   */
  parametersOf(layer: string): number;
}

/** The parts of a model.json and its weights, as `tf.io.ModelArtifacts` has them; untrusted input. */
export interface RawModel {
  /** The parsed model.json (or an equal object made from `tf.io.ModelArtifacts`). */
  readonly manifest: unknown;
  /** All weight bytes in the manifest's order, or null when the model has none. */
  readonly weights: Uint8Array | null;
  /** The model was live, not loaded from files. TF.js may count calls of layers in another order when it loads files. */
  readonly live?: true;
}
