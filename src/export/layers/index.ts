import type { LayerConverter } from "../converter.ts";

import { dense } from "./dense.ts";
import { seedLayers } from "./seed.ts";

/** Every built-in converter, in the order the support table lists them. */
export const builtIn: readonly LayerConverter[] = [dense, ...seedLayers];
