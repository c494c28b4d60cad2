import type { DType } from "../tensor.ts";

import type { ConfigReader } from "./source/config.ts";

/** The type of a model's input, from its InputLayer's configuration. @throws {ExportError} for one that is not supported */
export function inputType(config: ConfigReader): DType {
  return config.oneOf("dtype", ["float32", "int32", "bool"], "float32");
}
