import type { Provider, RuntimeName } from "../infer/runtime.ts";
import { placeName, type Place } from "../node/place.ts";

/** A place to be measured beside others. */
export interface Contender extends Place {
  readonly provider: Provider;
}

/** A contender as reports name it. */
export interface Named {
  /** `web/wasm, 2 threads`. */
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly provider: Provider;
  /** Threads of one operator; null leaves it to the runtime. */
  readonly threads: number | null;
  readonly browser: boolean;
}

export function named(contender: Contender): Named {
  const { runtime, provider, threads = null, browser = false } = contender;
  return { name: placeName(contender), runtime, provider, threads, browser };
}

/** What runs where, without wishes: TF.js on both its fast backends, onnxruntime-node, and onnxruntime-web alone and with all cores. */
export function usualContenders(cores: number, threads: number | undefined): Contender[] {
  const web = threads === undefined ? [...new Set([1, cores])] : [threads];
  const wished = threads === undefined ? {} : { threads };
  return [
    { runtime: "tfjs", provider: "tensorflow", ...wished },
    // TF.js's WebAssembly runs on one thread in Node.
    { runtime: "tfjs", provider: "wasm" },
    { runtime: "node", provider: "cpu", ...wished },
    ...web.map((count): Contender => ({ runtime: "web", provider: "wasm", threads: count })),
  ];
}
