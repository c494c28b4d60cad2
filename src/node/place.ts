import type { Model, Provider, Runtime, RuntimeName, Session, SessionOptions } from "../infer/runtime.ts";
import { getRuntime } from "../infer/runtimes.ts";

/** Where a model is to run. */
export interface Place {
  readonly runtime: RuntimeName;
  /** Without one the runtime's own default. */
  readonly provider?: Provider | "auto";
  /** Threads of one operator; without them the runtime's own choice. */
  readonly threads?: number;
  /** In headless Chromium instead of this process; the runtime is web. */
  readonly browser?: true;
}

/** `node/cpu`, `web/wasm, 2 threads`, `browser/webgpu`. */
export function placeName({ runtime, provider, threads, browser }: Place): string {
  const where = browser === true ? "browser" : runtime;
  const name = provider === undefined ? where : `${where}/${provider}`;
  return threads === undefined ? name : `${name}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

/**
 * Load a model in a place, with all that Node adds to the runtimes: native TensorFlow, WebGPU, a browser.
 *
 * @throws {SetupError} when the place is not available here. @throws {InferenceError} when it refuses the model.
 */
export async function loadAt(
  place: Place,
  model: Model,
  { externalData, onNote }: Pick<SessionOptions, "externalData" | "onNote"> = {},
): Promise<Session> {
  const runtime = await runtimeOf(place);
  return runtime.load(model, {
    ...(place.provider === undefined ? {} : { provider: place.provider }),
    ...(place.threads === undefined ? {} : { threads: place.threads }),
    ...(externalData === undefined ? {} : { externalData }),
    ...(onNote === undefined ? {} : { onNote }),
  });
}

async function runtimeOf({ runtime, browser }: Place): Promise<Runtime> {
  if (browser === true) return (await import("./browser/browser-runtime.ts")).browserRuntime;
  switch (runtime) {
    case "node":
    case "web":
      return getRuntime(runtime, (await import("./gpu/index.ts")).gpuHooks);
    case "tfjs":
      return getRuntime(runtime, { loadNative: (await import("./native-tensorflow.ts")).loadNative });
    default:
      return runtime satisfies never;
  }
}
