import type { ExportedTap } from "../../export/export-model.ts";
import type { TensorRef } from "../../export/source/model.ts";

/** Layers' outputs instead of the model's own. */
export interface Part {
  /** What is computed. */
  readonly fetches: readonly TensorRef[];
  /** What of it is given. */
  readonly taps: readonly ExportedTap[];
}
