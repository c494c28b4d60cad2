import type { RuntimeHooks } from "../../infer/runtimes.ts";

/** What the runtimes need for WebGPU in Node, imported when they need it. */
export const gpuHooks: Required<Pick<RuntimeHooks, "nodeGpu" | "logCreation">> = {
  nodeGpu: {
    open: async () => (await import("./open-gpu.ts")).openGpu(),
    captureStderr: async (task) => (await import("./capture-stderr.ts")).captureStderr(task),
  },
  logCreation: async (...creation) => (await import("./log-creation.ts")).logCreation(...creation),
};
