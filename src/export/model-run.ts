import { ExportError, InternalError, ModelFormatError, ToolError } from "../errors.ts";

import { typeOf, type BoundLayer, type EmitContext, type MaskedValue, type LayerMemory } from "./converter.ts";
import { executionOrder } from "./execution-order.ts";
import { inputType } from "./input-type.ts";
import { internalError } from "./internal-error.ts";
import { followsKeras } from "./follows-keras.ts";
import type { GraphBuilder } from "./build/builder.ts";
import { dimsOf, type Value } from "./ir/value.ts";
import { expectSaneShape } from "./sane-shape.ts";
import { ConfigReader } from "./source/config.ts";
import { KERAS_OPERATION } from "./source/dialect.ts";
import type { Call, LayersSource, LayerSpec, ModelSpec, TensorRef } from "./source/model.ts";

/** One layer call's output tensors in the order they are computed. */
export interface ConvertedCall {
  /** The layer's path through nested models: `encoder/conv1`. */
  readonly path: string;
  readonly className: string;
  /** Which of the layer's calls in its own model (0-based). */
  readonly call: number;
  /** How often TF.js has run the layer before this, in nested models called many times too. */
  readonly occurrence: number;
  /** TF.js runs the call once more, for another of its outputs, and gets the same. */
  readonly repeated: boolean;
  /** What the names of the call's nodes and tensors begin with: `encoder/conv1/`. */
  readonly scope: string;
  readonly values: readonly Value[];
}

/** Converters of all layers whose configurations have been read. */
export type Bound = ReadonlyMap<LayerSpec, BoundLayer>;

/**
 * The mask that TF.js carries from layer to layer. It keeps one object for a whole run: a mask stays there for all later
 * layers, even those that it does not reach, until a layer with another masked input replaces it. A nested model gets the
 * object of the model around it, or a new one where that has none yet.
 */
interface CarriedMask {
  mask: Value | null;
}

/** One run of a call: the mask before it, its outputs, and the mask it leaves for the next layers. */
interface Run {
  readonly before: CarriedMask | null;
  readonly after: Value | null;
  readonly maskedValues: readonly MaskedValue[];
  readonly calls: readonly ConvertedCall[];
}

/**
 * Emits the nodes of a model's layers as TF.js runs them; those of Keras 3, which TF.js cannot load, as Keras does: there a
 * layer's mask is its own input's, and nested models take and give masks. Source: tfjs-layers, engine/executor.js, `execute`.
 */
export class ModelRun {
  readonly #source: LayersSource;
  /** Masks follow Keras's rules. */
  readonly #keras: boolean;
  readonly #bound: Bound;
  readonly #graph: GraphBuilder;
  readonly #orders = new Map<ModelSpec, readonly TensorRef[]>();
  readonly #memories = new Map<string, LayerMemory>();
  readonly #occurrences = new Map<string, number>();
  readonly #notes = new Set<string>();
  #scope = "";
  #calls: ConvertedCall[] = [];

  constructor(source: LayersSource, bound: Bound, graph: GraphBuilder) {
    this.#source = source;
    this.#keras = followsKeras(source);
    this.#bound = bound;
    this.#graph = graph;
  }

  /** Every call so far, in the order TF.js runs them; those within a nested model come before its own. */
  get calls(): readonly ConvertedCall[] {
    return this.#calls;
  }

  /** Where Keras gives other numbers than TF.js. */
  get notes(): readonly string[] {
    return [...this.#notes];
  }

  /** The tensors `fetches` of the whole model applied to `inputs`. */
  run(inputs: readonly MaskedValue[], fetches: readonly TensorRef[]): readonly MaskedValue[] {
    return this.#execute(this.#source.model, [], inputs, fetches, executionOrder(this.#source.model, fetches), null);
  }

  #nested(
    model: ModelSpec,
    path: readonly string[],
    inputs: readonly MaskedValue[],
    carried: CarriedMask,
  ): readonly MaskedValue[] {
    const order = this.#orders.get(model) ?? executionOrder(model, model.outputs);
    this.#orders.set(model, order);
    if (this.#keras) return this.#execute(model, path, inputs, model.outputs, order, carried);
    const given = inputs.map((maskedValue) => ({ ...maskedValue, mask: null }));
    const before = carried.mask;
    const outputs = this.#execute(model, path, given, model.outputs, order, carried);
    // TF.js frees masks that were made inside: a layer outside that gets one fails.
    if (carried.mask?.name !== before?.name) carried.mask = null;
    return outputs.map((maskedValue) => ({ ...maskedValue, mask: null }));
  }

  #execute(
    model: ModelSpec,
    path: readonly string[],
    inputs: readonly MaskedValue[],
    fetches: readonly TensorRef[],
    order: readonly TensorRef[],
    carried: CarriedMask | null,
  ): readonly MaskedValue[] {
    const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
    const results = new Map<string, readonly MaskedValue[]>();
    if (inputs.length !== model.inputs.length) {
      throw new ExportError(`model ${model.name} takes ${model.inputs.length} inputs; it is given ${inputs.length}`);
    }
    model.inputs.forEach((ref, index) => {
      const maskedValue = inputs[index];
      if (maskedValue === undefined) return;
      results.set(callKey(ref), [this.#keras ? maskedValue : this.#asDeclared(maskedValue, layers.get(ref.layer))]);
    });
    const runs = new Map<string, Run[]>();
    const fetched = new Map<string, readonly MaskedValue[]>();
    let current = carried;
    for (const ref of order) {
      const key = callKey(ref);
      const layer = layers.get(ref.layer);
      const call = layer?.calls[ref.call];
      if (layer === undefined || call === undefined) throw noCall(ref);
      const maskedValues = call.inputs.map((each) => pick(results, each));
      if (!this.#keras && maskedValues.some(({ mask }) => mask !== null)) {
        current ??= { mask: null };
        current.mask = maskedValues[0]?.mask ?? null;
      }
      const known = runs.get(key) ?? [];
      const before = current === null ? null : { mask: current.mask };
      const isStateful = this.#bound.get(layer)?.stateful === true;
      const same = isStateful ? undefined : known.find((run) => sameCarriedMask(run.before, before));
      const run = same ?? this.#apply(layer, call, ref.call, [...path, layer.name], maskedValues, results, current);
      if (same === undefined) runs.set(key, [...known, run]);
      else this.#repeat(same);
      if (current !== null) current.mask = run.after;
      if (!results.has(key)) results.set(key, this.#keras ? run.maskedValues : run.maskedValues.map(seenAsFloat));
      fetched.set(key, run.maskedValues);
    }
    return fetches.map((ref) => pick(fetched.has(callKey(ref)) ? fetched : results, ref));
  }

  /** TF.js converts what a model is given to the type its input declares. */
  #asDeclared(maskedValue: MaskedValue, layer: LayerSpec | undefined): MaskedValue {
    const declared = layer === undefined ? "float32" : inputType(new ConfigReader(layer.config));
    if (typeOf(maskedValue) === declared) return maskedValue;
    const { value, mask } = maskedValue;
    return declared === "float32"
      ? { value, mask, type: declared }
      : { value: this.#graph.cast(value, declared), mask };
  }

  #apply(
    layer: LayerSpec,
    call: Call,
    index: number,
    path: readonly string[],
    inputs: readonly MaskedValue[],
    results: ReadonlyMap<string, readonly MaskedValue[]>,
    current: CarriedMask | null,
  ): Run {
    const before = current === null ? null : { mask: current.mask };
    const carried: CarriedMask = this.#keras ? { mask: inputs[0]?.mask ?? null } : { mask: before?.mask ?? null };
    const [outer, outerScope] = [this.#calls, this.#scope];
    const name = index === 0 ? layer.name : `${layer.name}_${index}`;
    const scope = `${outerScope}${name}/`;
    this.#calls = [];
    this.#scope = scope;
    const maskedValues = this.#graph.within(name, () =>
      layer.model === null
        ? this.#layer(layer, call, path, inputs, results, carried.mask)
        : this.#nested(layer.model, path, inputs, carried),
    );
    const values = maskedValues.map(({ value }) => value);
    const own = { path: path.join("/"), className: layer.className, call: index, repeated: false, scope, values };
    const calls = [...this.#calls, this.#count(own)];
    // Not push(...calls): so many arguments would overflow the stack.
    for (const each of calls) outer.push(each);
    this.#calls = outer;
    this.#scope = outerScope;
    return { before, after: carried.mask, maskedValues, calls };
  }

  /** @throws {ExportError} in a model that TF.js loads, which has no tensors for masks */
  #givenMask(maskedValues: readonly MaskedValue[] = []): Value | null {
    const [first] = maskedValues;
    if (first === undefined) return null;
    if (this.#keras && maskedValues.length === 1) return this.#graph.cast(first.value, "bool");
    throw new ExportError("a mask is given to it as a tensor, which is not supported");
  }

  #layer(
    layer: LayerSpec,
    call: Call,
    path: readonly string[],
    inputs: readonly MaskedValue[],
    results: ReadonlyMap<string, readonly MaskedValue[]>,
    mask: Value | null,
  ): readonly MaskedValue[] {
    return inLayer(path, layer.className, () => {
      const bound = this.#bound.get(layer);
      if (bound === undefined) throw new ExportError(noConverter(layer.className));
      const keywords: Record<string, readonly MaskedValue[]> = {};
      for (const [key, argument] of Object.entries(call.kwargs)) {
        if (argument.kind === "tensors") keywords[key] = argument.refs.map((ref) => pick(results, ref));
      }
      const given = this.#givenMask(keywords["mask"]);
      const weights = this.#source.weightsOf(path);
      const memory = this.#memoryOf(path);
      const context = {
        graph: this.#graph,
        weights,
        keywords,
        mask: given ?? mask,
        memory,
        wrapped: this.#wrapped(layer, path),
        noteKeras: (difference: string): void => {
          if (this.#source.tfjs || this.#keras) return;
          this.#notes.add(
            `layer ${path.join("/")} (${layer.className}): ${difference}; the file gives TF.js's numbers`,
          );
        },
      };
      const outputs = bound.emit(context, inputs);
      for (const { value } of outputs) expectSaneShape(dimsOf(value));
      // TF.js gives every output of a layer the mask of the first.
      const first = outputs[0]?.mask ?? null;
      return this.#keras ? outputs : outputs.map((maskedValue) => ({ ...maskedValue, mask: first }));
    });
  }

  #memoryOf(path: readonly string[]): LayerMemory {
    const key = JSON.stringify(path);
    const memory = this.#memories.get(key) ?? new Map<string, readonly Value[]>();
    this.#memories.set(key, memory);
    return memory;
  }

  /** TF.js runs a wrapped model once for each step, so that its layers' calls are none of the whole model's. */
  #wrapped(layer: LayerSpec, path: readonly string[]): EmitContext["wrapped"] {
    const inner = wrappedModel(layer, path);
    if (inner === null) return null;
    return (inputs, mask) => {
      const outer = this.#calls;
      this.#calls = [];
      const maskedValues = this.#nested(inner.model, inner.path, inputs, { mask });
      this.#calls = outer;
      return maskedValues;
    };
  }

  #repeat({ calls }: Run): void {
    for (const call of calls) this.#calls.push(this.#count({ ...call, repeated: true }));
  }

  #count(call: Omit<ConvertedCall, "occurrence">): ConvertedCall {
    const occurrence = this.#occurrences.get(call.path) ?? 0;
    this.#occurrences.set(call.path, occurrence + 1);
    return { ...call, occurrence };
  }
}

/** The executor of TF.js keeps every output as float32. */
function seenAsFloat(maskedValue: MaskedValue): MaskedValue {
  return typeOf(maskedValue) === "float32" ? maskedValue : { ...maskedValue, type: "float32" };
}

/** Whether a layer would get the same mask. For nested models, an object without a mask differs from no object. */
function sameCarriedMask(a: CarriedMask | null, b: CarriedMask | null): boolean {
  if (a === null || b === null) return a === b;
  return a.mask?.name === b.mask?.name;
}

/** The model that a wrapper wraps, however many wrappers are around it, and where its layers' weights are. */
export function wrappedModel(
  layer: LayerSpec,
  path: readonly string[],
): { readonly className: string; readonly model: ModelSpec; readonly path: readonly string[] } | null {
  const { wrapped } = layer;
  if (wrapped === null) return null;
  const here = [...path, wrapped.name];
  if (wrapped.model === null) return wrappedModel(wrapped, here);
  return { className: wrapped.className, model: wrapped.model, path: here };
}

function callKey({ layer, call }: TensorRef): string {
  return `${call}:${layer}`;
}

function noCall({ layer }: TensorRef): ModelFormatError {
  return new ModelFormatError(`layer ${layer} is used, but the model does not apply it to anything`);
}

function pick(results: ReadonlyMap<string, readonly MaskedValue[]>, ref: TensorRef): MaskedValue {
  const maskedValue = results.get(callKey(ref))?.[ref.tensor];
  if (maskedValue !== undefined) return maskedValue;
  throw new ModelFormatError(`layer ${ref.layer} has no output ${ref.tensor} of its call ${ref.call}`);
}

const OPERATION = "it is an operation of Keras among the layers, where a layer of its own is expected";

export function noConverter(className: string, refusal?: string): string {
  const reason = className.startsWith(KERAS_OPERATION) ? OPERATION : refusal;
  return `there is no converter for layers of class ${className}${reason === undefined ? "" : `: ${reason}`}`;
}

/** Say where: converters state the fault, this adds the layer. */
export function inLayer<T>(path: readonly string[], className: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    const where = `layer ${path.join("/")} (${className}): `;
    if (!(cause instanceof ToolError)) throw internalError(cause, where);
    if (cause instanceof InternalError) throw cause;
    const message = `${where}${cause.message}`;
    const options = { cause, ...(cause.hint === undefined ? {} : { hint: cause.hint }) };
    throw cause instanceof ModelFormatError
      ? new ModelFormatError(message, options)
      : new ExportError(message, options);
  }
}
