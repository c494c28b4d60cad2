import type { LayersSource } from "../export/source/model.ts";
import { exportSource, type ExportOptions } from "../export/export-model.ts";
import type { Session } from "../infer/runtime.ts";
import type { Tensor } from "../tensor.ts";

import { compareTensors, type Tolerance } from "./compare.ts";

/** The first layer, in the order they are computed, whose output is not TF.js's. */
export interface FirstDifference {
  readonly layer: string;
  readonly className: string;
  readonly maxAbsDiff: number;
}

/** The output of each top-level layer's first call, by the layer's name, as TF.js computes them. */
export type LayerOutputs = (
  layers: readonly string[],
  feeds: Readonly<Record<string, Tensor>>,
) => Promise<ReadonlyMap<string, Tensor>>;

/**
 * Export once more with every layer's output given, run it beside TF.js and find where they part.
 *
 * @param open loads an ONNX file in the runtime that showed the difference
 * @returns null when all layers agree: then it is the file that is not what this exporter makes of the model
 */
export async function firstDifference(
  source: LayersSource,
  options: ExportOptions,
  feeds: Readonly<Record<string, Tensor>>,
  layerOutputs: LayerOutputs,
  open: (bytes: Uint8Array) => Promise<Session>,
  tolerance: Tolerance,
): Promise<FirstDifference | null> {
  const plain: ExportOptions = { ...options, logits: false };
  const order = exportSource(source, plain).layers.filter(({ path, call }) => call === 0 && !path.includes("/"));
  const names = order.map(({ path }) => path);
  const session = await open(exportSource(source, { ...plain, outputs: names }).bytes);
  try {
    const actual = await session.run(feeds);
    const expected = await layerOutputs(names, feeds);
    for (const { path, className } of order) {
      const got = actual[path];
      const want = expected.get(path);
      if (got === undefined || want === undefined) continue;
      const { passed, maxAbsDiff } = compareTensors(got, want, tolerance);
      if (!passed) return { layer: path, className, maxAbsDiff };
    }
    return null;
  } finally {
    await session.dispose();
  }
}
