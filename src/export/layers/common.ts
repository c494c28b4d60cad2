import type { LayerConverter } from "../converter.ts";

import { batchNormalization } from "./batch-normalization.ts";
import { convolutions } from "./convolution.ts";
import { dense } from "./dense.ts";
import { merges } from "./merge.ts";
import { poolings } from "./pooling.ts";
import { rearrangements } from "./rearrangements.ts";
import { rectifiers } from "./rectifiers.ts";
import { rescaling } from "./rescaling.ts";
import { softmax } from "./softmax.ts";

/** Converters that are always loaded. */
export const common: readonly LayerConverter[] = [
  dense,
  ...convolutions,
  ...poolings,
  ...rearrangements,
  ...rectifiers,
  softmax,
  batchNormalization,
  ...merges,
  rescaling,
];
