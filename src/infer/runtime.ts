import type { DType, Tensor } from "../tensor.ts";

/** Packages that can run a model: onnxruntime-node, onnxruntime-web, TF.js. */
export type RuntimeName = "node" | "web" | "tfjs";

/**
 * Where a runtime computes. `cpu`, `wasm` and `webgpu` as ONNX Runtime names its execution providers;
 * `tensorflow` is TF.js on native TensorFlow.
 */
export type Provider = "cpu" | "wasm" | "webgpu" | "tensorflow";

export interface SessionOptions {
  /** Without it the runtime's own default: `cpu` for node, `wasm` for web, the fastest at hand for tfjs. */
  readonly provider?: Provider;
  /** Threads of one operator; without it 1 on the web, the runtime's own choice elsewhere. */
  readonly threads?: number;
}

/** One graph input or output. Free dimensions carry their symbolic name, or null when they have none. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string | null)[];
}

/** Something that can load a model. Implementations import their package when `load` is called. */
export interface Runtime {
  readonly name: RuntimeName;
  /** @throws {SetupError} when the package or provider is missing. @throws {InferenceError} when the model is refused. */
  load(model: Uint8Array, options?: SessionOptions): Promise<Session>;
}

/** A loaded model. `run` may be called by several callers at once: calls queue. */
export interface Session {
  readonly runtime: RuntimeName;
  /** Where the model really runs. */
  readonly provider: Provider;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** @throws {InferenceError} on a missing, unknown or ill-shaped input, and on any failure of the runtime. */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>;
  dispose(): Promise<void>;
}
