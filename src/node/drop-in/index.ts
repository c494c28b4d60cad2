/**
 * TF.js's loaders, with ONNX Runtime behind them, for Node: reads paths and folders too, runs on onnxruntime-node where it is installed, and keeps
 * converted models in the cache folder.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

import {
  cacheClearer,
  graphModelLoader,
  layersModelLoader,
  type ClearCache,
  type LoadGraphModel,
  type LoadLayersModel,
} from "../../drop-in/load.ts";
import type { OpenedModel, Surroundings } from "../../drop-in/surroundings.ts";
import { gpuHooks } from "../gpu/index.ts";
import { loadNative } from "../native-tensorflow.ts";
import { parseModelAddress } from "../model-address.ts";
import { openModelFiles, readModel } from "../read-model.ts";

import { openFileStore } from "./file-store.ts";
import { optimizingCpu } from "./optimizing-cpu.ts";

export * from "../../drop-in/public.ts";

const node: Surroundings = {
  // Half the time of crypto.subtle, which copies the bytes first.
  hash: async (bytes) => createHash("sha256").update(bytes).digest(),
  checksum: async (bytes) => {
    const sum = new Uint8Array(4);
    new DataView(sum.buffer).setUint32(0, crc32(bytes));
    return sum;
  },
  openStore: openFileStore,
  openPath,
  runtimes: ["node", "web"],
  optimizing: optimizingCpu,
  hooks: gpuHooks,
  loadNative,
};

async function openPath(source: string): Promise<OpenedModel> {
  const address = parseModelAddress(source);
  if (address.kind !== "url") return openModelFiles(address.path);
  const raw = await readModel(source);
  return { manifest: raw.manifest, identity: null, read: async () => raw };
}

/** As the browser's `loadGraphModel`; the source may be a path or a folder too. It throws what that throws. */
export const loadGraphModel: LoadGraphModel = graphModelLoader(node);

/** As the browser's `loadLayersModel`; the source may be a path or a folder too. It throws what that throws. */
export const loadLayersModel: LoadLayersModel = layersModelLoader(node);

/** Remove every model that was kept. @throws {ToolError} when the folder cannot be changed */
export const clearCache: ClearCache = cacheClearer(node);
