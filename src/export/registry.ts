import { ExportError } from "../errors.ts";

import type { LayerConverter } from "./converter.ts";
import { builtIn } from "./layers/index.ts";

const custom = new Map<string, LayerConverter>();

/**
 * Teach the exporter a layer of your own.
 *
 * @throws {ExportError} when the class has a converter already.
 */
export function registerLayer(converter: LayerConverter): void {
  if (allConverters().has(converter.className)) {
    throw new ExportError(`layers of class ${converter.className} have a converter already`);
  }
  custom.set(converter.className, converter);
}

/** Forget a converter that {@link registerLayer} added. @returns whether there was one */
export function unregisterLayer(className: string): boolean {
  return custom.delete(className);
}

/** Every converter by class name, the user's included. */
export function allConverters(): ReadonlyMap<string, LayerConverter> {
  const all = new Map<string, LayerConverter>();
  for (const converter of builtIn) {
    if (all.has(converter.className)) throw new TypeError(`two converters for ${converter.className}`);
    all.set(converter.className, converter);
  }
  for (const [className, converter] of custom) all.set(className, converter);
  return all;
}
