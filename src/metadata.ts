/**
 * What a model says of its own use. The trainer puts it into model.json (`userDefinedMetadata.recognizer`), the exporter
 * copies it into the ONNX file's `metadata_props` under {@link RECOGNIZER_KEY} as JSON, and `infer` obeys it.
 */
export interface Recognizer {
  readonly version: 1;
  readonly input: ImageInput;
  readonly output: ClassOutput | SequenceOutput;
}

/** How to turn a picture into the model's input tensor. */
export interface ImageInput {
  readonly kind: "image";
  /** Pixels, at most 4096; a null width keeps the picture's aspect ratio. */
  readonly height: number;
  readonly width: number | null;
  readonly channels: 1 | 3;
  /** Values that black and white become, e.g. [0, 1] or [-1, 1]. */
  readonly range: readonly [number, number];
  /**
   * `mnist` (28 x 28, one channel): ink found whatever its polarity, scaled into the central 20 x 20 box, centred by mass, light on dark.
   * `stretch`: resized to height x width as it is. `line`: ink of either polarity found, straightened, cut to the line,
   * light on dark, resized to the height, padded at the right to whole steps and beyond that as {@link LineInput} says.
   */
  readonly fit: "mnist" | "stretch" | "line";
  readonly line?: LineInput;
}

/** How lines of unlike widths are put into one batch. */
export interface LineInput {
  /** Pixels for one step of the output; widths are multiples of it. */
  readonly columns: number;
  /** What pixels beyond the end of a line hold. */
  readonly padding: number;
}

/** Output [N, classes]: probabilities, or logits that want a softmax. */
export interface ClassOutput {
  readonly kind: "classes";
  readonly labels: readonly string[];
  readonly activation: "softmax" | "logits";
  /** How sure an answer is; without it the largest probability is the confidence. */
  readonly confidence?: ConfidenceModel;
}

/**
 * How a classifier's probabilities become a confidence: the probability that its answer is right for an image that may show
 * something else than a class. Logistic regression on three figures of the log-probabilities, fitted by `scripts/calibrate.mjs`
 * on images of the classes and on others; in the ONNX file's metadata.
 */
export interface ConfidenceModel {
  /** Smaller probabilities count as this. */
  readonly floor: number;
  readonly bias: number;
  /** Weight of the largest log-probability minus the second largest. */
  readonly margin: number;
  /** Weight of the mean of the other log-probabilities. */
  readonly mean: number;
  /** Weight of their standard deviation: for what is no class, the others differ more than for a class. */
  readonly spread: number;
}

/** Output [N, T, characters + 1] for CTC decoding; the blank is the last class. */
export interface SequenceOutput {
  readonly kind: "ctc";
  readonly characters: readonly string[];
  readonly activation: "softmax" | "logits";
}

export const RECOGNIZER_KEY = "tfjs-to-onnx.recognizer";

/**
 * JSON object in `metadata_props`: the smallest value of each named input size that every convolution and pooling window
 * fits into, e.g. `{"height":4,"width":4}`. Sizes that may be 1 are left out.
 */
export const MINIMUM_SIZES_KEY = "tfjs-to-onnx.minimumSizes";

/** How the weights of the file are kept, where not all are float32: `stored`, `float16`, `int8` or `int4`. */
export const PRECISION_KEY = "tfjs-to-onnx.precision";
