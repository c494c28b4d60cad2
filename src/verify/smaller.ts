import { isObject } from "../export/source/json.ts";
import type { LayersSource, RawModel } from "../export/source/model.ts";

import { shapeOf, type FeedSpec, type Sizes } from "./feeds.ts";
import type { InputShapes, Reference } from "./reference/reference.ts";

/** Axes are not made smaller than this: a convolution still has a middle and two borders. */
const LEAST_SIZE = 8;

/**
 * Shapes that a model which fixes large ones would take as well, and compute in less time: the axes between the first and
 * the last of each input, halved as often as needed.
 *
 * @param sizes Of the free dimensions.
 * @param isShort Whether a run of so much work is short enough.
 * @returns null when none are found
 */
export function smallerShapes(
  specs: readonly FeedSpec[],
  sizes: Sizes,
  reference: Reference,
  isShort: (work: number) => boolean,
): InputShapes | null {
  for (let divisor = 2; ; divisor *= 2) {
    const shapes = new Map(specs.map((spec) => [spec.name, divided(spec, shapeOf(spec, sizes), divisor)]));
    const { fault, work } = reference.examine(shapes);
    if (fault === null && work !== null && isShort(work)) return shapes;
    const isLeast = specs.every(
      (spec) => divided(spec, shapeOf(spec, sizes), divisor * 2).join() === shapes.get(spec.name)?.join(),
    );
    if (isLeast) return null;
  }
}

/** Only what the model fixes: free dimensions are small already. */
function divided({ dims }: FeedSpec, shape: readonly number[], divisor: number): readonly number[] {
  return shape.map((size, axis) => {
    const isInner = axis > 0 && axis < shape.length - 1 && typeof dims[axis] === "number";
    return isInner && size > LEAST_SIZE ? Math.max(LEAST_SIZE, Math.floor(size / divisor)) : size;
  });
}

type JsonObject = Readonly<Record<string, unknown>>;

/** The model with other shapes of its inputs, the batch left as it is; null when it does not state them where expected. */
export function withInputShapes(raw: RawModel, source: LayersSource, shapes: InputShapes): RawModel | null {
  const { manifest } = raw;
  const topology = isObject(manifest) ? manifest["modelTopology"] : null;
  if (!isObject(manifest) || !isObject(topology)) return null;
  const inner = topology["model_config"];
  const model = isObject(inner) ? inner : topology;
  const changed =
    model["class_name"] === "Sequential" ? withFirstShape(model, source, shapes) : withShapes(model, source, shapes);
  if (changed === null) return null;
  const modelTopology = isObject(inner) ? { ...topology, model_config: changed } : changed;
  return { ...raw, manifest: { ...manifest, modelTopology } };
}

/** A Sequential states its input's shape in its first layer, or in that one's. */
function withFirstShape(model: JsonObject, source: LayersSource, shapes: InputShapes): JsonObject | null {
  const [input] = source.model.inputs;
  const shape = input === undefined ? undefined : shapes.get(input.layer);
  const [first, ...others] = layersOf(model);
  if (first === undefined || shape === undefined) return null;
  const changed = layersOf(first).length > 0 ? withFirstShape(first, source, shapes) : withShape(first, shape);
  return changed === null ? null : withLayers(model, [changed, ...others]);
}

function withShapes(model: JsonObject, source: LayersSource, shapes: InputShapes): JsonObject | null {
  const names = new Set(source.model.inputs.map(({ layer }) => layer));
  let found = 0;
  const layers = layersOf(model).map((layer) => {
    const { config } = layer;
    const name = isObject(config) ? (config["name"] ?? layer["name"]) : layer["name"];
    const shape = typeof name === "string" && names.has(name) ? shapes.get(name) : undefined;
    const changed = shape === undefined ? null : withShape(layer, shape);
    if (changed !== null) found++;
    return changed ?? layer;
  });
  return found === names.size ? withLayers(model, layers) : null;
}

function withShape(layer: JsonObject, shape: readonly number[]): JsonObject | null {
  const { config } = layer;
  if (!isObject(config)) return null;
  const key = ["batch_input_shape", "batch_shape"].find((each) => Array.isArray(config[each]));
  const own: unknown = key === undefined ? null : config[key];
  if (key === undefined || !Array.isArray(own)) return null;
  const batch: unknown = own[0];
  return { ...layer, config: { ...config, [key]: [batch, ...shape.slice(1)] } };
}

function layersOf({ config }: JsonObject): readonly JsonObject[] {
  const layers: unknown = isObject(config) ? config["layers"] : config;
  return Array.isArray(layers) ? layers.filter(isObject) : [];
}

function withLayers(model: JsonObject, layers: readonly JsonObject[]): JsonObject {
  const { config } = model;
  return { ...model, config: isObject(config) ? { ...config, layers } : layers };
}
