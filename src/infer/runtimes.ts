import { InferenceError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";

import type { LoadNative, LogCreation } from "./hooks.ts";
import type { NodeGpu } from "./ort-web.ts";
import type { Provider, Runtime, RuntimeName } from "./runtime.ts";

/** Every runtime and the providers each may have. Nothing of a runtime is imported before it is asked for. */
export const providersOf: Readonly<Record<RuntimeName, readonly Provider[]>> = {
  node: ["cpu", "webgpu"],
  web: ["wasm", "webgpu"],
  tfjs: ["tensorflow", "wasm", "cpu"],
};

/** What depends on the environment. */
export interface RuntimeHooks {
  /** Native TensorFlow for TF.js; see src/train/native. */
  readonly loadNative?: LoadNative;
  /** WebGPU for onnxruntime-web in Node; see src/node/gpu. */
  readonly nodeGpu?: NodeGpu;
  /** For onnxruntime-node to name the nodes that WebGPU does not take; see src/node/gpu. */
  readonly logCreation?: LogCreation;
}

const HOOKS: OptionNames<RuntimeHooks> = { loadNative: true, nodeGpu: true, logCreation: true };

/**
 * A runtime by its name. Its package is imported when it loads its first model.
 *
 * @throws {InferenceError} when there is none of that name
 * @throws {TypeError} for a hook that there is not
 */
export async function getRuntime(name: RuntimeName, hooks: RuntimeHooks = {}): Promise<Runtime> {
  checkOptions("getRuntime", hooks, HOOKS);
  switch (name) {
    case "node":
      return (await import("./ort-node.ts")).createNodeRuntime(hooks.logCreation);
    case "web":
      return (await import("./ort-web.ts")).createWebRuntime(hooks.nodeGpu);
    case "tfjs":
      return (await import("./tfjs-session.ts")).createTfjsRuntime(hooks.loadNative);
    default:
      throw unknownRuntime(name satisfies never);
  }
}

function unknownRuntime(name: unknown): InferenceError {
  return new InferenceError(`the runtimes are ${Object.keys(providersOf).join(", ")}; got ${JSON.stringify(name)}`);
}
