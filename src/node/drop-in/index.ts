/**
 * TF.js's loaders, with ONNX Runtime behind them, for Node: reads paths and folders too, runs on onnxruntime-node where it is installed, and keeps
 * converted models in the cache folder.
 */
import { createHash } from "node:crypto";

import {
  cacheClearer,
  graphModelLoader,
  layersModelLoader,
  type ClearCache,
  type LoadGraphModel,
  type LoadLayersModel,
} from "../../drop-in/load.ts";
import type { Surroundings } from "../../drop-in/surroundings.ts";
import { gpuHooks } from "../gpu/index.ts";
import { loadNative } from "../native-tensorflow.ts";
import { readModel } from "../read-model.ts";

import { openFileStore } from "./file-store.ts";

export * from "../../drop-in/public.ts";

const node: Surroundings = {
  // Half the time of crypto.subtle, which copies the bytes first.
  hash: async (bytes) => createHash("sha256").update(bytes).digest(),
  openStore: openFileStore,
  readPath: (path) => readModel(path),
  runtimes: ["node", "web"],
  hooks: gpuHooks,
  loadNative,
};

/** As the browser's `loadGraphModel`; the source may be a path or a folder too. It throws what that throws. */
export const loadGraphModel: LoadGraphModel = graphModelLoader(node);

/** As the browser's `loadLayersModel`; the source may be a path or a folder too. It throws what that throws. */
export const loadLayersModel: LoadLayersModel = layersModelLoader(node);

/** Remove every model that was kept. @throws {ToolError} when the folder cannot be changed */
export const clearCache: ClearCache = cacheClearer(node);
