import { SetupError } from "../../src/errors.ts";
import { loadTensorFlow, type TensorFlow } from "../../src/train/native/index.ts";

/** TensorFlow.js on its native backend, or null, said aloud, where it has not been set up. */
export async function nativeTf(): Promise<TensorFlow | null> {
  try {
    return await loadTensorFlow({ install: "never" });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`skipped: native TensorFlow is not at hand (${error.message})\n`);
    return null;
  }
}
