import type { LayerConverter } from "../converter.ts";

import { categoryEncoding } from "./category-encoding.ts";
import { centerCrop } from "./center-crop.ts";
import { transposedConvolutions } from "./convolution-transpose.ts";
import { dot } from "./dot.ts";
import { einsumDense } from "./einsum-dense.ts";
import { groupNormalization } from "./group-normalization.ts";
import { layerNormalization } from "./layer-normalization.ts";
import { normalization } from "./normalization.ts";
import { positionEmbedding } from "./position-embedding.ts";
import { randomResizings } from "./random-resizing.ts";
import { resizing } from "./resizing.ts";
import { upSamplings } from "./up-sampling.ts";

/** Converters of less frequent layers, loaded for models that have one. */
export const further: readonly LayerConverter[] = [
  ...transposedConvolutions,
  ...upSamplings,
  dot,
  layerNormalization,
  groupNormalization,
  normalization,
  resizing,
  centerCrop,
  categoryEncoding,
  ...randomResizings,
  einsumDense,
  positionEmbedding,
];
