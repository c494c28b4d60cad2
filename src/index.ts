export { registerLayer, unregisterLayer } from "./export/registry.ts";
export { exportModel, type ModelSource } from "./export/export-any.ts";
export { exportRaw, type ExportedModel, type ExportedValue, type ExportOptions } from "./export/export-model.ts";
export {
  defineConverter,
  type BindContext,
  type BoundLayer,
  type ConverterDefinition,
  type EmitContext,
  type Flow,
  type LayerConverter,
} from "./export/converter.ts";
export {
  ExportError,
  InferenceError,
  ModelFormatError,
  ToolError,
  UnsupportedLayersError,
  type UnsupportedLayer,
} from "./errors.ts";
