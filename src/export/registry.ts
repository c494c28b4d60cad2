import { ExportError } from "../errors.ts";

import type { LayerConverter } from "./converter.ts";
import { groupOf } from "./source/layer-classes.ts";

const custom = new Map<string, LayerConverter>();

/**
 * Teach the exporter a layer of your own, for every export from here on. `ExportOptions.converters` teaches it for one.
 * See docs/custom-layers.md.
 *
 * @throws {ExportError} when the class has a converter already.
 */
export function registerLayer(converter: LayerConverter): void {
  const { className } = converter;
  const known = custom.get(className);
  if (groupOf(className) !== null || (known !== undefined && known !== converter)) throw takenClass(className);
  custom.set(className, converter);
}

/** Forget a converter that {@link registerLayer} added. @returns whether there was one */
export function unregisterLayer(className: string): boolean {
  return custom.delete(className);
}

/**
 * Every converter by class name, the user's included.
 *
 * @param builtIn The exporter's own.
 * @param more Converters that are not registered.
 * @throws {ExportError} when one of them is for a class that has a converter already.
 */
export function allConverters(
  builtIn: readonly LayerConverter[],
  more: readonly LayerConverter[] = [],
): Map<string, LayerConverter> {
  const all = new Map<string, LayerConverter>();
  for (const converter of builtIn) {
    if (all.has(converter.className)) throw new TypeError(`two converters for ${converter.className}`);
    all.set(converter.className, converter);
  }
  for (const [className, converter] of custom) all.set(className, converter);
  for (const converter of more) {
    const { className } = converter;
    const known = all.get(className);
    if ((known !== undefined && known !== converter) || groupOf(className) !== null) throw takenClass(className);
    all.set(className, converter);
  }
  return all;
}

function takenClass(className: string): ExportError {
  return new ExportError(`layers of class ${className} have a converter already`, {
    hint: "a class has one converter; unregisterLayer forgets one of your own",
  });
}
