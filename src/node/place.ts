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

/** Seconds that a run of a model with a loop may take, unless another limit is given. */
export const LOOP_TIME_LIMIT = 300;

/** What a model is loaded with. */
export interface LoadOptions extends Pick<SessionOptions, "externalData" | "onNote"> {
  /**
   * Seconds that a run may take, for a model with a loop (see {@link hasLoop}): up to 1 GiB it runs in a process of its own then, since a
   * loop that does not end would block this one. Null for models without.
   */
  readonly loopLimit?: number | null;
}

/**
 * Load a model in a place, with all that Node adds to the runtimes: native TensorFlow, WebGPU, a browser.
 *
 * @throws {SetupError} when the place is not available here. @throws {InferenceError} when it refuses the model.
 */
export async function loadAt(
  place: Place,
  model: Model,
  { externalData, onNote, loopLimit = null }: LoadOptions = {},
): Promise<Session> {
  const isElsewhere = loopLimit !== null && place.browser !== true && isSendable(model, externalData);
  const runtime = isElsewhere ? await processRuntime(place.runtime) : await runtimeOf(place);
  const session = await runtime.load(model, {
    ...(place.provider === undefined ? {} : { provider: place.provider }),
    ...(place.threads === undefined ? {} : { threads: place.threads }),
    ...(externalData === undefined ? {} : { externalData }),
    ...(onNote === undefined ? {} : { onNote }),
  });
  if (loopLimit === null) return session;
  const { limitRuns } = await import("./own-process/limit-runs.ts");
  return limitRuns(session, loopLimit, onNote ?? (() => undefined));
}

/** What goes to another process at once. */
const MOST_SENT = 2 ** 30;

function isSendable(model: Model, externalData: SessionOptions["externalData"]): boolean {
  const own = model instanceof Uint8Array ? model.byteLength : (model.weights?.byteLength ?? 0);
  return [...(externalData?.values() ?? [])].reduce((sum, { byteLength }) => sum + byteLength, own) <= MOST_SENT;
}

async function processRuntime(name: RuntimeName): Promise<Runtime> {
  return (await import("./own-process/process-runtime.ts")).createProcessRuntime(name);
}

/** The runtime of a place, in this process or in a browser. */
export async function runtimeOf({ runtime, browser }: Place): Promise<Runtime> {
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
