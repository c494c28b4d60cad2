import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError } from "../../../errors.ts";
import { executionOrder } from "../../../export/execution-order.ts";
import { ConfigReader } from "../../../export/source/config.ts";
import type {
  Call,
  LayersSource,
  LayerSpec,
  LayerWeights,
  ModelSpec,
  TensorRef,
} from "../../../export/source/model.ts";
import { isRecurrent } from "../../../export/source/layer-classes.ts";
import { expectedWeights, innerLayer, type InnerLayer } from "../../../export/source/weight-names.ts";
import type { Tfjs } from "../../../infer/tfjs-backend.ts";
import { toTfjs } from "../../../infer/tfjs-session.ts";
import type { Tensor } from "../../../tensor.ts";

import type { Watch } from "../reference.ts";
import type { Recorder } from "../trace.ts";

import { inTfjsDialect, registerKerasClasses } from "./classes.ts";
import { kerasMask, type Masked } from "./masks.ts";
import { KERAS_LAYERS } from "./layers.ts";
import { merged } from "./merged.ts";

/** What is told of a run while it is under way. */
interface Observer {
  readonly watch: Watch;
  readonly recorder: Recorder | null;
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

  /** The tensors `fetches` for some inputs; the caller frees them. `observer` is told of every layer. */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches: readonly TensorRef[],
    observer: Observer,
  ): Promise<tfjs.Tensor[]> {
    const engine = this.#tf.engine();
    engine.startScope();
    try {
      const { model } = this.#source;
      const inputs = model.inputs.map(({ layer }): Masked => {
        const value = toTfjs(this.#tf, layer, feeds[layer]);
        return { value: value.dtype === "int32" ? value : value.cast("float32"), mask: null };
      });
      const outputs = await this.#model(model, [], inputs, fetches, observer);
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
    observer: Observer,
  ): Promise<readonly Masked[]> {
    const results = new Map<string, readonly Masked[]>();
    model.inputs.forEach((ref, index) => {
      const input = inputs[index];
      if (input !== undefined) results.set(callKey(ref), [input]);
    });
    const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
    const order = executionOrder(model, fetches);
    for (const [index, ref] of order.entries()) {
      observer.watch(index, order.length);
      const layer = layers.get(ref.layer);
      const call = layer?.calls[ref.call];
      if (layer === undefined || call === undefined || results.has(callKey(ref))) continue;
      const given = call.inputs.map((each) => pick(results, each));
      const outputs = await this.#call(layer, [...path, layer.name], given, keywordsOf(call, results), observer);
      observer.recorder?.record(
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
    observer: Observer,
  ): Promise<readonly Masked[]> {
    if (layer.model !== null) return this.#model(layer.model, path, inputs, layer.model.outputs, observer);
    if (layer.className === "TimeDistributed" && layer.wrapped !== null) {
      return [await this.#distributed(layer.wrapped, path, inputs)];
    }
    const given: Given = {
      values: inputs.map(({ value }) => value),
      mask: keywords["mask"]?.[0]?.value ?? inputs[0]?.mask ?? null,
      states: [...inputs.slice(1), ...(keywords["initial_state"] ?? [])].map(({ value }) => value),
      weights: this.#source.weightsOf(path),
    };
    const outputs =
      layer.className === "Bidirectional"
        ? await this.#bidirectional(layer, path, given)
        : await this.#compute(layer, path, given);
    return outputs.map((value, index) => ({
      value,
      mask: index === 0 ? kerasMask(this.#tf, layer, inputs, this.#source.keras3) : null,
    }));
  }

  async #compute(layer: LayerSpec, path: readonly string[], given: Given): Promise<readonly tfjs.Tensor[]> {
    const { config, className } = layer;
    const { values, mask, states, weights } = given;
    const context = { tf: this.#tf, config, weights, keras3: this.#source.keras3, states };
    return KERAS_LAYERS.get(className)?.(context, values, mask) ?? (await this.#builtIn(layer, path, given));
  }

  /** Both directions, each by itself. Source: keras/src/layers/rnn/bidirectional.py. */
  async #bidirectional(
    { name, config }: LayerSpec,
    path: readonly string[],
    { values, mask, states, weights }: Given,
  ): Promise<readonly tfjs.Tensor[]> {
    const inner = innerLayer(config["layer"]);
    if (inner === null) throw new InferenceError(`layer ${name} wraps no layer`);
    const opposite = { ...inner.config, go_backwards: inner.config["go_backwards"] !== true };
    const back = innerLayer(config["backward_layer"]) ?? { className: inner.className, config: opposite };
    const sequences = inner.config["return_sequences"] === true;
    const half = states.length / 2;
    const run = async (scope: string, each: InnerLayer, from: number): Promise<readonly tfjs.Tensor[]> => {
      const own = { ...each.config, zero_output_for_mask: sequences };
      const spec = { name: scope, className: each.className, config: own, calls: [], model: null, wrapped: null };
      return this.#compute(spec, [...path, scope], {
        values: values.slice(0, 1),
        mask,
        states: states.slice(from, from + half),
        weights: weights.within(scope),
      });
    };
    const [forward, ...forwardStates] = await run("forward", inner, 0);
    const [last, ...backwardStates] = await run("backward", back, half);
    if (forward === undefined || last === undefined) throw new InferenceError(`layer ${name} has no output`);
    const backward = sequences ? this.#tf.reverse(last, 1) : last;
    const outputs = merged(this.#tf, new ConfigReader(config), forward, backward);
    return [...outputs, ...forwardStates, ...backwardStates];
  }

  /** The wrapped layer on each step. */
  async #distributed(wrapped: LayerSpec, path: readonly string[], inputs: readonly Masked[]): Promise<Masked> {
    const [input] = inputs;
    if (input === undefined) throw new InferenceError(`layer ${path.join("/")} has no input`);
    const outputs: tfjs.Tensor[] = [];
    for (const value of this.#tf.unstack(input.value, 1)) {
      const [output] = await this.#call(wrapped, [...path, wrapped.name], [{ value, mask: null }], {}, UNOBSERVED);
      if (output !== undefined) outputs.push(output.value);
    }
    return { value: this.#tf.stack(outputs, 1), mask: input.mask };
  }

  async #builtIn(
    layer: LayerSpec,
    path: readonly string[],
    { values, mask, states, weights }: Given,
  ): Promise<readonly tfjs.Tensor[]> {
    const recurrent = isRecurrent(layer.className);
    const [first] = values;
    if (first === undefined) throw new InferenceError(`layer ${path.join("/")} has no input`);
    const own = recurrent ? [first] : values;
    const built = await this.#layer(layer, path, own, weights);
    const initial = recurrent && states.length > 0 ? { initialState: [...states] } : {};
    const output = built.call(own.length === 1 ? first : [...own], { ...(mask === null ? {} : { mask }), ...initial });
    const outputs = Array.isArray(output) ? output : [output];
    if (mask === null || layer.config["zero_output_for_mask"] !== true) return outputs;
    const kept = mask.cast("float32");
    const inOrder = layer.config["go_backwards"] === true ? this.#tf.reverse(kept, 1) : kept;
    return outputs.map((each, index) => (index === 0 ? withoutMasked(each, inOrder) : each));
  }

  /** The layer, built for inputs of these ranks, with the model's weights. */
  async #layer(
    { className, config, name }: LayerSpec,
    path: readonly string[],
    inputs: readonly tfjs.Tensor[],
    weights: LayerWeights,
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
    layer.setWeights(this.#weights({ className, config }, weights));
    this.#layers.set(key, layer);
    return layer;
  }

  #weights(layer: InnerLayer, weights: LayerWeights): tfjs.Tensor[] {
    return (expectedWeights(layer) ?? []).map(({ scope, name }) => {
      const own = scope.reduce((outer, child) => outer.within(child), weights);
      return toTfjs(this.#tf, name, own.get(name));
    });
  }
}

const UNOBSERVED: Observer = { watch: () => undefined, recorder: null };

/** What a layer is called with. */
interface Given {
  readonly values: readonly tfjs.Tensor[];
  readonly mask: tfjs.Tensor | null;
  /** Initial states of a recurrent layer. */
  readonly states: readonly tfjs.Tensor[];
  readonly weights: LayerWeights;
}

/** Zeros where a mask of numbers [N, T] is 0. */
function withoutMasked(sequence: tfjs.Tensor, mask: tfjs.Tensor): tfjs.Tensor {
  const spread = [...mask.shape, ...sequence.shape.slice(mask.rank).map(() => 1)];
  return sequence.mul(mask.reshape(spread));
}

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
