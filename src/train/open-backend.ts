import { SetupError, UsageError } from "../errors.ts";

import { loadTensorFlow, planNative, type LoadOptions } from "./native/index.ts";
import type { Tf } from "./networks.ts";
import { completeKernels } from "./wasm/kernels.ts";

/** TF.js with a backend that trains. */
export interface TrainingBackend {
  readonly tf: Tf;
  /** As "tensorflow 2.20.0" or "wasm". */
  readonly name: string;
}

export const BACKENDS = ["auto", "tensorflow", "wasm"] as const;

export interface OpenBackendOptions extends LoadOptions {
  readonly onNote: (note: string) => void;
}

/** Of a step of the MNIST CRNN at batch 128: 6.6 s of processor time on one thread, 0.13 s on both of two cores. */
const WASM_SLOWDOWN = "50 to 100";

/**
 * Native TensorFlow, or, with `auto`, WebAssembly where that is not available.
 *
 * @throws {SetupError} when what was asked for is not available
 * @throws {UsageError} when there is no such backend
 */
export async function openBackend(wish: string, options: OpenBackendOptions): Promise<TrainingBackend> {
  switch (wish) {
    case "tensorflow":
      return openNative(options);
    case "wasm":
      return openWasm(options, "as asked for");
    case "auto":
      return openFastest(options);
    default:
      throw new UsageError(`--backend takes ${BACKENDS.join(", ")}; got "${wish}"`);
  }
}

async function openFastest(options: OpenBackendOptions): Promise<TrainingBackend> {
  try {
    return await openNative(options);
  } catch (error) {
    if (!(error instanceof SetupError) || options.signal?.aborted === true) throw error;
    return openWasm(options, `because native TensorFlow is not available (${error.message})`);
  }
}

async function openNative(options: OpenBackendOptions): Promise<TrainingBackend> {
  return { tf: await loadTensorFlow(options), name: `tensorflow ${planNative().pin.version}` };
}

async function openWasm({ onNote }: OpenBackendOptions, why: string): Promise<TrainingBackend> {
  const tf = await import("@tensorflow/tfjs").catch(missing("@tensorflow/tfjs"));
  await import("@tensorflow/tfjs-backend-wasm").catch(missing("@tensorflow/tfjs-backend-wasm"));
  // Otherwise the first operation prints an advertisement for tfjs-node.
  tf.env().set("PROD", true);
  if (!(await tf.setBackend("wasm"))) throw new SetupError("TF.js's WebAssembly backend does not start");
  completeKernels(tf, "wasm");
  onNote(
    `training on TF.js's WebAssembly backend, ${why}: some ${WASM_SLOWDOWN} times slower than native TensorFlow, with ` +
      "the same gradients up to rounding",
  );
  return { tf, name: "wasm" };
}

function missing(name: string): (cause: unknown) => never {
  return (cause) => {
    throw new SetupError(`the package ${name} is not installed`, {
      hint: `run: npm install --ignore-scripts ${name}`,
      cause,
    });
  };
}
