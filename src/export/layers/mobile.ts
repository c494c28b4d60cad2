import type { LayerConverter } from "../converter.ts";

import { borders } from "./borders.ts";
import { depthwiseConvolutions } from "./depthwise.ts";

/** Converters of what mobile networks have beside common layers, loaded for models that have one. */
export const mobile: readonly LayerConverter[] = [...depthwiseConvolutions, ...borders];
