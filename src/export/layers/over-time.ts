import type { LayerConverter } from "../converter.ts";

import { bidirectional } from "./bidirectional.ts";
import { convLstm2d } from "./conv-lstm.ts";
import { embedding } from "./embedding.ts";
import { cudnnGru, gru } from "./gru.ts";
import { cudnnLstm, lstm } from "./lstm.ts";
import { masking } from "./masking.ts";
import { rnn } from "./rnn.ts";
import { simpleRnn } from "./simple-rnn.ts";
import { timeDistributed } from "./time-distributed.ts";

/** Converters of layers over sequences, loaded for models that have one. */
export const overTime: readonly LayerConverter[] = [
  embedding,
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
];
