import type { ValueInfo } from "../onnx/header.ts";
import type { Tensor } from "../tensor.ts";

import type { DeviceRuns } from "./device-tensor.ts";

export type { ValueInfo } from "../onnx/header.ts";

/** Packages that can run a model: onnxruntime-node, onnxruntime-web, TF.js. */
export type RuntimeName = "node" | "web" | "tfjs";

/**
 * Where a runtime computes. `cpu`, `wasm` and `webgpu` as ONNX Runtime names its execution providers;
 * `tensorflow` is TF.js on native TensorFlow.
 */
export type Provider = "cpu" | "wasm" | "webgpu" | "tensorflow";

/** How a model is loaded into a runtime. */
export interface SessionOptions {
  /**
   * Without it the runtime's own default: `cpu` for node, `wasm` for web, the fastest at hand for tfjs. `auto` is
   * `webgpu` where it is available (node, web), else the default, and `onNote` is told which and why.
   */
  readonly provider?: Provider | "auto";
  /** Threads of one operator; without it 1 on the web, the runtime's own choice elsewhere. */
  readonly threads?: number;
  /** Told, in a sentence for people, of every fallback and of nodes that run elsewhere than asked. */
  readonly onNote?: (note: string) => void;
  /** A `GPUDevice` of the page's: onnxruntime-web's WebGPU computes on it. The session then has `onDevice`. */
  readonly gpuDevice?: object;
  /** Weight files beside an ONNX file, by the location the file gives them. */
  readonly externalData?: ReadonlyMap<string, Uint8Array>;
}

/** A TF.js model in memory; whatever came from outside is untrusted. */
export interface TfjsModel {
  /** The parsed model.json (or an equal object made from `tf.io.ModelArtifacts`). */
  readonly manifest: unknown;
  /** All weight bytes in the manifest's order, or null when the model has none. */
  readonly weights: Uint8Array | null;
}

/** Bytes of an ONNX file, or a TF.js model; each runtime takes one of the two. */
export type Model = Uint8Array | TfjsModel;

/** Something that can load a model. Implementations import their package when `load` is called. */
export interface Runtime {
  readonly name: RuntimeName;
  /** @throws {SetupError} when the package or provider is missing. @throws {InferenceError} when the model is refused. */
  load(model: Model, options?: SessionOptions): Promise<Session>;
}

/** Inputs or outputs of a model, by name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** A loaded model. `run` may be called by several callers at once: calls queue. */
export interface Session {
  readonly runtime: RuntimeName;
  /** Where the model really runs. */
  readonly provider: Provider;
  /** Nodes that the provider left to another, as `name (Operator)`; empty when all run where `provider` says. */
  readonly elsewhere: readonly string[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /**
   * The feeds are read when their turn comes: their data may not be changed until the promise is settled.
   *
   * @throws {InferenceError} on a missing, unknown or ill-shaped input, and on any failure of the runtime.
   */
  run(feeds: Tensors): Promise<Tensors>;
  /** Of a session on a device that its caller shares ({@link SessionOptions.gpuDevice}). */
  readonly onDevice?: DeviceRuns;
  /** Free everything, after the runs under way. A second call does nothing; a later `run` throws. */
  dispose(): Promise<void>;
}
