import { setFlagsFromString } from "node:v8";

/** Work of a WebAssembly function, in V8's units, before it is compiled once more with optimisations; V8's own is 1.8 million. */
const TIERING_BUDGET = 100_000_000;

/**
 * Let V8 spend on a WebAssembly function only what its use is worth: optimise it where it runs for long, and validate it
 * when it is first called, as it is compiled only then. A process that answers once would spend most of its time on
 * the others, and wait for that at its end. To be called before a module is compiled.
 */
export function delayWasmWork(): void {
  setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
  setFlagsFromString("--wasm-lazy-validation");
}
