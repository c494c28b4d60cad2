import type { RuntimeHooks } from "../../infer/runtimes.ts";

import { captureStderr } from "./capture-stderr.ts";
import { logCreation } from "./log-creation.ts";
import { openGpu } from "./open-gpu.ts";

/** What the runtimes need for WebGPU in Node. */
export const gpuHooks: Pick<RuntimeHooks, "nodeGpu" | "logCreation"> = {
  nodeGpu: { open: openGpu, captureStderr },
  logCreation,
};
