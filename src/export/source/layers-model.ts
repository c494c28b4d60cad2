import { ExportError, ModelFormatError } from "../../errors.ts";
import { wordAt } from "../../require.ts";
import { sizeOf } from "../../tensor.ts";

import { dialectOf, type Dialect } from "./dialect.ts";
import { isJsonObject, isObject, listed, parseJson, plainJson, quoted, shown, type JsonObject } from "./json.ts";
import { OwnWeights } from "./layer-weights.ts";
import type { LayersSource, LayerWeights, ModelSpec, RawModel } from "./model.ts";
import { isGraphModel, ownValue } from "./model-kind.ts";
import { readTopology, type LayerAt, type ReadTopology } from "./topology.ts";
import { expectedWeights } from "./weight-names.ts";
import { findOwners, pathKey, type FoundOwners, type WeightOwners } from "./weight-owners.ts";
import { quantizationsOf, readWeights, readWeightsManifest, type StoredWeight } from "./weights.ts";

export interface ReadLayersOptions {
  /** Ignore weights that no layer of the model has, instead of refusing the model. */
  readonly ignoreUnused?: boolean;
}

/**
 * Read a TF.js LayersModel, in any dialect: TF.js' own, that of the converter for Keras 2 files, Keras 3's.
 *
 * @throws {ModelFormatError} when the model is incomplete, contradicts itself, or is not a model.
 * @throws {ExportError} when it is a graph model.
 */
export function readLayersModel(raw: RawModel, options: ReadLayersOptions = {}): LayersSource {
  const { manifest } = raw;
  if (!isObject(manifest)) {
    throw new ModelFormatError(`a model.json must hold an object; got ${shown(manifest)}`);
  }
  if (isGraphModel(manifest)) {
    throw new ExportError("this is a TF.js Graph model, not a Layers model", {
      hint: "give it to exportModel, which takes both",
    });
  }
  const topology = topologyOf(manifest);
  const entry = plainJson(modelOf(topology), "modelTopology");
  if (!isJsonObject(entry)) throw notAModel("modelTopology", entry);
  const dialect = dialectOf(versionOf(topology), entry);
  const read = readTopology(entry, dialect, raw.live !== true && !dialect.keras3);
  const stored = storedWeights(manifest, raw.weights);
  let found: FoundOwners | null = null;
  const owners = (): FoundOwners => (found ??= checkedOwners(read, stored, dialect, options));
  const metadata = plainJson(ownValue(manifest, "userDefinedMetadata") ?? {}, "userDefinedMetadata");
  if (!isJsonObject(metadata)) {
    throw new ModelFormatError(`userDefinedMetadata must be an object; got ${shown(metadata)}`);
  }
  return {
    kind: "layers",
    model: read.model,
    weightsOf: (path) => weightsOf(owners().owners, path),
    checkWeights: () => [...owners().notes, ...nonFiniteNotes(stored)],
    keras3: dialect.keras3,
    tfjs: dialect.tfjs,
    generatedBy: text(ownValue(manifest, "generatedBy")),
    convertedBy: text(ownValue(manifest, "convertedBy")),
    metadata,
    parameters: stored.reduce((sum, weight) => sum + sizeOf(weight.dims), 0),
    quantizations: quantizationsOf(stored),
    parametersOf: (layer) => parametersOf(owners().owners, layer),
  };
}

function parametersOf(owners: WeightOwners, layer: string): number {
  const own = pathKey([layer]);
  const within = `${own.slice(0, -1)},`;
  return [...owners]
    .filter(([key]) => key === own || key.startsWith(within))
    .flatMap(([, weights]) => weights)
    .reduce((sum, { stored }) => sum + sizeOf(stored.dims), 0);
}

function checkedOwners(
  read: ReadTopology,
  stored: readonly StoredWeight[],
  dialect: Dialect,
  { ignoreUnused = false }: ReadLayersOptions,
): FoundOwners {
  const found = findOwners(read, stored, dialect, ignoreUnused);
  const { owners } = found;
  const used = pathsOf(read.model);
  refuseMissing(used, read.layers, owners, stored.length);
  if (ignoreUnused) return found;
  refuseUnused(used, read.layers, owners);
  refuseUnexpected(read.layers, owners);
  return found;
}

/** Weights with NaN or infinite values. Models whose training diverged have them. */
function nonFiniteNotes(stored: readonly StoredWeight[]): readonly string[] {
  return stored.flatMap((weight) => {
    const { dtype, data } = weight.read();
    if (dtype !== "float32" || isFinite(data)) return [];
    const count = data.filter((value) => Number.isNaN(value)).length;
    const infinite = data.filter((value) => Math.abs(value) === Infinity).length;
    const what = [
      ...(count > 0 ? [`NaN (${count} of ${data.length} values)`] : []),
      ...(infinite > 0 ? [`infinite values (${infinite} of ${data.length})`] : []),
    ];
    const outcome = "the outputs that depend on it are NaN or infinite in TF.js too";
    return [`weight ${quoted(weight.name)} holds ${what.join(" and ")}; ${outcome}`];
  });
}

/** Of a float32, the bits of the exponent: all are set in NaN and the infinities, and in no other number. */
const EXPONENT = 0x7f800000;

function isFinite({ buffer, byteOffset, length }: Float32Array): boolean {
  const words = new Uint32Array(buffer, byteOffset, length);
  for (let index = 0; index < length; index++) if ((wordAt(words, index) & EXPONENT) === EXPONENT) return false;
  return true;
}

/** `modelTopology` of a model.json; the whole of a topology that was saved alone, by `model.toJSON()`. */
function topologyOf(manifest: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const alone = ownValue(manifest, "class_name") !== undefined || ownValue(manifest, "model_config") !== undefined;
  const given = ownValue(manifest, "modelTopology") ?? (alone ? manifest : undefined);
  if (given === undefined) {
    throw new ModelFormatError("not a TF.js model: model.json has no modelTopology", {
      hint: "give the model.json that tf.LayersModel.save or tensorflowjs_converter wrote",
    });
  }
  const topology = parsed(given, "modelTopology");
  if (!isObject(topology)) throw notAModel("modelTopology", topology);
  return topology;
}

/** The model within a topology: Keras' files keep it beside their training configuration. */
function modelOf(topology: Readonly<Record<string, unknown>>): unknown {
  return parsed(ownValue(topology, "model_config") ?? topology, "model_config");
}

function versionOf(topology: Readonly<Record<string, unknown>>): JsonObject {
  const version = ownValue(topology, "keras_version");
  return typeof version === "string" ? { keras_version: version } : {};
}

/** A topology may also be stored as text, as `model.toJSON()` returns it. */
function parsed(value: unknown, where: string): unknown {
  if (typeof value !== "string") return value;
  try {
    return parseJson(value, where);
  } catch (cause) {
    if (cause instanceof ModelFormatError) throw cause;
    throw new ModelFormatError(`${where} is text that is not JSON`, { cause });
  }
}

function notAModel(where: string, value: unknown): ModelFormatError {
  return new ModelFormatError(`${where} must be an object that describes a model; got ${shown(value)}`);
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function storedWeights(manifest: Readonly<Record<string, unknown>>, bytes: Uint8Array | null): readonly StoredWeight[] {
  const groups = readWeightsManifest(plainJson(ownValue(manifest, "weightsManifest") ?? [], "weightsManifest"));
  const hasAny = groups.some(({ specs }) => specs.length > 0);
  if (bytes !== null) return readWeights(groups, bytes);
  if (hasAny)
    throw new ModelFormatError(
      "the model's weight data is missing: weightsManifest lists weights, but no data was given",
    );
  return [];
}

function weightsOf(owners: WeightOwners, path: readonly string[]): LayerWeights {
  const own = owners.get(pathKey(path));
  if (own !== undefined) return new OwnWeights(own);
  // A wrapped layer's weights are its wrapper's.
  const wrapper = owners.get(pathKey(path.slice(0, -1)));
  return new OwnWeights(wrapper ?? []);
}

/** @throws {ModelFormatError} naming weights that layers on the way to the outputs lack. */
function refuseMissing(
  used: ReadonlySet<string>,
  layers: readonly LayerAt[],
  owners: WeightOwners,
  stored: number,
): void {
  const missing = layers
    .filter(({ path }) => used.has(pathKey(path)))
    .flatMap((layer) => {
      const weights = weightsOf(owners, layer.path);
      const expected = expectedWeights(layer) ?? [];
      return expected
        .filter(({ scope, name }) => !scope.reduce((inner, child) => inner.within(child), weights).has(name))
        .map(({ scope, name }) => [...layer.path, ...scope, name].join("/"));
    });
  if (missing.length === 0) return;
  const count = missing.length === 1 ? "a weight is" : `${missing.length} weights are`;
  throw new ModelFormatError(
    stored === 0
      ? `the model has no weights, and its layers need ${missing.length}: ${listed(missing.map(quoted))}`
      : `${count} missing: ${listed(missing.map(quoted))}`,
    {
      hint:
        stored === 0
          ? "save the whole model (model.save), not only its topology (model.toJSON)"
          : "the model.json and its weights must come from the same export",
    },
  );
}

/** @throws {ModelFormatError} naming layers that have weights but are not part of the computation; no saved model has such layers. */
function refuseUnused(used: ReadonlySet<string>, layers: readonly LayerAt[], owners: WeightOwners): void {
  const unused = layers.filter(({ path }) => owners.has(pathKey(path)) && !used.has(pathKey(path)));
  if (unused.length === 0) return;
  throw new ModelFormatError(
    `there are weights of layers that the outputs do not need: ${listed(unused.map(({ path }) => quoted(path.join("/"))))}`,
    { hint: "the model.json and its weights must come from the same export" },
  );
}

/** @throws {ModelFormatError} naming weights that their layers, as configured, do not have. */
function refuseUnexpected(layers: readonly LayerAt[], owners: WeightOwners): void {
  const extra = layers.flatMap((layer) => {
    const expected = expectedWeights(layer);
    if (expected === null) return [];
    const keys = new Set(expected.map(({ scope, name }) => pathKey([...scope, name])));
    const own = owners.get(pathKey(layer.path)) ?? [];
    return own.filter(({ scope, name }) => !keys.has(pathKey([...scope, name]))).map(({ stored }) => stored.name);
  });
  if (extra.length === 0) return;
  throw new ModelFormatError(`there are weights that their layers do not use: ${listed(extra.map(quoted))}`, {
    hint: "the model.json and its weights must come from the same export",
  });
}

/** Paths of all layers that take part, through models within models. */
function pathsOf(model: ModelSpec): ReadonlySet<string> {
  const paths = new Set<string>();
  const stack: { readonly model: ModelSpec; readonly path: readonly string[] }[] = [{ model, path: [] }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    for (const layer of top.model.layers) {
      let path = [...top.path, layer.name];
      paths.add(pathKey(path));
      let at = layer;
      while (at.wrapped !== null) {
        at = at.wrapped;
        path = [...path, at.name];
      }
      if (at.model !== null) stack.push({ model: at.model, path });
    }
  }
  return paths;
}
