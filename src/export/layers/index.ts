import type { LayerConverter } from "../converter.ts";

import { batchNormalization } from "./batch-normalization.ts";
import { transposedConvolutions } from "./convolution-transpose.ts";
import { convolutions } from "./convolution.ts";
import { dense } from "./dense.ts";
import { depthwiseConvolutions } from "./depthwise.ts";
import { layerNormalization } from "./layer-normalization.ts";
import { poolings } from "./pooling.ts";
import { rearrangements } from "./rearrangements.ts";
import { rectifiers } from "./rectifiers.ts";
import { seedLayers } from "./seed.ts";
import { softmax } from "./softmax.ts";

/** Every built-in converter, in the order the support table lists them. */
export const builtIn: readonly LayerConverter[] = [
  dense,
  ...convolutions,
  ...transposedConvolutions,
  ...depthwiseConvolutions,
  ...poolings,
  ...rearrangements,
  ...rectifiers,
  softmax,
  batchNormalization,
  layerNormalization,
  ...seedLayers,
];
