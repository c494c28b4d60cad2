import { foldConstants } from "../passes/fold-constants.ts";
import { fuseL2Norm } from "../passes/fuse-l2-norm.ts";
import { fuseNormalization } from "../passes/fuse-normalization.ts";
import { keepIntegerIndices } from "../passes/keep-integer-indices.ts";
import type { Pass } from "../passes/pass.ts";

/** Passes that only Graph models need, in which layers are taken apart into several nodes: for each group of the pipeline. */
export const graphPatterns: readonly (readonly Pass[])[] = [
  [fuseNormalization],
  [foldConstants, fuseL2Norm, keepIntegerIndices],
];
