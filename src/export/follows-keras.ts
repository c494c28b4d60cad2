import type { LayersSource, LayerSpec, ModelSpec } from "./source/model.ts";
import { isBeyondTfjs } from "./source/weight-names.ts";

/**
 * Whether a model follows Keras's rules for masks rather than TF.js's: one that TF.js cannot load, because Keras 3 wrote it or
 * because it has layers that TF.js lacks.
 */
export function followsKeras({ keras3, model }: Pick<LayersSource, "keras3" | "model">): boolean {
  return keras3 || hasLayersBeyond(model);
}

function hasLayersBeyond({ layers }: ModelSpec): boolean {
  return layers.some(isBeyond);
}

function isBeyond({ className, config, model, wrapped }: LayerSpec): boolean {
  if (isBeyondTfjs(className) || config["reset_after"] === true) return true;
  return (model !== null && hasLayersBeyond(model)) || (wrapped !== null && isBeyond(wrapped));
}
