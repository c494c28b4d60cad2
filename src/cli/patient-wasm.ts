import { setFlagsFromString } from "node:v8";

/** Work of a WebAssembly function, in V8's units, before it is compiled once more with optimisations; V8's own is 1.8 million. */
const TIERING_BUDGET = 100_000_000;

/**
 * Let V8 optimise WebAssembly only where it runs for long: a process that answers once would spend most of its time on
 * that, and wait for it at its end. To be called before a module is compiled.
 */
export function delayWasmOptimisation(): void {
  setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
}
