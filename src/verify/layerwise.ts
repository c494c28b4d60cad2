import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError } from "../errors.ts";
import { executionOrder } from "../export/execution-order.ts";
import type { Call, LayersSource, LayerSpec, ModelSpec, TensorRef } from "../export/source/model.ts";
import { expectedWeights } from "../export/source/weight-names.ts";
import type { Tfjs } from "../infer/tfjs-backend.ts";
import { toTfjs } from "../infer/tfjs-session.ts";
import type { Tensor } from "../tensor.ts";

import { inTfjsDialect, registerKerasClasses } from "./keras-classes.ts";
import { kerasMask } from "./keras-masks.ts";
import { KERAS_LAYERS } from "./keras-layers.ts";
import type { Recorder } from "./trace.ts";

/** A tensor, with the mask Keras carries beside it. */
export interface Masked {
  readonly value: tfjs.Tensor;
  readonly mask: tfjs.Tensor | null;
}

/**
 * A model that TF.js refuses to load, computed by TF.js all the same: its layers one by one, as this program read them, with
 * Keras's rules for masks. What TF.js has no layer for is written with its operations in keras-layers.ts.
 */
export class Layerwise {
  readonly #tf: Tfjs;
  readonly #source: LayersSource;
  readonly #layers = new Map<string, tfjs.layers.Layer>();

  constructor(tf: Tfjs, source: LayersSource) {
    this.#tf = tf;
    this.#source = source;
    registerKerasClasses(tf);
  }

  /** The tensors `fetches` for some inputs; the caller frees them. `recorder` is told what every layer gives. */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches: readonly TensorRef[],
    recorder: Recorder | null,
  ): Promise<tfjs.Tensor[]> {
    const engine = this.#tf.engine();
    engine.startScope();
    try {
      const { model } = this.#source;
      const inputs = model.inputs.map(({ layer }): Masked => {
        const value = toTfjs(this.#tf, layer, feeds[layer]);
        return { value: value.dtype === "int32" ? value : value.cast("float32"), mask: null };
      });
      const outputs = await this.#model(model, [], inputs, fetches, recorder);
      return outputs.map(({ value }) => this.#tf.keep(value.clone()));
    } finally {
      engine.endScope();
    }
  }

  dispose(): void {
    for (const layer of this.#layers.values()) layer.dispose();
    this.#layers.clear();
  }

  async #model(
    model: ModelSpec,
    path: readonly string[],
    inputs: readonly Masked[],
    fetches: readonly TensorRef[],
    recorder: Recorder | null,
  ): Promise<readonly Masked[]> {
    const results = new Map<string, readonly Masked[]>();
    model.inputs.forEach((ref, index) => {
      const input = inputs[index];
      if (input !== undefined) results.set(callKey(ref), [input]);
    });
    const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
    for (const ref of executionOrder(model, fetches)) {
      const layer = layers.get(ref.layer);
      const call = layer?.calls[ref.call];
      if (layer === undefined || call === undefined || results.has(callKey(ref))) continue;
      const given = call.inputs.map((each) => pick(results, each));
      const outputs = await this.#call(layer, [...path, layer.name], given, keywordsOf(call, results), recorder);
      recorder?.record(
        [...path, layer.name].join("/"),
        outputs.map(({ value }) => value),
      );
      results.set(callKey(ref), outputs);
    }
    return fetches.map((ref) => pick(results, ref));
  }

  async #call(
    layer: LayerSpec,
    path: readonly string[],
    inputs: readonly Masked[],
    keywords: Readonly<Record<string, readonly Masked[]>>,
    recorder: Recorder | null,
  ): Promise<readonly Masked[]> {
    if (layer.model !== null) return this.#model(layer.model, path, inputs, layer.model.outputs, recorder);
    if (layer.className === "TimeDistributed" && layer.wrapped !== null) {
      return [await this.#distributed(layer.wrapped, path, inputs)];
    }
    const values = inputs.map(({ value }) => value);
    const own = KERAS_LAYERS.get(layer.className);
    const weights = this.#source.weightsOf(path);
    const states = [...values.slice(1), ...(keywords["initial_state"] ?? []).map(({ value }) => value)];
    const mask = inputs[0]?.mask ?? null;
    const { keras3 } = this.#source;
    const given = own?.({ tf: this.#tf, config: layer.config, weights, keras3, states }, values, mask);
    const outputs = given ?? (await this.#builtIn(layer, path, values, mask, states));
    return outputs.map((value, index) => ({
      value,
      mask: index === 0 ? kerasMask(this.#tf, layer, inputs) : null,
    }));
  }

  /** The wrapped layer on each step. */
  async #distributed(wrapped: LayerSpec, path: readonly string[], inputs: readonly Masked[]): Promise<Masked> {
    const [input] = inputs;
    if (input === undefined) throw new InferenceError(`layer ${path.join("/")} has no input`);
    const outputs: tfjs.Tensor[] = [];
    for (const value of this.#tf.unstack(input.value, 1)) {
      const [output] = await this.#call(wrapped, [...path, wrapped.name], [{ value, mask: null }], {}, null);
      if (output !== undefined) outputs.push(output.value);
    }
    return { value: this.#tf.stack(outputs, 1), mask: input.mask };
  }

  async #builtIn(
    layer: LayerSpec,
    path: readonly string[],
    values: readonly tfjs.Tensor[],
    mask: tfjs.Tensor | null,
    states: readonly tfjs.Tensor[],
  ): Promise<readonly tfjs.Tensor[]> {
    const recurrent = RECURRENT.has(layer.className);
    const [first] = values;
    if (first === undefined) throw new InferenceError(`layer ${path.join("/")} has no input`);
    const own = recurrent ? [first] : values;
    const built = await this.#layer(layer, path, own);
    const initial = recurrent && states.length > 0 ? { initialState: [...states] } : {};
    const output = built.call(own.length === 1 ? first : [...own], { ...(mask === null ? {} : { mask }), ...initial });
    return Array.isArray(output) ? output : [output];
  }

  /** The layer, built for inputs of these ranks, with the model's weights. */
  async #layer(
    { className, config, name }: LayerSpec,
    path: readonly string[],
    inputs: readonly tfjs.Tensor[],
  ): Promise<tfjs.layers.Layer> {
    const key = path.join("/");
    const known = this.#layers.get(key);
    if (known !== undefined) return known;
    const entry = inTfjsDialect({ className, config }, this.#source.keras3);
    const starts = inputs.map(({ shape, dtype }, index) => ({
      class_name: "InputLayer",
      name: `input_${index}`,
      config: { name: `input_${index}`, batch_input_shape: [null, ...shape.slice(1)], dtype },
      inbound_nodes: [],
    }));
    const nodes = [starts.map((start) => [start.name, 0, 0, {}])];
    const layers = [...starts, { ...entry, name, config: { ...entry.config, name }, inbound_nodes: nodes }];
    const model = await this.#tf.models.modelFromJSON({
      class_name: "Model",
      config: {
        name: "single",
        layers,
        input_layers: starts.map((start) => [start.name, 0, 0]),
        output_layers: [[name, 0, 0]],
      },
    });
    const layer = model.getLayer(name);
    layer.setWeights(this.#weights({ className, config }, path));
    this.#layers.set(key, layer);
    return layer;
  }

  #weights(layer: Pick<LayerSpec, "className" | "config">, path: readonly string[]): tfjs.Tensor[] {
    return (expectedWeights(layer) ?? []).map(({ scope, name }) => {
      const weights = scope.reduce((outer, child) => outer.within(child), this.#source.weightsOf(path));
      return toTfjs(this.#tf, name, weights.get(name));
    });
  }
}

const RECURRENT: ReadonlySet<string> = new Set(["SimpleRNN", "GRU", "LSTM", "RNN", "ConvLSTM2D", "Bidirectional"]);

function keywordsOf(
  call: Call,
  results: ReadonlyMap<string, readonly Masked[]>,
): Readonly<Record<string, readonly Masked[]>> {
  return Object.fromEntries(
    Object.entries(call.kwargs).map(([key, argument]): [string, readonly Masked[]] => [
      key,
      argument.kind === "tensors" ? argument.refs.map((ref) => pick(results, ref)) : [],
    ]),
  );
}

function callKey({ layer, call }: TensorRef): string {
  return `${call}:${layer}`;
}

function pick(results: ReadonlyMap<string, readonly Masked[]>, ref: TensorRef): Masked {
  const found = results.get(callKey(ref))?.[ref.tensor];
  if (found !== undefined) return found;
  throw new InferenceError(`layer ${ref.layer} has no output ${ref.tensor} of its call ${ref.call}`);
}
