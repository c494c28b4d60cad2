import type { LoadNative } from "../infer/hooks.ts";

/** Native TensorFlow where it has been set up; never sets it up by itself. */
export const loadNative: LoadNative = async () => {
  const { loadTensorFlow } = await import("../train/native/index.ts");
  return loadTensorFlow({ install: "never" });
};
