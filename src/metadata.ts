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
  /** Order of three channels; red, green, blue without it. */
  readonly order?: "rgb" | "bgr";
  /** What is taken off each channel once it is in its range, in the model's order of channels; 0 without it. */
  readonly mean?: readonly number[];
  /** What each channel is divided by after that; 1 without it. */
  readonly std?: readonly number[];
}

/** How lines of unlike widths are put into one batch. */
export interface LineInput {
  /** Pixels for one step of the output; widths are multiples of it. */
  readonly columns: number;
  /** What pixels beyond the end of a line hold. */
  readonly padding: number;
  /** How many times wider a line is made than its proportions; 1 without it. */
  readonly widen?: number;
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
  /** What the texts are like. */
  readonly language?: LanguageData;
}

/** A mixture of n-gram models of characters, which weighs texts beside what the network sees. */
export interface LanguageData {
  /** How much its log-probabilities count. */
  readonly weight: number;
  /** What each character adds, in nats: without it short texts would be likelier. */
  readonly bonus: number;
  readonly parts: readonly LanguagePart[];
}

export interface LanguagePart {
  /** Above 0; the shares add up to 1. */
  readonly share: number;
  /** As `packGrams` writes it. */
  readonly table: string;
}

export const RECOGNIZER_KEY = "tfjs-to-onnx.recognizer";

/** JSON in `metadata_props` of a file that prepares pictures itself: see {@link PreprocessingInside}. */
export const PREPROCESSING_KEY = "tfjs-to-onnx.preprocessing";

/** Which tensors of a file that prepares pictures itself are what. */
export interface PreprocessingInside {
  readonly version: 1;
  /** The file's input: uint8 [N, H, W, 3]. */
  readonly input: string;
  /** An output: the pictures as the network gets them, float32 [N, height, width, channels]. */
  readonly prepared: string;
  /** The network's own input, and its own outputs, which the file gives as well. */
  readonly network: { readonly input: string; readonly outputs: readonly string[] };
  /** Outputs [N]: strings, int64 (-1 for a blank picture), float32 from 0 to 1. */
  readonly answers: { readonly label: string; readonly index: string; readonly confidence: string };
  /** What `infer` does with a picture and the file does not, in sentences. */
  readonly leftOut: readonly string[];
}

/**
 * JSON object in `metadata_props`: the smallest value of each named input size that every convolution and pooling window
 * fits into, e.g. `{"height":4,"width":4}`. Sizes that may be 1 are left out.
 */
export const MINIMUM_SIZES_KEY = "tfjs-to-onnx.minimumSizes";

/** How the weights of the file are kept, where not all are float32: `stored`, `float16`, `int8` or `int4`. */
export const PRECISION_KEY = "tfjs-to-onnx.precision";
/** Whether a value says all that this version relies on. */
export function isRecognizer(value: unknown): value is Recognizer {
  if (typeof value !== "object" || value === null || !("version" in value) || value.version !== 1) return false;
  return "input" in value && "output" in value && isImageInput(value.input) && isOutput(value.output);
}

function isImageInput(input: unknown): boolean {
  if (typeof input !== "object" || input === null) return false;
  if (!("kind" in input && "fit" in input && "height" in input && "width" in input)) return false;
  if (!("channels" in input && "range" in input)) return false;
  const { kind, fit, height, width, channels, range } = input;
  const isFit = fit === "mnist" || fit === "stretch" || fit === "line";
  if (kind !== "image" || !isFit || !isSize(height) || !(width === null || isSize(width))) return false;
  if (fit === "mnist" && !(height === 28 && width === 28 && channels === 1)) return false;
  if ("line" in input && !isLineInput(input.line)) return false;
  if ("order" in input && input.order !== "rgb" && input.order !== "bgr") return false;
  if ("mean" in input && !areChannelValues(input.mean, channels)) return false;
  if ("std" in input && !(areChannelValues(input.std, channels) && !input.std.includes(0))) return false;
  return (
    (channels === 1 || channels === 3) && Array.isArray(range) && range.length === 2 && range.every(Number.isFinite)
  );
}

function areChannelValues(value: unknown, channels: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length === channels && value.every(Number.isFinite);
}

function isLineInput(line: unknown): boolean {
  if (typeof line !== "object" || line === null || !("columns" in line && "padding" in line)) return false;
  if ("widen" in line && !isWidening(line.widen)) return false;
  return isSize(line.columns) && Number.isFinite(line.padding);
}

/** Whether a value says how many times wider lines are made than their proportions: see {@link LineInput}. */
export function isWidening(value: unknown): boolean {
  return typeof value === "number" && value >= 0.25 && value <= 4;
}

/** Of pictures that models see; a hostile file asks for more memory than there is. */
const LONGEST_SIDE = 4096;

function isSize(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= LONGEST_SIDE;
}

function isOutput(output: unknown): boolean {
  if (typeof output !== "object" || output === null || !("kind" in output && "activation" in output)) return false;
  const { kind, activation } = output;
  if (activation !== "softmax" && activation !== "logits") return false;
  if (kind === "classes") {
    const isCalibrated = !("confidence" in output) || isConfidenceModel(output.confidence);
    return isCalibrated && "labels" in output && areTexts(output.labels);
  }
  if ("language" in output && !isLanguageData(output.language)) return false;
  return kind === "ctc" && "characters" in output && areTexts(output.characters);
}

function isLanguageData(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("weight" in value && "bonus" in value && "parts" in value)) {
    return false;
  }
  const { weight, bonus, parts } = value;
  const areNumbers = Number.isFinite(weight) && Number.isFinite(bonus);
  return areNumbers && Array.isArray(parts) && parts.length > 0 && parts.every(isLanguagePart);
}

function isLanguagePart(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("share" in value && "table" in value)) return false;
  return typeof value.share === "number" && value.share > 0 && value.share <= 1 && typeof value.table === "string";
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === "string");
}

/** Whether a value from a file's metadata is one. */
export function isConfidenceModel(value: unknown): value is ConfidenceModel {
  if (typeof value !== "object" || value === null) return false;
  const keys = ["floor", "bias", "margin", "mean", "spread"];
  const fields = new Map<string, unknown>(Object.entries(value));
  const floor = fields.get("floor");
  return keys.every((key) => Number.isFinite(fields.get(key))) && typeof floor === "number" && floor > 0 && floor < 1;
}
