import type { LayerConverter } from "../converter.ts";

import { batchNormalization } from "./batch-normalization.ts";
import { bidirectional } from "./bidirectional.ts";
import { borders } from "./borders.ts";
import { transposedConvolutions } from "./convolution-transpose.ts";
import { categoryEncoding } from "./category-encoding.ts";
import { centerCrop } from "./center-crop.ts";
import { convLstm2d } from "./conv-lstm.ts";
import { convolutions } from "./convolution.ts";
import { dense } from "./dense.ts";
import { depthwiseConvolutions } from "./depthwise.ts";
import { dot } from "./dot.ts";
import { einsumDense } from "./einsum-dense.ts";
import { embedding } from "./embedding.ts";
import { cudnnGru, gru } from "./gru.ts";
import { groupNormalization } from "./group-normalization.ts";
import { layerNormalization } from "./layer-normalization.ts";
import { cudnnLstm, lstm } from "./lstm.ts";
import { masking } from "./masking.ts";
import { merges } from "./merge.ts";
import { normalization } from "./normalization.ts";
import { poolings } from "./pooling.ts";
import { positionEmbedding } from "./position-embedding.ts";
import { randomResizings } from "./random-resizing.ts";
import { rearrangements } from "./rearrangements.ts";
import { rectifiers } from "./rectifiers.ts";
import { rescaling } from "./rescaling.ts";
import { resizing } from "./resizing.ts";
import { rnn } from "./rnn.ts";
import { simpleRnn } from "./simple-rnn.ts";
import { softmax } from "./softmax.ts";
import { timeDistributed } from "./time-distributed.ts";
import { upSamplings } from "./up-sampling.ts";

/** Every built-in converter, in the order the support table lists them. */
export const builtIn: readonly LayerConverter[] = [
  dense,
  embedding,
  ...convolutions,
  ...transposedConvolutions,
  ...depthwiseConvolutions,
  ...poolings,
  ...borders,
  ...upSamplings,
  ...rearrangements,
  ...rectifiers,
  softmax,
  batchNormalization,
  layerNormalization,
  groupNormalization,
  normalization,
  ...merges,
  dot,
  simpleRnn,
  gru,
  lstm,
  cudnnGru,
  cudnnLstm,
  convLstm2d,
  rnn,
  bidirectional,
  timeDistributed,
  masking,
  rescaling,
  resizing,
  centerCrop,
  categoryEncoding,
  ...randomResizings,
  einsumDense,
  positionEmbedding,
];
