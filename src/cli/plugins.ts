import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { ToolError } from "../errors.ts";
import type { LayerConverter } from "../export/converter.ts";

/**
 * Import modules with converters of layers of the user's own: each exports one, or a list of them, as its default, or
 * registers them itself.
 *
 * @param paths Paths of ES modules, as the user gave them.
 * @throws {ToolError} when one cannot be imported, or exports something else.
 */
export async function loadPlugins(paths: readonly string[]): Promise<readonly LayerConverter[]> {
  const converters: LayerConverter[] = [];
  for (const path of paths) converters.push(...(await loadPlugin(path)));
  return converters;
}

async function loadPlugin(path: string): Promise<readonly LayerConverter[]> {
  const file = resolve(path);
  await access(file).catch((cause: unknown) => {
    throw new ToolError(`cannot find the plugin ${path}`, { hint: "give the path of an ES module", cause });
  });
  const module = await importFile(path, file);
  const given: unknown = typeof module === "object" && module !== null && "default" in module ? module.default : [];
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  return list.map((item) => {
    if (isConverter(item)) return item;
    throw new ToolError(`the default export of the plugin ${path} must be a converter, or a list of them`, {
      hint: "make converters with defineConverter; docs/custom-layers.md has an example",
    });
  });
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
