import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError, SetupError, ToolError } from "../errors.ts";

import { unknownProvider } from "./check-options.ts";
import type { LoadNative } from "./hooks.ts";
import { inNode, notLoaded } from "./import-package.ts";
import { withoutListeners } from "./tfjs-async.ts";
import type { Provider, SessionOptions } from "./runtime.ts";

/** The package `@tensorflow/tfjs`, or one that has all of it. */
export type Tfjs = Omit<typeof tfjs, "default">;

/** TF.js with one of its backends ready. */
export interface TfjsBackend {
  readonly tf: Tfjs;
  /** TF.js's own name of the backend. */
  readonly name: string;
  readonly provider: Provider;
}

/**
 * Make the backend ready that was asked for; without a wish the fastest at hand: native TensorFlow, then WebAssembly,
 * then plain JavaScript. A step down is told to `onNote`.
 *
 * @throws {SetupError} when what was asked for is not there.
 */
export async function openTfjsBackend(
  options: SessionOptions,
  loadNative: LoadNative | undefined,
): Promise<TfjsBackend> {
  switch (options.provider) {
    case undefined:
    case "auto":
      return openFastest(options, loadNative);
    case "tensorflow":
      return openNative(options, loadNative);
    case "wasm":
      return openWasm(options);
    case "cpu":
      return openCpu(options);
    case "webgpu":
      throw new SetupError("this program has no WebGPU backend of TF.js", {
        hint: "use the runtime web for WebGPU, or --provider tensorflow, wasm or cpu",
      });
    default:
      throw unknownProvider("TF.js", "tensorflow, wasm and cpu", options.provider satisfies never);
  }
}

async function openFastest(options: SessionOptions, loadNative: LoadNative | undefined): Promise<TfjsBackend> {
  for (const open of [() => openNative(options, loadNative), () => openWasm(options)]) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      options.onNote?.(`TF.js takes a slower backend: ${error.message}`);
    }
  }
  return openCpu(options);
}

async function openNative(options: SessionOptions, loadNative: LoadNative | undefined): Promise<TfjsBackend> {
  if (loadNative === undefined) {
    throw new SetupError("native TensorFlow is not available here", { hint: "use the provider wasm or cpu" });
  }
  const tf = await loadNative(options.threads === undefined ? {} : { threads: options.threads });
  if (!isTfjs(tf)) {
    throw new SetupError("what loadNative gives is not TF.js: it has no setBackend and no loadLayersModel", {
      hint: 'give it as () => import("@tensorflow/tfjs-node")',
    });
  }
  return ready(tf, "tensorflow", "tensorflow");
}

function isTfjs(value: object): value is Tfjs {
  return ["setBackend", "loadLayersModel", "loadGraphModel"].every(
    (name) => typeof Reflect.get(value, name) === "function",
  );
}

async function openWasm(options: SessionOptions): Promise<TfjsBackend> {
  const tf = await importTfjs();
  const wasm = await importWasm();
  if (options.threads !== undefined && options.threads > 1) {
    if (inNode()) {
      throw new InferenceError(`TF.js's WebAssembly backend runs on 1 thread in Node; got ${options.threads}`, {
        hint: "leave --threads out, or use --provider tensorflow",
      });
    }
    wasm.setThreadsCount(options.threads);
  }
  return withoutListeners(() => ready(tf, "wasm", "wasm"));
}

async function openCpu(options: SessionOptions): Promise<TfjsBackend> {
  if (options.threads !== undefined && options.threads > 1) {
    throw new InferenceError(`TF.js's plain backend runs on 1 thread; got ${options.threads}`, {
      hint: "leave --threads out, or use --provider tensorflow",
    });
  }
  const tf = await importTfjs();
  // Production mode: otherwise the first operation prints an advertisement for tfjs-node.
  tf.env().set("PROD", true);
  return ready(tf, "cpu", "cpu");
}

async function importTfjs(): Promise<Tfjs> {
  try {
    return await import("@tensorflow/tfjs");
  } catch (cause) {
    throw notLoaded("@tensorflow/tfjs", cause);
  }
}

async function importWasm(): Promise<typeof import("@tensorflow/tfjs-backend-wasm")> {
  try {
    return await import("@tensorflow/tfjs-backend-wasm");
  } catch (cause) {
    throw notLoaded("@tensorflow/tfjs-backend-wasm", cause);
  }
}

/** Start a backend and put the one that was current back; sessions switch to theirs for each run. */
async function ready(tf: Tfjs, name: string, provider: Provider): Promise<TfjsBackend> {
  const backend = { tf, name, provider };
  await onBackend(backend, () => Promise.resolve());
  return backend;
}

/** Run a task while this backend is TF.js's current one. The caller sees to it that no two tasks overlap. */
export async function onBackend<Result>({ tf, name }: TfjsBackend, task: () => Promise<Result>): Promise<Result> {
  const before = tf.engine().backendName;
  if (before !== name && !(await tf.setBackend(name))) {
    throw new SetupError(`TF.js's backend ${name} does not start here`, { hint: "use another --provider" });
  }
  try {
    return await task();
  } finally {
    if (before !== undefined && before !== name) await tf.setBackend(before);
  }
}
