import { isObject } from "../export/source/json.ts";
import type { LayersSource, LayerSpec, ModelSpec, TensorRef } from "../export/source/model.ts";

/** What random values an input should be fed with. */
export type InputDomain =
  | { readonly kind: "normal" }
  /** Whole numbers from 0, below a bound: token ids. */
  | { readonly kind: "integers"; readonly below: number };

/** Layers that hand their input's values on, at most reordered. */
const TRANSPARENT = new Set([
  "Dropout",
  "SpatialDropout1D",
  "GaussianNoise",
  "GaussianDropout",
  "AlphaDropout",
  "Flatten",
  "Reshape",
  "Permute",
  "RepeatVector",
  "Masking",
]);

/** Layers that read whole numbers, with the config key that bounds them. */
const INDEXING = new Map([
  ["Embedding", "input_dim"],
  ["CategoryEncoding", "num_tokens"],
]);

/**
 * The values that make sense for each input of a model: token ids in range where it leads to an embedding, else normal
 * numbers. In the order of the model's inputs.
 */
export function inputDomains({ model }: LayersSource): InputDomain[] {
  return model.inputs.map((ref) => {
    const bounds = boundsOf(model, ref, 0);
    return bounds.length === 0 ? { kind: "normal" } : { kind: "integers", below: Math.min(...bounds) };
  });
}

const DEEPEST = 64;

function boundsOf(model: ModelSpec, ref: TensorRef, depth: number): number[] {
  if (depth > DEEPEST) return [];
  return model.layers.flatMap((layer) =>
    layer.calls.flatMap((call, index) => {
      const position = call.inputs.findIndex((each) => sameTensor(each, ref));
      return position === -1 ? [] : boundsThrough(model, layer, position, index, depth);
    }),
  );
}

function boundsThrough(model: ModelSpec, layer: LayerSpec, position: number, call: number, depth: number): number[] {
  const key = INDEXING.get(layer.className);
  if (key !== undefined) {
    const bound = layer.config[key];
    return typeof bound === "number" && bound >= 1 ? [bound] : [];
  }
  const inner = layer.model?.inputs[position];
  if (layer.model !== null && inner !== undefined) return boundsOf(layer.model, inner, depth + 1);
  if (layer.className === "TimeDistributed") return wrappedBounds(layer.config["layer"]);
  if (!TRANSPARENT.has(layer.className)) return [];
  return boundsOf(model, { layer: layer.name, call, tensor: 0 }, depth + 1);
}

function wrappedBounds(wrapped: unknown): number[] {
  if (!isObject(wrapped) || wrapped["class_name"] !== "Embedding" || !isObject(wrapped["config"])) return [];
  const bound = wrapped["config"]["input_dim"];
  return typeof bound === "number" ? [bound] : [];
}

function sameTensor(a: TensorRef, b: TensorRef): boolean {
  return a.layer === b.layer && a.call === b.call && a.tensor === b.tensor;
}
