import { isObject } from "./json.ts";
import type { Config } from "./model.ts";

/** A weight a layer must have: its name, and the names of the layers or cells within the layer that it is in. */
export interface ExpectedWeight {
  readonly scope: readonly string[];
  readonly name: string;
}

type Names = (config: Config) => readonly string[];

const kernel: Names = (config) => withBias(config, "kernel");
const recurrent: Names = (config) => withBias(config, "kernel", "recurrent_kernel");
const none: Names = () => [];

/** Weights of TF.js's classes of layers, trainable ones first, in the order TF.js and Keras make them. */
const NAMES: ReadonlyMap<string, Names> = new Map([
  ["Dense", kernel],
  ["Conv1D", kernel],
  ["Conv2D", kernel],
  ["Conv3D", kernel],
  ["Conv2DTranspose", kernel],
  ["Conv3DTranspose", kernel],
  ["DepthwiseConv2D", (config) => withBias(config, "depthwise_kernel")],
  ["SeparableConv2D", (config) => withBias(config, "depthwise_kernel", "pointwise_kernel")],
  ["Embedding", () => ["embeddings"]],
  ["PositionEmbedding", () => ["embeddings"]],
  ["EinsumDense", (config) => (config["bias_axes"] == null ? ["kernel"] : ["kernel", "bias"])],
  ["PReLU", () => ["alpha"]],
  ["BatchNormalization", (config) => [...scaleAndCenter(config), "moving_mean", "moving_variance"]],
  ["LayerNormalization", scaleAndCenter],
  ["SimpleRNN", recurrent],
  ["GRU", recurrent],
  ["LSTM", recurrent],
  ["ConvLSTM2D", recurrent],
  ["SimpleRNNCell", recurrent],
  ["GRUCell", recurrent],
  ["LSTMCell", recurrent],
  ["ConvLSTM2DCell", recurrent],
  ...[
    "InputLayer",
    "ReLU",
    "LeakyReLU",
    "ELU",
    "ThresholdedReLU",
    "Softmax",
    "Cropping2D",
    "UpSampling2D",
    "Dropout",
    "SpatialDropout1D",
    "Flatten",
    "Activation",
    "RepeatVector",
    "Reshape",
    "Permute",
    "Masking",
    "Add",
    "Multiply",
    "Average",
    "Maximum",
    "Minimum",
    "Concatenate",
    "Dot",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "ZeroPadding2D",
    "MaxPooling1D",
    "AveragePooling1D",
    "MaxPooling2D",
    "AveragePooling2D",
    "MaxPooling3D",
    "AveragePooling3D",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "CategoryEncoding",
    "CenterCrop",
    "Rescaling",
    "Resizing",
    "RandomHeight",
    "RandomWidth",
  ].map((className): [string, Names] => [className, none]),
]);

/** Keras's layers that change images in training and leave them as they are after it. */
export const RANDOM_IN_TRAINING = [
  "RandomBrightness",
  "RandomContrast",
  "RandomFlip",
  "RandomRotation",
  "RandomTranslation",
  "RandomZoom",
] as const;

/** The same for Keras's layers that TF.js has no class for; null where the configuration does not determine them. */
const BEYOND_TFJS: ReadonlyMap<string, Names | null> = new Map([
  ["Conv1DTranspose", kernel],
  ["DepthwiseConv1D", (config) => withBias(config, "depthwise_kernel")],
  ["SeparableConv1D", (config) => withBias(config, "depthwise_kernel", "pointwise_kernel")],
  ["Normalization", null],
  ["GroupNormalization", scaleAndCenter],
  ["CuDNNGRU", recurrent],
  ["CuDNNLSTM", recurrent],
  ...[
    "ActivityRegularization",
    "Cropping1D",
    "Cropping3D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling3D",
    "Identity",
    ...RANDOM_IN_TRAINING,
    "SpatialDropout2D",
    "SpatialDropout3D",
    "Subtract",
    "UpSampling1D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding3D",
  ].map((className): [string, Names] => [className, none]),
]);

/** Weights by their numbers in Keras' own format, for classes whose configuration does not determine which weights exist. */
const NUMBERED_NAMES: ReadonlyMap<string, readonly string[]> = new Map([
  ["Normalization", ["mean", "variance", "count"]],
]);

/** Names of weights in the order of their numbers; none where the configuration determines them. */
export function namesByNumber(className: string): readonly string[] {
  return NUMBERED_NAMES.get(className) ?? [];
}

/** The name of a layer's weight of this number; undefined when it has none. */
export function numberedName(layer: InnerLayer, index: number): string | undefined {
  const expected = expectedWeights(layer);
  if (expected !== null) return expected[index]?.name;
  return namesByNumber(layer.className)[index] ?? String(index);
}

/** Whether Keras has this class of layers and TF.js does not. TF.js cannot load a model with such layers. */
export function isBeyondTfjs(className: string): boolean {
  return BEYOND_TFJS.has(className);
}

const WRAPPERS: ReadonlySet<string> = new Set(["TimeDistributed", "Bidirectional", "RNN", "StackedRNNCells"]);

/** Whether this is a built-in class of TF.js or Keras that is converted: neither a model nor a user's own class. */
export function isLayerClass(className: string): boolean {
  return NAMES.has(className) || BEYOND_TFJS.has(className) || WRAPPERS.has(className);
}

function withBias(config: Config, ...names: readonly string[]): readonly string[] {
  return config["use_bias"] === false ? names : [...names, "bias"];
}

function scaleAndCenter(config: Config): readonly string[] {
  return [...(config["scale"] === false ? [] : ["gamma"]), ...(config["center"] === false ? [] : ["beta"])];
}

/** A layer or cell as a configuration holds it. */
export interface InnerLayer {
  readonly className: string;
  readonly config: Config;
}

/**
 * The weights a layer of this class and configuration has; null when that is not known, as for a user's own layers. Those of the
 * two directions are within `forward` and `backward`, those of stacked cells within `cell_0`, `cell_1` and so on.
 */
export function expectedWeights({ className, config }: InnerLayer): readonly ExpectedWeight[] | null {
  switch (className) {
    case "TimeDistributed": {
      // The layers of a wrapped model have their weights themselves.
      const inner = innerLayer(config["layer"]);
      return inner === null || isModel(inner) ? [] : expectedWeights(inner);
    }
    case "Bidirectional":
      return expectedIn([
        ["forward", recurrentLayer(config["layer"])],
        ["backward", recurrentLayer(config["backward_layer"] ?? config["layer"])],
      ]);
    case "RNN": {
      const cell = innerLayer(config["cell"]);
      return cell === null ? null : expectedWeights(cell);
    }
    case "StackedRNNCells":
      return expectedIn(stackedCells(config).map((cell, index) => [`cell_${index}`, cell]));
    default:
      return namesOf(className)?.(config).map((name) => ({ scope: [], name })) ?? null;
  }
}

function namesOf(className: string): Names | null {
  return NAMES.get(className) ?? BEYOND_TFJS.get(className) ?? null;
}

function expectedIn(parts: readonly (readonly [string, InnerLayer | null])[]): readonly ExpectedWeight[] | null {
  const all: ExpectedWeight[] = [];
  for (const [scope, inner] of parts) {
    const expected = inner === null ? null : expectedWeights(inner);
    if (expected === null) return null;
    all.push(...expected.map((weight) => ({ scope: [scope, ...weight.scope], name: weight.name })));
  }
  return all;
}

export function innerLayer(value: unknown): InnerLayer | null {
  if (!isObject(value)) return null;
  const { class_name: className, config } = value;
  return typeof className === "string" && isObject(config) ? { className, config } : null;
}

/** Layers that run a cell over a sequence. */
export const RECURRENT: ReadonlySet<string> = new Set([
  "SimpleRNN",
  "GRU",
  "LSTM",
  "CuDNNGRU",
  "CuDNNLSTM",
  "RNN",
  "ConvLSTM2D",
]);

/** What Bidirectional may wrap. It must not wrap itself: nested sixty times, its weights could not be counted. */
function recurrentLayer(value: unknown): InnerLayer | null {
  const inner = innerLayer(value);
  return inner !== null && RECURRENT.has(inner.className) ? inner : null;
}

export function stackedCells(config: Config): readonly (InnerLayer | null)[] {
  const cells = config["cells"];
  return Array.isArray(cells) ? cells.map(innerLayer) : [];
}

function isModel({ className, config }: InnerLayer): boolean {
  return className === "Sequential" || config["layers"] !== undefined;
}
