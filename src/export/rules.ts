/**
 * What Keras computes otherwise than TF.js from the same configuration; absent, it is done as in TF.js, faults included. A model has
 * one set of rules, chosen once: see `rulesOf`.
 */
export interface Rules {
  /**
   * Masks go along the connections of layers only, where TF.js passes a mask it has met on to all layers that it runs later. Which
   * layers pass them on is in LAYER_CLASSES. Add and its like need a mask of each input, of which one that holds is enough.
   * GlobalAveragePooling1D leaves masked steps out; recurrent layers heed `zero_output_for_mask`.
   */
  readonly masks?: true;
  /** Concatenate: one mask that holds along the features is enough. */
  readonly joinedMasks?: true;
  /** Global pooling heeds `keepdims`. */
  readonly keepdims?: true;
  /** `hard_sigmoid` is clip(x / 6 + 0.5, 0, 1), not clip(x / 5 + 0.5, 0, 1). */
  readonly hardSigmoid?: true;
  /** Defaults of recurrent layers: `sigmoid` gates, not `hard_sigmoid`; a GRU resets after its recurrent kernel. */
  readonly gates?: true;
  /** Softmax is along the last axis where none is written, not along axis 1. */
  readonly softmaxAxis?: true;
  /** ReLU heeds `negative_slope` and `threshold`. */
  readonly reluSlope?: true;
  /** Concatenate counts a negative axis from the end; in TF.js any is the last. */
  readonly negativeAxis?: true;
  /** Embedding ignores `input_length`. */
  readonly anyLength?: true;
  /** Pooling and DepthwiseConv2D refuse `causal`, which TF.js takes for `valid`, as any padding but `same`. */
  readonly padding?: true;
  /** Pooling over steps heeds `data_format`. */
  readonly stepsFormat?: true;
  /**
   * Conv1D with channels first keeps its axes, where TF.js never transposes its output back. SeparableConv2D with channels first
   * adds its bias and applies its activation after it has transposed back.
   */
  readonly channelsFirst?: true;
  /** DepthwiseConv2D heeds `dilation_rate`; transposed convolutions do not ignore it, nor `output_padding`. */
  readonly dilation?: true;
  /** Resizing and bilinear UpSampling2D have the centres of pixels at halves. */
  readonly halfPixels?: true;
  /** CenterCrop takes the pixels in the middle, where TF.js resamples a box. */
  readonly plainCrop?: true;
  /** RandomHeight and RandomWidth do nothing after training; in TF.js a single factor is applied. */
  readonly randomSizes?: true;
}

/** For models that TF.js loads. */
export const TFJS_RULES: Rules = {};

/** For models of Keras 2 that TF.js cannot load, because it lacks their layers or axes. */
export const KERAS2_RULES: Rules = { masks: true, keepdims: true };

/** For models of Keras 3, which TF.js cannot load. */
export const KERAS3_RULES: Rules = {
  masks: true,
  joinedMasks: true,
  keepdims: true,
  hardSigmoid: true,
  gates: true,
  softmaxAxis: true,
  reluSlope: true,
  negativeAxis: true,
  anyLength: true,
  padding: true,
  stepsFormat: true,
  channelsFirst: true,
  dilation: true,
  halfPixels: true,
  plainCrop: true,
  randomSizes: true,
};
