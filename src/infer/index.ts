/**
 * Run models on onnxruntime-node, onnxruntime-web or TensorFlow.js behind one interface, and read pictures with models
 * that say how. Imports nothing from Node; a runtime's package is imported when its first model is loaded.
 */
export { DataError, InferenceError, ModelFormatError, SetupError, ToolError } from "../errors.ts";
export type { ClassOutput, ImageInput, Recognizer, SequenceOutput } from "../metadata.ts";
export { float32, type DType, type Tensor, type TensorData } from "../tensor.ts";

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
