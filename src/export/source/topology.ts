import { ModelFormatError } from "../../errors.ts";

import { readCalls, readRefs } from "./calls.ts";
import { KERAS_OPERATION, kerasStem, keras2Config, layerClass, type Dialect } from "./dialect.ts";
import { emptyObject, isJsonList, isJsonObject, listed, quoted, shown, type Json, type JsonObject } from "./json.ts";
import type { Call, CallArgument, Config, LayerSpec, ModelSpec, TensorRef } from "./model.ts";
import { operationAsLayer } from "./operations.ts";
import { callsAsMade, layersInOrder } from "./order.ts";
import { isLayerClass, LAYER_CLASSES } from "./layer-classes.ts";
import { last } from "../../require.ts";

/** The largest models people train have some 2,000 layers. */
const MAX_LAYERS = 20_000;
/** Calls of shared models multiply: ten levels of ten calls each make 10^10 calls. */
const MAX_EXPANDED_CALLS = 20_000;

/** A layer that may have weights of its own: not a model, nor wrapped in another layer. */
export interface LayerAt {
  /** Names of the models and wrappers around the layer, and its own. */
  readonly path: readonly string[];
  readonly className: string;
  readonly config: Config;
}

/** A model's layers by class, in the order of the file, those that take no part included. */
export interface ModelAt {
  readonly path: readonly string[];
  readonly children: readonly ChildAt[];
}

export interface ChildAt {
  readonly name: string;
  readonly className: string;
  /** Path of the model the child is or wraps; null for others. */
  readonly inner: readonly string[] | null;
}

export interface ReadTopology {
  readonly model: ModelSpec;
  readonly models: readonly ModelAt[];
  /** In the order of the file, which is the order in which TF.js writes weights. */
  readonly layers: readonly LayerAt[];
}

/**
 * Read a serialized model: `{class_name, config}` of a Sequential or functional model, in any dialect.
 *
 * @param asLoaded References count a layer's calls as TF.js makes them when it loads the model, not as the file lists them.
 * @throws {ModelFormatError} when it is not one, or contradicts itself.
 */
export function readTopology(model: JsonObject, dialect: Dialect, asLoaded: boolean): ReadTopology {
  const reader = new TopologyReader(dialect, asLoaded);
  const spec = reader.model(model, []);
  checkSize(spec);
  return { model: spec, models: reader.models, layers: reader.layers };
}

const MODEL_CLASSES: ReadonlySet<string> = new Set(["Sequential", "Functional", "Model"]);

class TopologyReader {
  readonly layers: LayerAt[] = [];
  readonly models: ModelAt[] = [];
  readonly #dialect: Dialect;
  readonly #asLoaded: boolean;
  #count = 0;

  constructor(dialect: Dialect, asLoaded: boolean) {
    this.#dialect = dialect;
    this.#asLoaded = asLoaded;
  }

  /** @param path Names of the models around this one, its own included; none for the outermost. */
  model(entry: JsonObject, path: readonly string[]): ModelSpec {
    return inModel(path, () => {
      const config = entry["config"];
      if (typeof entry["class_name"] !== "string") {
        throw new ModelFormatError(`a model must have a class_name; got ${shown(entry["class_name"])}`);
      }
      if (entry["class_name"] === "Sequential") return this.#sequential(config, path);
      if (isLayerClass(entry["class_name"])) {
        throw new ModelFormatError(
          `${entry["class_name"]} is a class of layers; a model must be Sequential or Functional`,
        );
      }
      if (isJsonObject(config) && isFunctional(config)) return this.#functional(config, path);
      throw new ModelFormatError(
        `a model must have a config with layers, input_layers and output_layers; got ${shown(config)}`,
      );
    });
  }

  #sequential(config: Json | undefined, path: readonly string[]): ModelSpec {
    const entries = isJsonObject(config) ? config["layers"] : config;
    const layers = this.#layers(this.#entries(entries), path);
    const [first] = layers;
    if (first === undefined) throw new ModelFormatError("the model is empty: it has no layers");
    checkNames(layers);
    checkSingleState(first);
    const given = isJsonObject(config) ? config : emptyObject<Json>();
    const input = first.className === "InputLayer" ? first : this.#impliedInput(first, layers, given, entries);
    const chain: LayerSpec[] = [input];
    for (const layer of layers) {
      if (layer === input) continue;
      if (layer.className === "InputLayer") {
        throw new ModelFormatError(`InputLayer ${quoted(layer.name)} must come first in a Sequential model`);
      }
      checkSingle(layer);
      checkSingleState(layer);
      const previous = chain.at(-1) ?? input;
      const call: Call = {
        inputs: [{ layer: previous.name, call: 0, tensor: 0 }],
        kwargs: emptyObject<CallArgument>(),
      };
      chain.push({ ...layer, calls: [call] });
    }
    const output = chain.at(-1) ?? input;
    return {
      name: nameOf(config, path, "sequential"),
      layers: chain,
      inputs: [{ layer: input.name, call: 0, tensor: 0 }],
      outputs: [{ layer: output.name, call: 0, tensor: 0 }],
    };
  }

  #functional(config: JsonObject, path: readonly string[]): ModelSpec {
    const entries = this.#entries(config["layers"]);
    entries.forEach(checkNode);
    const layers = this.#layers(entries, path);
    checkNames(layers);
    const names = new Set(layers.map(({ name }) => name));
    const raw = layers.map((layer, index) =>
      inLayer(layer, () => ({ ...layer, calls: readCalls(entries[index]?.["inbound_nodes"], names) })),
    );
    const inputs = readRefs(config["input_layers"], "input_layers");
    const outputs = readRefs(config["output_layers"], "output_layers");
    if (outputs.length === 0) throw new ModelFormatError("the model has no outputs: output_layers is empty");
    const { inbound, outbound } = firstCalls(raw, outputs, this.#dialect);
    const counted = raw.map((layer) => ({ ...layer, calls: layer.calls.map((call) => shiftCall(call, inbound)) }));
    const called = this.#dialect.keras3 ? withoutComputedMasks(counted) : counted;
    const modelOutputs = outputs.map((ref) => shiftRef(ref, outbound));
    return {
      name: nameOf(config, path, "model"),
      layers: layersInOrder(this.#asLoaded ? callsAsMade(called) : called, inputs, modelOutputs),
      inputs,
      outputs: modelOutputs,
    };
  }

  #entries(entries: Json | undefined): readonly JsonObject[] {
    if (!isJsonList(entries)) throw new ModelFormatError(`layers must be a list; got ${shown(entries)}`);
    return entries.map((entry, index) => {
      if (isJsonObject(entry)) return entry;
      throw new ModelFormatError(`layers[${index}] must be an object; got ${shown(entry)}`);
    });
  }

  #layers(entries: readonly JsonObject[], path: readonly string[]): readonly LayerSpec[] {
    const layers = entries.map((entry, index) => this.#layer(entry, index, path));
    const children = layers.map((layer) => ({
      name: layer.name,
      className: layer.className,
      inner: innerModel(layer, path),
    }));
    this.models.push({ path, children });
    return layers;
  }

  /** A layer without its calls. @param owner Who has its weights. */
  #layer(entry: JsonObject, index: number, path: readonly string[], owner: "itself" | "wrapper" = "itself"): LayerSpec {
    if (++this.#count > MAX_LAYERS) throw new ModelFormatError(`the model has more than ${MAX_LAYERS} layers`);
    const given = entry["class_name"];
    if (typeof given !== "string" || given === "") {
      throw new ModelFormatError(`layers[${index}] must have a class_name; got ${shown(given)}`);
    }
    const config = entry["config"];
    const name = layerName(entry, given, index);
    const here = [...path, name];
    const isModel = MODEL_CLASSES.has(given) || (isJsonObject(config) && isFunctional(config));
    if (isModel) {
      const model = this.model(entry, here);
      const own = isJsonObject(config) ? config : emptyObject<Json>();
      return { name, className: given, config: own, calls: [], model, wrapped: null };
    }
    if (!isJsonObject(config)) {
      throw new ModelFormatError(`layer ${quoted(name)}: config must be an object; got ${shown(config)}`);
    }
    checkInputShape(name, config);
    const written = layerClass(entry, given, config, this.#dialect);
    const alike = written.startsWith(KERAS_OPERATION) ? operationAsLayer(entry, given, config) : null;
    const className = alike?.className ?? written;
    const own = keras2Config(className, alike?.config ?? config, this.#dialect);
    if (owner === "itself") this.layers.push({ path: here, className, config: own });
    return { name, className, config: own, calls: [], model: null, wrapped: this.#wrapped(own, here) };
  }

  #wrapped(config: Config, path: readonly string[]): LayerSpec | null {
    const inner = config["layer"];
    return isEntry(inner) ? this.#layer(inner, 0, path, "wrapper") : null;
  }

  /** The InputLayer that TF.js and Keras put before a first layer that says its own input's shape. */
  #impliedInput(
    first: LayerSpec,
    layers: readonly LayerSpec[],
    config: JsonObject,
    entries: Json | undefined,
  ): LayerSpec {
    const inner = first.model;
    if (inner !== null) {
      checkSingle(first);
      const [ref] = inner.inputs;
      const own = inner.layers.find(({ name }) => name === ref?.layer);
      if (own === undefined) throw new ModelFormatError(`model ${quoted(first.name)} has no input`);
      const taken = new Set(layers.map((layer) => layer.name));
      let name = own.name;
      while (taken.has(name)) name += "_input";
      return { ...own, name, config: Object.assign(emptyObject<Json>(), own.config, { name }) };
    }
    const entry = isJsonList(entries) && isJsonObject(entries[0]) ? entries[0] : emptyObject<Json>();
    const shape = inputShape(first, config, entry);
    const name = `${first.name}_input`;
    const dtype = asConfig(first.config)["dtype"] ?? "float32";
    const own: JsonObject = { name, dtype, batch_input_shape: shape };
    const input = keras2Config("InputLayer", own, this.#dialect);
    return { name, className: "InputLayer", config: input, calls: [], model: null, wrapped: null };
  }
}

/** Path of the model that a layer is or wraps. */
function innerModel(layer: LayerSpec, path: readonly string[]): readonly string[] | null {
  const here = [...path, layer.name];
  if (layer.model !== null) return here;
  return layer.wrapped === null ? null : innerModel(layer.wrapped, here);
}

function isEntry(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && "class_name" in value;
}

function isFunctional(config: JsonObject): boolean {
  return isJsonList(config["layers"]) && config["input_layers"] !== undefined && config["output_layers"] !== undefined;
}

function layerName(entry: JsonObject, className: string, index: number): string {
  const config = entry["config"];
  const own = isJsonObject(config) ? config["name"] : undefined;
  const name = entry["name"] ?? own ?? `${kerasStem(className)}_${index + 1}`;
  if (typeof name !== "string" || name === "") {
    throw new ModelFormatError(`layers[${index}]: name must be a name; got ${shown(name)}`);
  }
  if (own !== undefined && own !== name) {
    throw new ModelFormatError(`layer ${quoted(name)} has another name in its config: ${shown(own)}`);
  }
  return name;
}

function checkInputShape(name: string, config: JsonObject): void {
  const shape = config["batch_input_shape"];
  if (shape === undefined || shape === null || isShape(shape)) return;
  throw new ModelFormatError(`layer ${quoted(name)}: batch_input_shape must be a list of sizes; got ${shown(shape)}`);
}

/** Keras also writes a shape as an object. */
function isShape(value: Json): boolean {
  return isJsonList(value) ? value.every((size) => size === null || isSize(size)) : isJsonObject(value);
}

function isSize(value: Json): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The keys that connect a layer in a functional model are stored beside its configuration. */
function checkNode(entry: JsonObject, index: number): void {
  const { name, inbound_nodes: nodes, config } = entry;
  if (isJsonObject(config) && config["name"] === undefined) {
    throw new ModelFormatError(`layers[${index}].config must have a name`);
  }
  if (typeof name !== "string") throw new ModelFormatError(`layers[${index}] must have a name; got ${shown(name)}`);
  if (!isJsonList(nodes))
    throw new ModelFormatError(`layers[${index}].inbound_nodes must be a list; got ${shown(nodes)}`);
  if (entry["class_name"] === "InputLayer" && nodes.length > 0) {
    throw new ModelFormatError(`InputLayer ${quoted(name)} must have no inbound_nodes; got ${shown(nodes)}`);
  }
}

function nameOf(config: Json | undefined, path: readonly string[], otherwise: string): string {
  const name = isJsonObject(config) ? config["name"] : undefined;
  return typeof name === "string" && name !== "" ? name : (path.at(-1) ?? otherwise);
}

function checkNames(layers: readonly LayerSpec[]): void {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { name } of layers) (seen.has(name) ? twice : seen).add(name);
  if (twice.size > 0) {
    throw new ModelFormatError(`more than one layer has the name ${listed([...twice].map(quoted))}`);
  }
}

function checkSingle({ name, model }: LayerSpec): void {
  if (model === null || (model.inputs.length === 1 && model.outputs.length === 1)) return;
  throw new ModelFormatError(
    `model ${quoted(name)} in a Sequential model must have one input and one output; ` +
      `it has ${model.inputs.length} and ${model.outputs.length}`,
  );
}

/** Layers that also return their states have several outputs, which a Sequential model does not allow. */
function checkSingleState({ name, config, wrapped }: LayerSpec): void {
  if (config["return_state"] !== true && wrapped?.config["return_state"] !== true) return;
  throw new ModelFormatError(`layer ${quoted(name)} in a Sequential model must have one output; return_state is true`);
}

/** Shape of a Sequential model's input, from whatever says it: the first layer, or the shape that Keras built the model with. */
function inputShape(first: LayerSpec, config: JsonObject, entry: JsonObject): Json {
  const own = asConfig(first.config);
  const wrapped = asConfig(first.wrapped?.config ?? {});
  const batch = own["batch_size"] ?? null;
  const built = entry["build_config"];
  const shape =
    own["batch_input_shape"] ??
    withBatch(batch, own["input_shape"]) ??
    wrapped["batch_input_shape"] ??
    config["build_input_shape"] ??
    (isJsonObject(built) ? built["input_shape"] : null);
  if (shape !== undefined && shape !== null) return shape;
  const lengthKey = LAYER_CLASSES.get(first.className)?.lengthKey;
  if (lengthKey !== undefined) return withBatch(batch, own[lengthKey] ?? [null]) ?? null;
  throw new ModelFormatError(`the first layer, ${quoted(first.name)}, does not say the shape of the model's input`, {
    hint: "give the first layer an inputShape before saving the model",
  });
}

function asConfig(config: Config): JsonObject {
  return isJsonConfig(config) ? config : emptyObject<Json>();
}

/** Configurations come from plainJson and stay JSON. */
function isJsonConfig(config: Config): config is JsonObject {
  return typeof config === "object";
}

function withBatch(batch: Json, shape: Json | undefined): Json | undefined {
  if (shape === undefined || shape === null) return undefined;
  return isJsonList(shape) ? [batch, ...shape] : [batch, shape];
}

/** Index that references give to the first outer call of each model among the layers. */
type FirstCalls = ReadonlyMap<string, number>;

/**
 * A model's own construction counts as its call 0 in TF.js and Keras 2, but for Sequential models in some versions. Keras 3
 * counts it for functional models in `output_layers` alone. Source: Keras 3.15, models/functional.py, get_config.
 */
function firstCalls(
  layers: readonly LayerSpec[],
  outputs: readonly TensorRef[],
  { keras3, tfjs }: Dialect,
): { readonly inbound: FirstCalls; readonly outbound: FirstCalls } {
  const within = inboundRefs(layers);
  const both = { refs: [...within, ...outputs], usual: (): number => 1, tfjs };
  if (!keras3) {
    const shared = countedFrom(layers, both);
    return { inbound: shared, outbound: shared };
  }
  return {
    inbound: countedFrom(layers, { refs: within, usual: () => 0, tfjs }),
    outbound: countedFrom(layers, { refs: outputs, usual: (name) => (name === "Sequential" ? 0 : 1), tfjs }),
  };
}

interface Counting {
  readonly refs: readonly TensorRef[];
  /** First index for a class of models, where the references do not tell. */
  readonly usual: (className: string) => number;
  readonly tfjs: boolean;
}

function countedFrom(layers: readonly LayerSpec[], { refs, usual, tfjs }: Counting): FirstCalls {
  const shifts = new Map<string, number>();
  const models = layers.filter(({ model }) => model !== null);
  if (models.length === 0) return shifts;
  const used = usedCalls(refs);
  for (const { name, className, calls } of models) {
    const indices = used.get(name) ?? new Set();
    const fromZero = indices.has(0) && !tfjs;
    const fromOne = indices.has(calls.length);
    shifts.set(name, fromOne ? 1 : fromZero ? 0 : usual(className));
  }
  return shifts;
}

function inboundRefs(layers: readonly LayerSpec[]): readonly TensorRef[] {
  return layers.flatMap(({ calls }) =>
    calls.flatMap(({ inputs, kwargs }) => [
      ...inputs,
      ...Object.values(kwargs).flatMap((argument) => (argument.kind === "tensors" ? argument.refs : [])),
    ]),
  );
}

function usedCalls(refs: readonly TensorRef[]): ReadonlyMap<string, Set<number>> {
  const used = new Map<string, Set<number>>();
  for (const { layer, call } of refs) {
    const indices = used.get(layer) ?? new Set();
    indices.add(call);
    used.set(layer, indices);
  }
  return used;
}

function shiftRef(ref: TensorRef, shifts: ReadonlyMap<string, number>): TensorRef {
  const shift = shifts.get(ref.layer) ?? 0;
  if (ref.call >= shift) return { layer: ref.layer, call: ref.call - shift, tensor: ref.tensor };
  throw new ModelFormatError(
    `call ${ref.call} of model ${quoted(ref.layer)} is its own construction, not a call of it here`,
  );
}

function shiftCall(call: Call, shifts: ReadonlyMap<string, number>): Call {
  if (shifts.size === 0) return call;
  const kwargs = emptyObject<CallArgument>();
  for (const [key, argument] of Object.entries(call.kwargs)) {
    kwargs[key] =
      argument.kind === "tensors"
        ? { kind: "tensors", refs: argument.refs.map((ref) => shiftRef(ref, shifts)) }
        : argument;
  }
  return { inputs: call.inputs.map((ref) => shiftRef(ref, shifts)), kwargs };
}

/**
 * Keras 3 writes the mask that an Embedding or Masking layer makes as a comparison among the layers, and passes it on by
 * keyword. Masks follow from the layers anyway, as in TF.js.
 */
function withoutComputedMasks(layers: readonly LayerSpec[]): readonly LayerSpec[] {
  const operations = new Map(
    layers.filter(({ className }) => className.startsWith(KERAS_OPERATION)).map((layer) => [layer.name, layer]),
  );
  const masked = new Set(
    layers.filter(makesMask).flatMap(({ calls }) => calls.flatMap(({ inputs }) => inputs.map(refKey))),
  );
  const isComputed = (argument: CallArgument | undefined): boolean =>
    argument?.kind === "tensors" && argument.refs.every((ref) => followsFromLayers(ref, operations, masked));
  return layers.map((layer) => ({
    ...layer,
    calls: layer.calls.map((call) => {
      if (!isComputed(call.kwargs["mask"])) return call;
      const { mask: _, ...kwargs } = call.kwargs;
      return { inputs: call.inputs, kwargs: Object.assign(emptyObject<CallArgument>(), kwargs) };
    }),
  }));
}

function makesMask({ className, config }: LayerSpec): boolean {
  return LAYER_CLASSES.get(className)?.makesMask?.(config) === true;
}

function refKey({ layer, call, tensor }: TensorRef): string {
  return `${call}:${tensor}:${layer}`;
}

/** Whether all comparisons that a mask comes from are of inputs of layers that make one, rather than the user's own. */
function followsFromLayers(
  mask: TensorRef,
  operations: ReadonlyMap<string, LayerSpec>,
  masked: ReadonlySet<string>,
): boolean {
  const seen = new Set<LayerSpec>();
  const stack = operations.has(mask.layer) ? [mask] : [];
  let comparisons = 0;
  for (let ref = stack.pop(); ref !== undefined; ref = stack.pop()) {
    const operation = operations.get(ref.layer);
    if (operation === undefined || seen.has(operation)) continue;
    seen.add(operation);
    const inputs = operation.calls.flatMap((call) => call.inputs);
    if (operation.className !== "keras.ops.NotEqual") stack.push(...inputs);
    else if (inputs.every((input) => masked.has(refKey(input)))) comparisons++;
    else return false;
  }
  return comparisons > 0;
}

/** @throws {ModelFormatError} when models called within models add up to more calls than a real model has. */
function checkSize(model: ModelSpec): void {
  if (expandedCalls(model) > MAX_EXPANDED_CALLS) {
    throw new ModelFormatError(`models called within models add up to more than ${MAX_EXPANDED_CALLS} calls of layers`);
  }
}

function expandedCalls(model: ModelSpec): number {
  return model.layers.reduce((sum, { calls, model: inner, wrapped }) => {
    const nested = inner ?? wrapped?.model ?? null;
    return sum + calls.length * (nested === null ? 1 : expandedCalls(nested));
  }, 0);
}

function inModel<T>(path: readonly string[], body: () => T): T {
  return path.length === 0 ? body() : prefixed(`model ${quoted(last(path))}`, body);
}

function inLayer<T>({ name }: LayerSpec, body: () => T): T {
  return prefixed(`layer ${quoted(name)}`, body);
}

function prefixed<T>(where: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (!(cause instanceof ModelFormatError)) throw cause;
    throw new ModelFormatError(`${where}: ${cause.message}`, {
      cause,
      ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    });
  }
}
