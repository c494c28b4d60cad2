import type { Config } from "./model.ts";

/** Names of a layer's own weights. */
export type WeightNames = (config: Config) => readonly string[];

/**
 * What comes of the mask of a layer's input: it `ends` there, the first input's mask `passes`, or the converter computes another
 * (`own`).
 */
export type MaskRule = "ends" | "passes" | "own";

/** Converters that browsers load together. `null`: the class has none. */
export type ConverterGroup = "common" | "depthwise" | "overTime" | "further" | null;

/** What must be known of a class of layers before its converter is loaded. */
export interface LayerClass {
  /**
   * Its weights, trainable ones first, in the order TF.js and Keras make them; none, if absent; null where the configuration
   * does not determine them.
   */
  readonly weights?: WeightNames | null;
  /** Where `weights` is null: their names, in the order of their numbers in Keras's own file format. */
  readonly numbered?: readonly string[];
  /** Weights that Keras 3 names otherwise: its name, and TF.js's. */
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
  /** In TF.js; it `ends`, if absent. */
  readonly mask?: MaskRule;
  /** In Keras; as in TF.js, if absent. */
  readonly kerasMask?: MaskRule;
  /** Whether it makes a mask of its input's values; it does not, if absent. */
  readonly makesMask?: (config: Config) => boolean;
  /** It changes images in training only. */
  readonly randomInTraining?: true;
  /** The key of its configuration that says below which number the whole numbers in its input must be. */
  readonly ids?: string;
  /** Given whole numbers it gives whole numbers, or some between them: the same ones, sums or products of its inputs'. */
  readonly carries?: "same" | "sums" | "products";
  /** The key under which a first layer gives the sizes of its input without the batch, where no shape is given. */
  readonly lengthKey?: string;
  /** Names the class had in TensorFlow 1.13 and its previews, with the same behaviour (tensorflow/tfjs#1255). */
  readonly formerly?: readonly string[];
  /** Keys of its configuration that Keras 3 renamed: its name, and Keras 2's. */
  readonly renamedKeys?: ReadonlyMap<string, string>;
}

const kernel: WeightNames = (config) => withBias(config, "kernel");
const recurrentKernels: WeightNames = (config) => withBias(config, "kernel", "recurrent_kernel");
const depthwise: WeightNames = (config) => withBias(config, "depthwise_kernel");
const separable: WeightNames = (config) => withBias(config, "depthwise_kernel", "pointwise_kernel");
const embeddings: WeightNames = () => ["embeddings"];

function withBias(config: Config, ...names: readonly string[]): readonly string[] {
  return config["use_bias"] === false ? names : [...names, "bias"];
}

function scaleAndCenter(config: Config): readonly string[] {
  return [...(config["scale"] === false ? [] : ["gamma"]), ...(config["center"] === false ? [] : ["beta"])];
}

const depthwiseKernel: ReadonlyMap<string, string> = new Map([["kernel", "depthwise_kernel"]]);
const cell: LayerClass = { weights: recurrentKernels, group: null };
const overTime: LayerClass = { weights: recurrentKernels, recurrent: true, group: "overTime", mask: "own" };
const unchanged: LayerClass = { mask: "passes", carries: "same" };
const moving: LayerClass = { carries: "same" };
const randomInTraining: LayerClass = { randomInTraining: true, onlyKeras: true };

/** Every class of layers of TF.js and Keras that is converted, with InputLayer and the cells of recurrent layers. */
export const LAYER_CLASSES: ReadonlyMap<string, LayerClass> = new Map<string, LayerClass>(
  Object.entries({
    InputLayer: { group: null },
    Dense: { weights: kernel, mask: "passes" },
    EinsumDense: {
      weights: (config) => (config["bias_axes"] == null ? ["kernel"] : ["kernel", "bias"]),
      group: "further",
    },
    Embedding: {
      weights: embeddings,
      group: "overTime",
      mask: "own",
      makesMask: (config) => config["mask_zero"] === true,
      ids: "input_dim",
      lengthKey: "input_length",
    },
    PositionEmbedding: { weights: embeddings, group: "further" },
    Masking: { group: "overTime", mask: "own", makesMask: () => true, carries: "same" },

    Conv1D: { weights: kernel },
    Conv2D: { weights: kernel },
    Conv3D: { weights: kernel },
    Conv1DTranspose: { weights: kernel, onlyKeras: true, group: "further" },
    Conv2DTranspose: { weights: kernel, group: "further" },
    Conv3DTranspose: { weights: kernel, group: "further" },
    DepthwiseConv1D: { weights: depthwise, renamedWeights: depthwiseKernel, onlyKeras: true, group: "depthwise" },
    DepthwiseConv2D: { weights: depthwise, renamedWeights: depthwiseKernel, group: "depthwise" },
    SeparableConv1D: { weights: separable, onlyKeras: true, group: "depthwise" },
    SeparableConv2D: { weights: separable, group: "depthwise" },

    MaxPooling1D: moving,
    MaxPooling2D: moving,
    MaxPooling3D: moving,
    AveragePooling1D: {},
    AveragePooling2D: {},
    AveragePooling3D: {},
    GlobalMaxPooling1D: moving,
    GlobalMaxPooling2D: moving,
    GlobalMaxPooling3D: { ...moving, onlyKeras: true },
    GlobalAveragePooling1D: {},
    GlobalAveragePooling2D: {},
    GlobalAveragePooling3D: { onlyKeras: true },
    ZeroPadding1D: { ...moving, onlyKeras: true },
    ZeroPadding2D: moving,
    ZeroPadding3D: { ...moving, onlyKeras: true },
    Cropping1D: { ...moving, onlyKeras: true },
    Cropping2D: moving,
    Cropping3D: { ...moving, onlyKeras: true },
    UpSampling1D: { ...moving, onlyKeras: true, group: "further" },
    UpSampling2D: { ...moving, group: "further" },
    UpSampling3D: { ...moving, onlyKeras: true, group: "further" },

    Flatten: moving,
    Reshape: moving,
    Permute: moving,
    RepeatVector: moving,
    Identity: { ...unchanged, onlyKeras: true },
    Dropout: unchanged,
    SpatialDropout1D: unchanged,
    SpatialDropout2D: { ...unchanged, onlyKeras: true },
    SpatialDropout3D: { ...unchanged, onlyKeras: true },
    GaussianNoise: unchanged,
    GaussianDropout: unchanged,
    AlphaDropout: unchanged,
    ActivityRegularization: { ...unchanged, onlyKeras: true },

    Activation: unchanged,
    ReLU: unchanged,
    LeakyReLU: { kerasMask: "passes", renamedKeys: new Map([["negative_slope", "alpha"]]) },
    PReLU: { weights: () => ["alpha"], mask: "passes" },
    ELU: { kerasMask: "passes" },
    ThresholdedReLU: { kerasMask: "passes" },
    Softmax: { kerasMask: "passes" },

    BatchNormalization: {
      weights: (config) => [...scaleAndCenter(config), "moving_mean", "moving_variance"],
      mask: "passes",
      formerly: ["BatchNormalizationV1", "BatchNormalizationV2"],
    },
    LayerNormalization: { weights: scaleAndCenter, group: "further", mask: "passes" },
    GroupNormalization: { weights: scaleAndCenter, onlyKeras: true, group: "further", kerasMask: "passes" },
    Normalization: {
      weights: null,
      numbered: ["mean", "variance", "count"],
      onlyKeras: true,
      group: "further",
      kerasMask: "passes",
    },

    Add: { mask: "own", carries: "sums" },
    Subtract: { mask: "own", onlyKeras: true },
    Multiply: { mask: "own", carries: "products" },
    Average: { mask: "own", carries: "same" },
    Maximum: { mask: "own", carries: "same" },
    Minimum: { mask: "own", carries: "same" },
    Concatenate: { mask: "own", carries: "same" },
    Dot: { group: "further" },

    SimpleRNN: overTime,
    GRU: { ...overTime, formerly: ["UnifiedGRU"] },
    LSTM: { ...overTime, formerly: ["UnifiedLSTM"] },
    CuDNNGRU: { ...overTime, onlyKeras: true },
    CuDNNLSTM: { ...overTime, onlyKeras: true },
    ConvLSTM2D: overTime,
    RNN: { holds: "cell", recurrent: true, group: "overTime", mask: "own" },
    SimpleRNNCell: cell,
    GRUCell: cell,
    LSTMCell: cell,
    ConvLSTM2DCell: cell,
    StackedRNNCells: { holds: "cells", group: null },
    Bidirectional: { holds: "directions", group: "overTime", mask: "own" },
    TimeDistributed: { holds: "layer", group: "overTime", mask: "passes" },

    Rescaling: { kerasMask: "passes" },
    Resizing: { group: "further" },
    CenterCrop: { group: "further" },
    CategoryEncoding: { group: "further", ids: "num_tokens" },
    RandomHeight: { group: "further" },
    RandomWidth: { group: "further" },
    RandomBrightness: randomInTraining,
    RandomContrast: randomInTraining,
    RandomFlip: randomInTraining,
    RandomRotation: randomInTraining,
    RandomTranslation: randomInTraining,
    RandomZoom: randomInTraining,
  } satisfies Record<string, LayerClass>),
);

/** Names of the classes of which something holds. */
export function classesWhere(holds: (each: LayerClass) => unknown): readonly string[] {
  return [...LAYER_CLASSES].filter(([, each]) => Boolean(holds(each))).map(([className]) => className);
}

/** The group of a class's converter; null where it has none, or is not built in. */
export function groupOf(className: string): ConverterGroup {
  const found = LAYER_CLASSES.get(className);
  return found === undefined || found.group === null ? null : (found.group ?? "common");
}

/** What comes of a mask at a built-in class, in TF.js or in Keras. It ends at others unless their converters say otherwise. */
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
