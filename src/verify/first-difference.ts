import type { LayersSource } from "../export/source/model.ts";
import { exportEveryLayer, type ExportOptions } from "../export/export-model.ts";
import type { Session } from "../infer/runtime.ts";
import type { Tensor } from "../tensor.ts";

import { compareTensors, type Tolerance } from "./compare.ts";
import type { Trace } from "./trace.ts";

/** The first layer, in the order they are computed, whose output differs. */
export interface FirstDifference {
  /** The layer's path through nested models: `encoder/conv1`. */
  readonly layer: string;
  readonly className: string;
  /** Which of the layer's calls, in the order they are computed (0-based). */
  readonly call: number;
  readonly maxAbsDiff: number;
  /** What the layer's output was compared with. */
  readonly comparedWith: "tfjs" | "a fresh export";
}

/**
 * Export once more with every layer's output given, run it beside TF.js and find where they part.
 *
 * @param trace what TF.js's layers give for the same feeds, by path
 * @param open loads an ONNX file in the runtime that showed the difference
 * @returns null when all layers agree: then it is the file that is not what this exporter makes of the model
 */
export async function firstDifference(
  source: LayersSource,
  options: ExportOptions,
  feeds: Readonly<Record<string, Tensor>>,
  trace: (paths: ReadonlySet<string>) => Promise<Trace>,
  open: (bytes: Uint8Array) => Promise<Session>,
  tolerance: Tolerance,
): Promise<FirstDifference | null> {
  const { bytes, layers, taps } = exportEveryLayer(source, options);
  const expected = await trace(new Set(layers.map(({ path }) => path)));
  const session = await open(bytes);
  try {
    const actual = await session.run(feeds);
    for (const { name, path, occurrence, tensor } of taps ?? []) {
      const [got, want] = [actual[name], expected.get(path)?.[occurrence]?.[tensor]];
      if (got === undefined || want === undefined) continue;
      const { passed, maxAbsDiff } = compareTensors(got, want, tolerance);
      if (passed) continue;
      const className = layers.find((layer) => layer.path === path)?.className ?? "";
      return { layer: path, className, call: occurrence, maxAbsDiff, comparedWith: "tfjs" };
    }
    return null;
  } finally {
    await session.dispose();
  }
}
