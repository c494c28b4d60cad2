/** What both entries, that for browsers and that for Node, export besides their loaders. */
export {
  ExportError,
  InferenceError,
  ModelFormatError,
  SetupError,
  ToolError,
  UnsupportedLayersError,
  UnsupportedMethodError,
  UnsupportedOpsError,
} from "../errors.ts";
export type { DType } from "../tensor.ts";
export { GraphModel, type TensorInfo } from "./graph-model.ts";
export { LayerInfo, LayersModel, type SymbolicTensor } from "./layers-model.ts";
export type { ClearCache, LoadGraphModel, LoadLayersModel } from "./load.ts";
export type { CacheOptions, DropInOptions, DropInSource, LoadHandler } from "./options.ts";
export type { PlainData, PlainInput, PlainInputs, PlainTensor } from "./tensors.ts";
