import { loadNative } from "../../src/node/native-tensorflow.ts";
import { SetupError } from "../../src/errors.ts";
import type { Provider } from "../../src/infer/runtime.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";

import { expectParityMatrix } from "./matrix.ts";

const tfjs = await getRuntime("tfjs", { loadNative });

/** Whether native TensorFlow is set up; says aloud when not. */
async function hasNative(): Promise<boolean> {
  try {
    await loadNative({});
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`skipped: TF.js on native TensorFlow: ${error.message}\n`);
    return false;
  }
}

const native = await hasNative();
const providers: readonly Provider[] = ["tensorflow", "cpu"];

for (const provider of providers) {
  expectParityMatrix({
    name: `tfjs, ${provider}`,
    load: ({ raw }) => tfjs.load(raw, { provider }),
    available: provider !== "tensorflow" || native,
    ...(provider === "cpu" ? { slow: { leaveOut: ["CRNN"] } } : {}),
    ran: ["tfjs", provider],
  });
}
