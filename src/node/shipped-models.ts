import { existsSync } from "node:fs";
import { join } from "node:path";

import { ToolError } from "../errors.ts";

import { packageRoot } from "./package-root.ts";

/**
 * Path of a file of a model that ships with this package, e.g. `models/crnn-mnist/model.onnx`.
 *
 * @throws {ToolError} when there is no such model.
 */
export function shippedModel(name: string, file: "model.json" | "model.onnx"): string {
  const path = join(packageRoot, "models", name, file);
  if (existsSync(path)) return path;
  throw new ToolError(`there is no shipped model ${name} with a ${file}`, {
    hint: "train and export one: npm run train, then npm run export:onnx",
  });
}
