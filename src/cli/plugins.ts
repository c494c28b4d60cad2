import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { ToolError } from "../errors.ts";
import type { LayerConverter } from "../export/converter.ts";
import type { GraphOpConverter } from "../export/graph/converter.ts";

/** Converters of the user's own. */
export interface Plugins {
  readonly converters: readonly LayerConverter[];
  readonly opConverters: readonly GraphOpConverter[];
}

/**
 * Import modules with converters of the user's own, of layers or of operators of Graph models: each exports one, or a list of
 * them, as its default, or registers them itself.
 *
 * @param paths Paths of ES modules, as the user gave them.
 * @throws {ToolError} when one cannot be imported, or exports something else.
 */
export async function loadPlugins(paths: readonly string[]): Promise<Plugins> {
  const [converters, opConverters]: [LayerConverter[], GraphOpConverter[]] = [[], []];
  for (const path of paths) {
    for (const item of await loadPlugin(path)) {
      if (isConverter(item)) converters.push(item);
      else if (isOpConverter(item)) opConverters.push(item);
      else {
        throw new ToolError(`the default export of the plugin ${path} must be a converter, or a list of them`, {
          hint: "docs/custom-layers.md has an example for layers, docs/custom-ops.md for operators of Graph models",
        });
      }
    }
  }
  return { converters, opConverters };
}

async function loadPlugin(path: string): Promise<readonly unknown[]> {
  const file = resolve(path);
  await access(file).catch((cause: unknown) => {
    throw new ToolError(`cannot find the plugin ${path}`, { hint: "give the path of an ES module", cause });
  });
  const module = await importFile(path, file);
  const given: unknown = typeof module === "object" && module !== null && "default" in module ? module.default : [];
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  return list;
}

async function importFile(path: string, file: string): Promise<unknown> {
  try {
    const module: unknown = await import(pathToFileURL(file).href);
    return module;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ToolError(`the plugin ${path} cannot be loaded: ${reason}`, { cause });
  }
}

function isConverter(value: unknown): value is LayerConverter {
  return (
    typeof value === "object" &&
    value !== null &&
    "className" in value &&
    typeof value.className === "string" &&
    "bind" in value &&
    typeof value.bind === "function"
  );
}

function isOpConverter(value: unknown): value is GraphOpConverter {
  return (
    typeof value === "object" &&
    value !== null &&
    "tfOps" in value &&
    isNames(value.tfOps) &&
    "ops" in value &&
    isNames(value.ops) &&
    "convert" in value &&
    typeof value.convert === "function"
  );
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string");
}
