import type { RawModel } from "../export/source/model.ts";
import type { OptimizedModel } from "../infer/optimized-model.ts";
import type { RuntimeName, Session, SessionOptions } from "../infer/runtime.ts";
import type { RuntimeHooks } from "../infer/runtimes.ts";
import type { LoadNative } from "../infer/hooks.ts";

import type { CacheOptions } from "./options.ts";

/** Where converted models are kept. Every method may fail; then the model is converted and not kept. */
export interface ModelStore {
  /** The bytes kept under a key, which then counts as used; null where there are none. */
  get(key: string): Promise<Uint8Array | null>;
  /** Keep bytes, and remove the least recently used until all have `maxBytes` at most. */
  put(key: string, bytes: Uint8Array, maxBytes: number): Promise<void>;
  delete(key: string): Promise<void>;
  clear(): Promise<void>;
}

/** A model whose weights may not be read yet. */
export interface OpenedModel {
  /** The model.json. */
  readonly manifest: unknown;
  /** Text that is another one whenever the model changes; null where only reading the model tells. */
  readonly identity: string | null;
  readonly read: () => Promise<RawModel>;
}

/** SHA-256 of bytes. */
export type Hash = (bytes: Uint8Array) => Promise<Uint8Array>;

/** A runtime that gives its own optimised graph of a file, which it loads faster than the file. */
export interface OptimizingRuntime {
  /** What such graphs depend on beside the file; null where the runtime is not installed. */
  fingerprint(): Promise<string | null>;
  /** Loads a file; its optimised graph is null where the runtime cannot write it. */
  optimize(onnx: Uint8Array, options: SessionOptions): Promise<OptimizedSession>;
  load(optimized: OptimizedModel, options: SessionOptions): Promise<Session>;
}

export interface OptimizedSession {
  readonly session: Session;
  readonly optimized: OptimizedModel | null;
}

/** What Node and browsers do differently. */
export interface Surroundings {
  /** Null where no hashes can be computed: browsers refuse it to pages that came over http. Then no model is kept. */
  readonly hash: Hash | null;
  /** Opens the place of kept models. */
  openStore(options: CacheOptions): ModelStore;
  /** Tells damaged bytes from whole ones. At most 32 bytes. */
  readonly checksum: Hash | null;
  /** Opens a model at a path of this machine, or at an address; null where there are no paths, and a path is an address. */
  readonly openPath: ((path: string) => Promise<OpenedModel>) | null;
  /** The runtimes to try, best first. */
  readonly runtimes: readonly Exclude<RuntimeName, "tfjs">[];
  /** onnxruntime-node's CPU, where models run there by default. */
  readonly optimizing: OptimizingRuntime | null;
  readonly hooks: RuntimeHooks;
  /** Native TensorFlow, for `checkOnLoad`. */
  readonly loadNative: LoadNative | null;
}
