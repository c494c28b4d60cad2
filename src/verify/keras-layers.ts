import type * as tfjs from "@tensorflow/tfjs";

import type { LayerSpec, LayerWeights } from "../export/source/model.ts";
import type { Tfjs } from "../infer/tfjs-backend.ts";

/** What a layer is computed with. */
export interface KerasContext {
  readonly tf: Tfjs;
  readonly config: LayerSpec["config"];
  readonly weights: LayerWeights;
  readonly keras3: boolean;
}

/** A layer written with TF.js's operations; null where TF.js's own layer of that class computes the same. */
export type KerasLayer = (
  context: KerasContext,
  inputs: readonly tfjs.Tensor[],
  mask: tfjs.Tensor | null,
) => readonly tfjs.Tensor[] | null;

/** Layers that TF.js lacks, or computes otherwise than Keras, by class. */
export const KERAS_LAYERS: ReadonlyMap<string, KerasLayer> = new Map<string, KerasLayer>([
  ["GlobalAveragePooling1D", globalAveragePooling1D],
]);

/** keras/src/layers/pooling/global_average_pooling1d.py: with a mask, the mean of what is not masked. */
function globalAveragePooling1D(
  { config, keras3 }: KerasContext,
  [x]: readonly tfjs.Tensor[],
  mask: tfjs.Tensor | null,
): readonly tfjs.Tensor[] | null {
  if (x === undefined || !keras3) return null;
  const axis = config["data_format"] === "channels_first" ? 2 : 1;
  const keep = config["keepdims"] === true;
  if (mask === null) return [x.mean(axis, keep)];
  const weights = mask.cast("float32").expandDims(axis === 1 ? 2 : 1);
  return [x.mul(weights).sum(axis, keep).div(weights.sum(axis, keep))];
}
