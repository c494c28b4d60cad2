import type { OnnxGraph } from "../../../onnx/model.ts";

import { absorbTransposeIntoDense } from "./absorb-transpose.ts";
import { dropUnused, dropUnusedOutputs } from "./drop-unused.ts";
import { foldPadIntoConv } from "./fold-pad-into-conv.ts";
import { foldScaleIntoNext } from "./fold-scale-into-next.ts";
import { foldScaleIntoWeights } from "./fold-scale.ts";
import { guardPaddedPooling } from "./guard-padded-pooling.ts";
import { keepReducedAxes } from "./keep-reduced-axes.ts";
import { mergeConcats } from "./merge-concats.ts";
import { mergeReshapes } from "./merge-reshapes.ts";
import { shareEqualNodes } from "./share-equal-nodes.ts";

/** A rewriting of the whole graph: the same numbers with fewer nodes. */
export type Pass = (graph: OnnxGraph) => OnnxGraph;

/** Every pass, in the order they run. */
export const passes: Readonly<Record<string, Pass>> = {
  shareEqualNodes,
  foldPadIntoConv,
  foldScaleIntoWeights,
  foldScaleIntoNext,
  absorbTransposeIntoDense,
  mergeReshapes,
  mergeConcats,
  keepReducedAxes,
  guardPaddedPooling,
  dropUnused,
  dropUnusedOutputs,
};

/** Runs all passes but those named in `except`. */
export function runPasses(graph: OnnxGraph, except: ReadonlySet<string> = new Set()): OnnxGraph {
  return Object.entries(passes).reduce((current, [name, pass]) => (except.has(name) ? current : pass(current)), graph);
}
