import type { OnnxGraph } from "../../onnx/model.ts";

import { absorbTransposeIntoDense } from "./absorb-transpose.ts";
import { foldPadIntoConv } from "./fold-pad-into-conv.ts";
import { foldScaleIntoNext } from "./fold-scale-into-next.ts";
import { foldScaleIntoWeights, scaleBeforeBias } from "./fold-scale.ts";
import { fuseGelu } from "./fuse-gelu.ts";
import { fuseGemm } from "./fuse-gemm.ts";
import { fuseHardSwish } from "./fuse-hard-swish.ts";
import { guardPaddedPooling } from "./guard-padded-pooling.ts";
import { keepReducedAxes } from "./keep-reduced-axes.ts";
import { mergeConcats } from "./merge-concats.ts";
import { mergeReshapes } from "./merge-reshapes.ts";
import { optimize } from "./optimize.ts";
import type { Pass } from "./pass.ts";
import { PassGraph, type GraphToOptimize } from "./pass-graph.ts";
import { shareEqualNodes } from "./share-equal-nodes.ts";

/**
 * The passes for all models. Those of one group run together until none of them changes anything, before the next group begins. At a node, the
 * first one that applies goes first.
 */
export const pipeline: readonly (readonly Pass[])[] = [
  // Patterns of several nodes come first, because other passes would take parts of them away.
  [shareEqualNodes, fuseHardSwish, fuseGelu, fuseGemm],
  [
    shareEqualNodes,
    foldPadIntoConv,
    scaleBeforeBias,
    foldScaleIntoWeights,
    foldScaleIntoNext,
    absorbTransposeIntoDense,
    keepReducedAxes,
    mergeReshapes,
    mergeConcats,
  ],
  // What guards against faults of runtimes comes last, because other passes would not recognise their patterns any more.
  [guardPaddedPooling],
];

export interface PassOptions {
  /** Leave out the passes that compute new weights. */
  readonly keepsWeights?: boolean;
  /** More passes for each group. */
  readonly patterns?: readonly (readonly Pass[])[];
}

/** The graph after all passes, with the type and shape of every tensor. */
export function runPasses(
  graph: GraphToOptimize,
  { keepsWeights = false, patterns = [] }: PassOptions = {},
): OnnxGraph {
  const edited = new PassGraph(graph);
  const groups = pipeline.map((group, index) => {
    const passes = [...group, ...(patterns[index] ?? [])];
    return keepsWeights ? passes.filter(({ changesWeights = false }) => !changesWeights) : passes;
  });
  optimize(edited, groups);
  return edited.toOnnx();
}
