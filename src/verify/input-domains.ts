import { isObject } from "../export/source/json.ts";
import { LAYER_CLASSES, type LayerClass } from "../export/source/layer-classes.ts";
import type { LayersSource, LayerSpec, ModelSpec, TensorRef } from "../export/source/model.ts";

/** What random values an input should be fed with. */
export type InputDomain =
  | { readonly kind: "normal" }
  /** Whole numbers from 0, below a bound: token ids. */
  | { readonly kind: "integers"; readonly below: number };

/** The bound an input of a layer must have so that what the layer gives is below `below`; `inputs` is how many it merges. */
type Bound = (below: number, inputs: number) => number;

/** By what a layer gives of whole numbers. */
const BOUNDS: Readonly<Record<NonNullable<LayerClass["carries"]>, Bound>> = {
  same: (below) => below,
  sums: (below, inputs) => Math.floor((below - 1) / inputs) + 1,
  products: (below, inputs) => Math.floor((below - 1) ** (1 / inputs)) + 1,
};

/**
 * The values that make sense for each input of a model: token ids in range where it leads to an embedding, else normal
 * numbers. In the order of the model's inputs.
 */
export function inputDomains({ model }: LayersSource): InputDomain[] {
  return model.inputs.map((ref) => {
    const bounds = boundsOf(model, ref, 0).flatMap(({ below }) => below ?? []);
    return bounds.length === 0 ? { kind: "normal" } : { kind: "integers", below: Math.max(1, Math.min(...bounds)) };
  });
}

const DEEPEST = 64;

/** A demand on a tensor, or (null) that it becomes an output of the model it is in. */
interface Demand {
  readonly below: number | null;
  readonly output: number | null;
}

function boundsOf(model: ModelSpec, ref: TensorRef, depth: number): Demand[] {
  if (depth > DEEPEST) return [];
  const output = model.outputs.findIndex((each) => sameTensor(each, ref));
  const own: Demand[] = output === -1 ? [] : [{ below: null, output }];
  const used = model.layers.flatMap((layer) =>
    layer.calls.flatMap((call, index) =>
      call.inputs.flatMap((each, position) =>
        sameTensor(each, ref) ? boundsThrough(model, layer, position, index, depth) : [],
      ),
    ),
  );
  return [...own, ...used];
}

function boundsThrough(model: ModelSpec, layer: LayerSpec, position: number, call: number, depth: number): Demand[] {
  const below = indexBound(layer.className, layer.config);
  if (below !== null) return [{ below, output: null }];
  const inner = layer.model?.inputs[position];
  if (layer.model !== null && inner !== undefined) {
    return boundsOf(layer.model, inner, depth + 1).flatMap((demand) =>
      demand.output === null
        ? [demand]
        : boundsOf(model, { layer: layer.name, call, tensor: demand.output }, depth + 1),
    );
  }
  const known = LAYER_CLASSES.get(layer.className);
  if (known?.holds === "layer") return wrappedBounds(layer, depth);
  const carries = known?.carries;
  if (carries === undefined) return [];
  const inputs = layer.calls[call]?.inputs.length ?? 1;
  return boundsOf(model, { layer: layer.name, call, tensor: 0 }, depth + 1).map((demand) => ({
    below: demand.below === null ? null : BOUNDS[carries](demand.below, inputs),
    output: demand.output,
  }));
}

function indexBound(className: string, config: Readonly<Record<string, unknown>>): number | null {
  const key = LAYER_CLASSES.get(className)?.ids;
  const bound = key === undefined ? null : config[key];
  return typeof bound === "number" && bound >= 1 ? bound : null;
}

function wrappedBounds({ wrapped, config }: LayerSpec, depth: number): Demand[] {
  const [first] = wrapped?.model?.inputs ?? [];
  if (wrapped?.model !== null && wrapped?.model !== undefined && first !== undefined) {
    return boundsOf(wrapped.model, first, depth + 1).filter(({ output }) => output === null);
  }
  const layer = config["layer"];
  if (!isObject(layer) || typeof layer["class_name"] !== "string" || !isObject(layer["config"])) return [];
  const below = indexBound(layer["class_name"], layer["config"]);
  return below === null ? [] : [{ below, output: null }];
}

function sameTensor(a: TensorRef, b: TensorRef): boolean {
  return a.layer === b.layer && a.call === b.call && a.tensor === b.tensor;
}
