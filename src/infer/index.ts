/**
 * Run models on onnxruntime-node, onnxruntime-web or TensorFlow.js behind one interface, and read pictures with models
 * that say how. Imports nothing from Node; a runtime's package is imported when its first model is loaded.
 */
export { DataError, InferenceError, ModelFormatError, SetupError, ToolError } from "../errors.ts";
export type { ClassOutput, ConfidenceModel, ImageInput, LineInput, Recognizer, SequenceOutput } from "../metadata.ts";
export { float32, type DType, type Tensor, type TensorData } from "../tensor.ts";

export { alignLabel } from "./decode/align.ts";
export { decodeBeam, decodeWithin, type BeamOptions } from "./decode/beam.ts";
export type { Constraint, LanguageModel } from "./decode/constraint.ts";
export { decodeGreedy, type ReadCharacter, type ReadLine } from "./decode/greedy.ts";
export { labelProbability } from "./decode/label-probability.ts";
export { lexicon } from "./decode/lexicon.ts";
export { logProbabilities, type Steps } from "./decode/matrix.ts";
export { nGram, type NGramOptions } from "./decode/n-gram.ts";
export { pattern } from "./decode/pattern.ts";
export { readLineImages, type Decode, type LineReading, type ReadingCharacter } from "./read-lines.ts";
export { readOnnxHeader, type OnnxHeader } from "../onnx/header.ts";
export type { Image } from "./preprocess/image.ts";
export { prepareImage } from "./preprocess/prepare-image.ts";
export { readImages, readRecognizer, type Candidate, type Reading } from "./recognize.ts";
export type {
  Model,
  Provider,
  Runtime,
  RuntimeName,
  Session,
  SessionOptions,
  Tensors,
  TfjsModel,
  ValueInfo,
} from "./runtime.ts";
export { getRuntime, providersOf, type RuntimeHooks } from "./runtimes.ts";
