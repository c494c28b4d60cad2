import { fuseL2Norm } from "../passes/fuse-l2-norm.ts";
import { keepIntegerIndices } from "../passes/keep-integer-indices.ts";
import type { Pass } from "../passes/pass.ts";

/** Passes that only Graph models need, in which layers are taken apart into several nodes. */
export const graphPatterns: readonly Pass[] = [fuseL2Norm, keepIntegerIndices];
