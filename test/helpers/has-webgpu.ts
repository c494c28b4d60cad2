import { SetupError } from "../../src/errors.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";

import { smallDense } from "./tiny-onnx.ts";

/** Whether Node has a WebGPU on this machine; prints a note when not. */
export async function hasWebGpu(): Promise<boolean> {
  try {
    const runtime = await getRuntime("node");
    await (await runtime.load(smallDense(), { provider: "webgpu" })).dispose();
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`skipped: WebGPU in Node: ${error.message}\n`);
    return false;
  }
}
