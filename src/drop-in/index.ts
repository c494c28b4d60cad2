/**
 * TF.js's loaders, with ONNX Runtime behind them: the model is converted when it is loaded, and the file is kept in IndexedDB. Imports nothing
 * from Node; in Node the package gives another entry, which reads paths too and keeps files in the cache folder.
 */
import { browserHash } from "./browser-hash.ts";
import { openIndexedDbStore } from "./indexed-db-store.ts";
import {
  cacheClearer,
  graphModelLoader,
  layersModelLoader,
  type ClearCache,
  type LoadGraphModel,
  type LoadLayersModel,
} from "./load.ts";
import type { Surroundings } from "./surroundings.ts";

export * from "./public.ts";

const browser: Surroundings = {
  hash: browserHash,
  checksum: browserHash,
  openStore: openIndexedDbStore,
  openPath: null,
  runtimes: ["web"],
  optimizing: null,
  hooks: {},
  loadNative: null,
};

/**
 * Load a Graph model as `tf.loadGraphModel` does, to run on ONNX Runtime.
 *
 * @throws {ToolError} when an address does not answer, or a weight file is missing
 * @throws {ModelFormatError} when the model is incomplete or contradicts itself
 * @throws {UnsupportedOpsError} naming every node that cannot be converted
 * @throws {SetupError} when no ONNX Runtime is installed
 */
export const loadGraphModel: LoadGraphModel = graphModelLoader(browser);

/**
 * Load a Layers model as `tf.loadLayersModel` does, to run on ONNX Runtime.
 *
 * @throws {ToolError} when an address does not answer, or a weight file is missing
 * @throws {ModelFormatError} when the model is incomplete or contradicts itself
 * @throws {UnsupportedLayersError} naming every layer that cannot be converted
 * @throws {SetupError} when no ONNX Runtime is installed
 */
export const loadLayersModel: LoadLayersModel = layersModelLoader(browser);

/** Remove every model that was kept. @throws {Error} when the browser does not allow it */
export const clearCache: ClearCache = cacheClearer(browser);
