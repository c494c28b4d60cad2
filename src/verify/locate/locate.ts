import { ToolError } from "../../errors.ts";
import type { ExportedLayer, ExportedModel } from "../../export/export-model.ts";
import type { Session, Tensors } from "../../infer/runtime.ts";
import type { Tolerance } from "../compare.ts";
import { OutOfTime } from "../progress.ts";
import type { Reference, Watch } from "../reference/reference.ts";

import { fileDifference } from "./file-difference.ts";
import { firstDifference, type FirstDifference, type Probe } from "./first-difference.ts";

/** What a search for the place of a difference works with. */
export interface LocateInput {
  readonly file: Uint8Array;
  readonly reference: Reference;
  readonly feeds: Tensors;
  /** Exports the model once more, with every layer's output. */
  readonly probe: () => Probe;
  /** Exports the model once more, as the file was exported. */
  readonly fresh: () => Pick<ExportedModel, "bytes" | "layers">;
  /** Loads an ONNX file in the place that showed the difference. */
  readonly open: (bytes: Uint8Array) => Promise<Session>;
  readonly tolerance: Tolerance;
  /** Called before each layer that TF.js runs; what it throws ends the search. */
  readonly watch: Watch;
}

/** Where two runs part, or why that could not be found out. */
export type Located = { readonly found: FirstDifference } | { readonly reason: string };

/** Finds the first layer or node that differs: in a fresh export beside TF.js, else in the file beside a fresh export. */
export async function locate(input: LocateInput): Promise<Located> {
  try {
    const { reference, feeds, open, tolerance, watch } = input;
    const inModel = await firstDifference(input.probe(), reference, feeds, open, tolerance, watch);
    if (inModel !== null) return { found: inModel };
    const inFile = await differenceFromFresh(input);
    return inFile === null ? { reason: "the file shares no differing tensor with a fresh export" } : { found: inFile };
  } catch (error) {
    // The comparison stands whether or not its place is found.
    if (!(error instanceof ToolError) && !(error instanceof OutOfTime)) throw error;
    return { reason: error.message };
  }
}

async function differenceFromFresh({
  file,
  fresh,
  feeds,
  open,
  tolerance,
}: LocateInput): Promise<FirstDifference | null> {
  const { bytes, layers } = fresh();
  const found = await fileDifference(file, bytes, feeds, open, tolerance);
  if (found === null) return null;
  const owner = layers
    .filter(({ scope, repeated }) => !repeated && found.node.startsWith(scope))
    .reduce<ExportedLayer | null>(
      (best, layer) => (layer.scope.length > (best?.scope.length ?? 0) ? layer : best),
      null,
    );
  return {
    layer: owner?.path ?? found.node,
    className: owner?.className ?? found.opType,
    call: owner?.occurrence ?? 0,
    maxAbsDiff: found.maxAbsDiff,
    comparedWith: "a fresh export",
  };
}
