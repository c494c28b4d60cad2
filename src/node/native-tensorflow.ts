import type { Tfjs } from "../infer/tfjs-backend.ts";

/** Native TensorFlow where it has been set up; never sets it up by itself. */
export async function loadNative(): Promise<Tfjs> {
  const { loadTensorFlow } = await import("../train/native/index.ts");
  return loadTensorFlow({ install: "never" });
}
