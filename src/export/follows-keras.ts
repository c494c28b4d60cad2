import { ToolError } from "../errors.ts";

import { isTfjsActivation, readActivation } from "./activation.ts";
import { KERAS2_RULES, KERAS3_RULES, TFJS_RULES, type Rules } from "./rules.ts";
import { ConfigReader } from "./source/config.ts";
import type { Config, LayersSource, LayerSpec, ModelSpec } from "./source/model.ts";
import { isBeyondTfjs } from "./source/layer-classes.ts";

/**
 * Whether a model follows Keras's rules for masks rather than TF.js's: one that TF.js cannot load, because Keras 3 wrote it,
 * because it has layers that TF.js lacks, or because it needs axes that TF.js drops.
 */
export function followsKeras({ keras3, model }: Pick<LayersSource, "keras3" | "model">): boolean {
  return keras3 || hasLayersBeyond(model);
}

/** The rules a model goes by. */
export function rulesOf(source: Pick<LayersSource, "keras3" | "model">): Rules {
  if (source.keras3) return KERAS3_RULES;
  return followsKeras(source) ? KERAS2_RULES : TFJS_RULES;
}

function hasLayersBeyond(model: ModelSpec): boolean {
  return model.layers.some(isBeyond) || needsKeptAxes(model);
}

/** Layers that change no axes. */
const KEEPING = /^(Activation|BatchNormalization|ReLU|.*Dropout)$/;
const OVER_IMAGES = /^(Flatten|.*(Conv|Pooling|UpSampling|ZeroPadding|Cropping)2D(Transpose)?)$/;

/** Whether the axes that `keepdims` keeps in Keras 2.6 and later, and TF.js drops, are those of a layer that takes images. */
function needsKeptAxes({ layers }: ModelSpec): boolean {
  const kept = new Set<string>();
  return layers.some(({ name, className, config, calls }) => {
    if (/^Global.*Pooling2D$/.test(className) && config["keepdims"] === true) kept.add(name);
    if (!calls.some(({ inputs }) => inputs.some(({ layer }) => kept.has(layer)))) return false;
    if (KEEPING.test(className)) kept.add(name);
    return OVER_IMAGES.test(className);
  });
}

function isBeyond({ className, config, model, wrapped }: LayerSpec): boolean {
  if (isBeyondTfjs(className) || config["reset_after"] === true || hasKerasActivation(config)) return true;
  return (model !== null && hasLayersBeyond(model)) || (wrapped !== null && isBeyond(wrapped));
}

/** Whether a layer names an activation that TF.js lacks. Those that no one knows are refused elsewhere. */
function hasKerasActivation(config: Config): boolean {
  return ["activation", "recurrent_activation"].some((key) => {
    const value = config[key];
    if (value === undefined || value === null) return false;
    try {
      return !isTfjsActivation(readActivation(new ConfigReader(config), key, TFJS_RULES));
    } catch (error) {
      if (error instanceof ToolError) return false;
      throw error;
    }
  });
}
