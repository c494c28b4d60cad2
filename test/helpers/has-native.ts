import { SetupError } from "../../src/errors.ts";
import { loadNative } from "../../src/node/native-tensorflow.ts";

/** Whether native TensorFlow is set up; prints a note when not. */
export async function hasNative(): Promise<boolean> {
  try {
    await loadNative();
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`skipped: TF.js on native TensorFlow: ${error.message}\n`);
    return false;
  }
}
