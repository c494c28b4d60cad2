import type { RawModel } from "../export/source/model.ts";
import type { RuntimeName } from "../infer/runtime.ts";
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

/** SHA-256 of bytes. */
export type Hash = (bytes: Uint8Array) => Promise<Uint8Array>;

/** What Node and browsers do differently. */
export interface Surroundings {
  /** Null where no hashes can be computed: browsers refuse it to pages that came over http. Then no model is kept. */
  readonly hash: Hash | null;
  /** Opens the place of kept models. */
  openStore(options: CacheOptions): ModelStore;
  /** Reads a model from a path of this machine; null where there are none, and a path is an address. */
  readonly readPath: ((path: string) => Promise<RawModel>) | null;
  /** The runtimes to try, best first. */
  readonly runtimes: readonly Exclude<RuntimeName, "tfjs">[];
  readonly hooks: RuntimeHooks;
  /** Native TensorFlow, for `checkOnLoad`. */
  readonly loadNative: LoadNative | null;
}
