import type { LayersSource, LayerSpec, ModelSpec } from "./source/model.ts";

/** Layers of Keras that TF.js has no class for, so that it cannot load a model with them. */
const BEYOND_TFJS: ReadonlySet<string> = new Set([
  "ActivityRegularization",
  "Conv1DTranspose",
  "Cropping1D",
  "Cropping3D",
  "DepthwiseConv1D",
  "GlobalAveragePooling3D",
  "GlobalMaxPooling3D",
  "Normalization",
  "SeparableConv1D",
  "SpatialDropout2D",
  "SpatialDropout3D",
  "Subtract",
  "UpSampling1D",
  "UpSampling3D",
  "ZeroPadding1D",
  "ZeroPadding3D",
]);

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
  if (BEYOND_TFJS.has(className) || config["reset_after"] === true) return true;
  return (model !== null && hasLayersBeyond(model)) || (wrapped !== null && isBeyond(wrapped));
}
