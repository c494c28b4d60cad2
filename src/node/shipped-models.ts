import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

import { ToolError } from "../errors.ts";

import { packageRoot } from "./package-root.ts";

const folder = join(packageRoot, "models");

/**
 * Path of a file of a model that ships with this package, e.g. `models/crnn-mnist/model.onnx`.
 *
 * @throws {ToolError} when there is no such model.
 */
export function shippedModel(name: string): string {
  const path = join(folder, name, "model.onnx");
  if (existsSync(path)) return path;
  const names = existsSync(folder)
    ? readdirSync(folder).filter((each) => existsSync(join(folder, each, "model.onnx")))
    : [];
  throw new ToolError(`no shipped model is called "${name}"`, {
    hint: `give the path of a file, or one of ${names.join(", ")}`,
  });
}

/** How a model is named to people: a shipped one by its name, others by their path. */
export function modelName(path: string): string {
  const parent = dirname(resolve(path));
  return dirname(parent) === folder ? basename(parent) : path;
}
