import type { Config } from "./model.ts";

/** Names of a layer's own weights. */
export type WeightNames = (config: Config) => readonly string[];

/**
 * What a layer does with the masks of its inputs: drops them (`ends`), passes on the first input's (`passes`), or computes another
 * (`own`).
 */
export type MaskRule = "ends" | "passes" | "own";

/** Converters that browsers load together. `null`: the class has none. */
export type ConverterGroup = "common" | "mobile" | "overTime" | "further" | null;

/** What must be known of a class of layers before its converter is loaded. */
export interface LayerClass {
  /**
   * Its weights, trainable ones first, in the order TF.js and Keras make them; none, if absent; null where the configuration
   * does not determine them.
   */
  readonly weights?: WeightNames | null;
  /** Where `weights` is null: their names, in the order of their numbers in Keras's own file format. */
  readonly numbered?: readonly string[];
  /** Weights that have other names in Keras 3: from its name to TF.js's. */
  readonly renamedWeights?: ReadonlyMap<string, string>;
  /**
   * The layers it holds, which have the weights: one layer or cell under this key of its configuration, a layer for each
   * direction, or a list of cells.
   */
  readonly holds?: "layer" | "cell" | "directions" | "cells";
  /** Keras has the class and TF.js does not, so TF.js cannot load a model with it. */
  readonly onlyKeras?: true;
  /** It runs a cell over a sequence. */
  readonly recurrent?: true;
  /** `common`, if absent: loaded for every model. */
  readonly group?: ConverterGroup;
  /** In TF.js; `ends` if absent. */
  readonly mask?: MaskRule;
  /** In Keras; as in TF.js if absent. */
  readonly kerasMask?: MaskRule;
  /** Whether it computes a mask from the values of its input; false if absent. */
  readonly makesMask?: (config: Config) => boolean;
  /** It changes images in training only. */
  readonly randomInTraining?: true;
  /** The key of its configuration that holds the upper bound, exclusive, of the integers in its input. */
  readonly ids?: string;
  /** What it makes of integers: values of its inputs or between them (`same`), their sums, or their products. */
  readonly carries?: "same" | "sums" | "products";
  /** The key under which a first layer gives the sizes of its input without the batch, where no shape is given. */
  readonly lengthKey?: string;
  /** Names the class had in TensorFlow 1.13 and its previews, with the same behaviour (tensorflow/tfjs#1255). */
  readonly formerly?: readonly string[];
  /** Keys of its configuration that Keras 3 renamed: from its name to that of Keras 2. */
  readonly renamedKeys?: ReadonlyMap<string, string>;
}

const kernel: WeightNames = (config) => withBias(config, "kernel");
const recurrentKernels: WeightNames = (config) => withBias(config, "kernel", "recurrent_kernel");
const depthwise: WeightNames = (config) => withBias(config, "depthwise_kernel");
const separable: WeightNames = (config) => withBias(config, "depthwise_kernel", "pointwise_kernel");
const embeddings: WeightNames = () => ["embeddings"];

const depthwiseKernel: ReadonlyMap<string, string> = new Map([["kernel", "depthwise_kernel"]]);
const overTime: LayerClass = { weights: recurrentKernels, recurrent: true, group: "overTime", mask: "own" };

function withBias(config: Config, ...names: readonly string[]): readonly string[] {
  return config["use_bias"] === false ? names : [...names, "bias"];
}

function scaleAndCenter(config: Config): readonly string[] {
  return [...(config["scale"] === false ? [] : ["gamma"]), ...(config["center"] === false ? [] : ["beta"])];
}

/** Classes that share all facts, in one row. */
const ROWS: readonly (readonly [facts: LayerClass, classes: readonly string[]])[] = [
  [{ group: null }, ["InputLayer"]],
  [{ weights: kernel, mask: "passes" }, ["Dense"]],
  [
    { weights: (config) => (config["bias_axes"] == null ? ["kernel"] : ["kernel", "bias"]), group: "further" },
    ["EinsumDense"],
  ],
  [
    {
      weights: embeddings,
      group: "overTime",
      mask: "own",
      makesMask: (config) => config["mask_zero"] === true,
      ids: "input_dim",
      lengthKey: "input_length",
    },
    ["Embedding"],
  ],
  [{ weights: embeddings, group: "further" }, ["PositionEmbedding"]],
  [{ group: "overTime", mask: "own", makesMask: () => true, carries: "same" }, ["Masking"]],

  [{ weights: kernel }, ["Conv1D", "Conv2D", "Conv3D"]],
  [{ weights: kernel, group: "further" }, ["Conv2DTranspose", "Conv3DTranspose"]],
  [{ weights: kernel, group: "further", onlyKeras: true }, ["Conv1DTranspose"]],
  [{ weights: depthwise, renamedWeights: depthwiseKernel, group: "mobile" }, ["DepthwiseConv2D"]],
  [{ weights: depthwise, renamedWeights: depthwiseKernel, group: "mobile", onlyKeras: true }, ["DepthwiseConv1D"]],
  [{ weights: separable, group: "mobile" }, ["SeparableConv2D"]],
  [{ weights: separable, group: "mobile", onlyKeras: true }, ["SeparableConv1D"]],

  [
    {},
    ["AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"],
  ],
  [{ onlyKeras: true }, ["GlobalAveragePooling3D"]],
  [
    { carries: "same" },
    [
      "MaxPooling1D",
      "MaxPooling2D",
      "MaxPooling3D",
      "GlobalMaxPooling1D",
      "GlobalMaxPooling2D",
      "Flatten",
      "Reshape",
      "Permute",
      "RepeatVector",
    ],
  ],
  [{ carries: "same", onlyKeras: true }, ["GlobalMaxPooling3D"]],
  [{ carries: "same", group: "mobile" }, ["ZeroPadding2D", "Cropping2D"]],
  [
    { carries: "same", group: "mobile", onlyKeras: true },
    ["ZeroPadding1D", "ZeroPadding3D", "Cropping1D", "Cropping3D"],
  ],
  [{ carries: "same", group: "further" }, ["UpSampling2D"]],
  [{ carries: "same", group: "further", onlyKeras: true }, ["UpSampling1D", "UpSampling3D"]],

  [
    { carries: "same", mask: "passes" },
    ["Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "Activation", "ReLU"],
  ],
  [
    { carries: "same", mask: "passes", onlyKeras: true },
    ["Identity", "SpatialDropout2D", "SpatialDropout3D", "ActivityRegularization"],
  ],
  [{ kerasMask: "passes" }, ["ELU", "ThresholdedReLU", "Softmax", "Rescaling"]],
  [{ kerasMask: "passes", renamedKeys: new Map([["negative_slope", "alpha"]]) }, ["LeakyReLU"]],
  [{ weights: () => ["alpha"], mask: "passes" }, ["PReLU"]],

  [
    {
      weights: (config) => [...scaleAndCenter(config), "moving_mean", "moving_variance"],
      mask: "passes",
      formerly: ["BatchNormalizationV1", "BatchNormalizationV2"],
    },
    ["BatchNormalization"],
  ],
  [{ weights: scaleAndCenter, mask: "passes", group: "further" }, ["LayerNormalization"]],
  [{ weights: scaleAndCenter, kerasMask: "passes", group: "further", onlyKeras: true }, ["GroupNormalization"]],
  [
    {
      weights: null,
      numbered: ["mean", "variance", "count"],
      kerasMask: "passes",
      group: "further",
      onlyKeras: true,
    },
    ["Normalization"],
  ],

  [{ mask: "own", carries: "sums" }, ["Add"]],
  [{ mask: "own", onlyKeras: true }, ["Subtract"]],
  [{ mask: "own", carries: "products" }, ["Multiply"]],
  [{ mask: "own", carries: "same" }, ["Average", "Maximum", "Minimum", "Concatenate"]],

  [overTime, ["SimpleRNN", "ConvLSTM2D"]],
  [{ ...overTime, formerly: ["UnifiedGRU"] }, ["GRU"]],
  [{ ...overTime, formerly: ["UnifiedLSTM"] }, ["LSTM"]],
  [{ ...overTime, onlyKeras: true }, ["CuDNNGRU", "CuDNNLSTM"]],
  [{ ...overTime, weights: null, holds: "cell" }, ["RNN"]],
  [{ weights: recurrentKernels, group: null }, ["SimpleRNNCell", "GRUCell", "LSTMCell", "ConvLSTM2DCell"]],
  [{ holds: "cells", group: null }, ["StackedRNNCells"]],
  [{ holds: "directions", group: "overTime", mask: "own" }, ["Bidirectional"]],
  [{ holds: "layer", group: "overTime", mask: "passes" }, ["TimeDistributed"]],

  [{ group: "further" }, ["Dot", "Resizing", "CenterCrop", "RandomHeight", "RandomWidth"]],
  [{ group: "further", ids: "num_tokens" }, ["CategoryEncoding"]],
  [
    { randomInTraining: true, onlyKeras: true },
    ["RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom"],
  ],
];

/** Every class of layers of TF.js and Keras that is converted, with InputLayer and the cells of recurrent layers. */
export const LAYER_CLASSES: ReadonlyMap<string, LayerClass> = new Map(
  ROWS.flatMap(([facts, classes]) => classes.map((className): [string, LayerClass] => [className, facts])),
);

/** Names of the classes that fulfil a condition. */
export function classesWhere(holds: (each: LayerClass) => unknown): readonly string[] {
  return [...LAYER_CLASSES].filter(([, each]) => Boolean(holds(each))).map(([className]) => className);
}

/** The group of a class's converter; null where it has none, or is not built in. */
export function groupOf(className: string): ConverterGroup {
  const found = LAYER_CLASSES.get(className);
  return found === undefined || found.group === null ? null : (found.group ?? "common");
}

/** The mask rule of a built-in class in TF.js or in Keras. Masks end at other classes unless their converters say otherwise. */
export function maskRuleOf(className: string, byKeras: boolean): MaskRule {
  const { mask = "ends", kerasMask = mask }: LayerClass = LAYER_CLASSES.get(className) ?? {};
  return byKeras ? kerasMask : mask;
}

/** Whether Keras has this class of layers and TF.js does not. TF.js cannot load a model with such layers. */
export function isBeyondTfjs(className: string): boolean {
  return LAYER_CLASSES.get(className)?.onlyKeras === true;
}

/** Whether this is a built-in class of TF.js or Keras that is converted: neither a model nor a user's own class. */
export function isLayerClass(className: string): boolean {
  return LAYER_CLASSES.has(className);
}

/** Whether layers of the class run a cell over a sequence. */
export function isRecurrent(className: string): boolean {
  return LAYER_CLASSES.get(className)?.recurrent === true;
}

/** Names of classes that change images in training and leave them as they are after it. */
export const RANDOM_IN_TRAINING: readonly string[] = classesWhere((each) => each.randomInTraining);
