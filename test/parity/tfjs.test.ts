import { loadNative } from "../../src/node/native-tensorflow.ts";
import type { Provider } from "../../src/infer/runtime.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { hasNative } from "../helpers/has-native.ts";

import { expectParityMatrix } from "./matrix.ts";

const tfjs = await getRuntime("tfjs", { loadNative });

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
