export { registerLayer, unregisterLayer } from "./export/registry.ts";
export { exportModel, type ModelSource } from "./export/export-any.ts";
export { registerOp, unregisterOp } from "./export/graph/custom-ops.ts";
export type { GraphOpConverter, OpContext, OpValue } from "./export/graph/converter.ts";
export type { ExportedModel, ExportedValue, ExportOptions } from "./export/export-model.ts";
export {
  defineConverter,
  only,
  type BindContext,
  type BoundLayer,
  type ConverterDefinition,
  type EmitContext,
  type MaskedValue,
  type LayerConverter,
} from "./export/converter.ts";
export type { GraphBuilder, NodeInput, Producer } from "./export/build/builder.ts";
export { asNumber, dim, show, type Dim, type DimLike } from "./onnx/dim.ts";
export type { GraphTensor } from "./export/ir/graph-tensor.ts";
export { float, floats, int, ints, string, type Attribute, type Attributes } from "./onnx/model.ts";
export { dimOf, dimsOf, permuteAxes, viewOf, type Value } from "./export/ir/value.ts";
export type { Rules } from "./export/rules.ts";
export type { ConfigReader } from "./export/source/config.ts";
export type { LayerWeights, Weight } from "./export/source/model.ts";
export type { DType, Tensor } from "./tensor.ts";
export {
  ExportError,
  InternalError,
  InferenceError,
  ModelFormatError,
  ToolError,
  UnsupportedLayersError,
  UnsupportedOpsError,
  type UnsupportedLayer,
  type UnsupportedOp,
} from "./errors.ts";
