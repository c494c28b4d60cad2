import plain from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url";
import simd from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import threaded from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url";

/** Let TF.js load its WebAssembly from this site, on so many threads. Call it before TF.js starts. */
export async function placeTfjs(threads: number): Promise<void> {
  const [{ env }, { setThreadsCount, setWasmPaths }] = await Promise.all([
    import("@tensorflow/tfjs"),
    import("@tensorflow/tfjs-backend-wasm"),
  ]);
  // The build for several threads starts eight of them, however many are asked for.
  if (threads === 1) env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  setThreadsCount(threads);
  setWasmPaths({
    "tfjs-backend-wasm.wasm": plain,
    "tfjs-backend-wasm-simd.wasm": simd,
    "tfjs-backend-wasm-threaded-simd.wasm": threaded,
  });
}
