import { GraphModel } from "./graph-model.ts";
import { LayersModel } from "./layers-model.ts";
import { CACHE_OPTIONS, type CacheOptions, type DropInOptions, type DropInSource } from "./options.ts";
import { checkOptions } from "../options.ts";
import { loadParts } from "./parts.ts";
import type { Surroundings } from "./surroundings.ts";

/** In place of `tf.loadGraphModel`. */
export type LoadGraphModel = (source: DropInSource, options?: DropInOptions) => Promise<GraphModel>;

/** In place of `tf.loadLayersModel`. */
export type LoadLayersModel = (source: DropInSource, options?: DropInOptions) => Promise<LayersModel>;

/** Removes every kept model. */
export type ClearCache = (options?: CacheOptions) => Promise<void>;

export function graphModelLoader(surroundings: Surroundings): LoadGraphModel {
  return async (source, options) => new GraphModel(await loadParts(source, options, "graph", surroundings));
}

export function layersModelLoader(surroundings: Surroundings): LoadLayersModel {
  return async (source, options) => new LayersModel(await loadParts(source, options, "layers", surroundings));
}

export function cacheClearer(surroundings: Surroundings): ClearCache {
  return async (options = {}) => {
    checkOptions("clearCache", options, CACHE_OPTIONS);
    await surroundings.openStore(options).clear();
  };
}
