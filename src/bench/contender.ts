import type { Provider, RuntimeName } from "../infer/runtime.ts";

/** A runtime on a provider, to be measured beside others. */
export interface Contender {
  readonly runtime: RuntimeName;
  readonly provider: Provider;
  /** Threads of one operator; null leaves it to the runtime. */
  readonly threads: number | null;
}

/** `node/cpu`, `web/wasm 2 threads`. */
export function nameOf({ runtime, provider, threads }: Contender): string {
  const name = `${runtime}/${provider}`;
  return threads === null ? name : `${name}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

/** What runs where, without wishes: TF.js on both its fast backends, onnxruntime-node, and onnxruntime-web alone and with all cores. */
export function usualContenders(cores: number, threads: number | null): Contender[] {
  const web = threads === null ? [...new Set([1, cores])] : [threads];
  return [
    { runtime: "tfjs", provider: "tensorflow", threads },
    // TF.js's WebAssembly runs on one thread in Node.
    { runtime: "tfjs", provider: "wasm", threads: null },
    { runtime: "node", provider: "cpu", threads },
    ...web.map((count): Contender => ({ runtime: "web", provider: "wasm", threads: count })),
  ];
}
