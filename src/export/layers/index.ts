import type { LayerConverter } from "../converter.ts";

import { common } from "./common.ts";
import { further } from "./further.ts";
import { mobile } from "./mobile.ts";
import { overTime } from "./over-time.ts";

/** Every built-in converter. LAYER_CLASSES has the facts that are known without them. */
export const builtIn: readonly LayerConverter[] = [...common, ...mobile, ...overTime, ...further];
