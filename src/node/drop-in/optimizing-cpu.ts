import { mkdtemp, readFile, rm } from "node:fs/promises";
import { arch, cpus, platform, tmpdir } from "node:os";
import { join } from "node:path";

import type { OptimizingRuntime } from "../../drop-in/surroundings.ts";
import { InferenceError, SetupError } from "../../errors.ts";
import { loadOptimized, ortNodeVersion } from "../../infer/ort-node-cpu.ts";
import { getRuntime } from "../../infer/runtimes.ts";

/** onnxruntime-node's CPU. Its optimised graphs have weights in the order that the processor's vector units take. */
export const optimizingCpu: OptimizingRuntime = {
  async fingerprint() {
    try {
      return JSON.stringify([await ortNodeVersion(), platform(), arch(), cpus()[0]?.model ?? null]);
    } catch (error) {
      if (error instanceof SetupError) return null;
      throw error;
    }
  },
  async optimize(onnx, options) {
    const { loadAndOptimize } = await import("../../infer/ort-node.ts");
    const folder = await mkdtemp(join(tmpdir(), "tfjs-to-onnx-optimized-"));
    const path = join(folder, "model.onnx");
    try {
      const { session, header } = await loadAndOptimize(onnx, options, path);
      return { session, optimized: { bytes: await readFile(path), header } };
    } catch (error) {
      // A full disk, for example. A model that is refused by itself is refused again here.
      if (!(error instanceof InferenceError)) throw error;
      return { session: await (await getRuntime("node")).load(onnx, options), optimized: null };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  load: loadOptimized,
};
