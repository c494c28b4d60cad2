import { ExportError, ModelFormatError, ToolError, UnsupportedLayersError, type UnsupportedLayer } from "../errors.ts";

import {
  typeOf,
  type BindContext,
  type BoundLayer,
  type MaskedValue,
  type LayerConverter,
  type RecurrentForm,
} from "./converter.ts";
import { executionOrder } from "./execution-order.ts";
import { rulesOf } from "./follows-keras.ts";
import { inputType } from "./input-type.ts";
import { inLayer, ModelRun, noConverter, wrappedModel, type Bound, type ConvertedCall } from "./model-run.ts";
import { GraphBuilder } from "./build/builder.ts";
import type { NamedValue } from "./build/finish.ts";
import { asNumber, dim as toDim, isNumber, show, showShape, type Dim } from "../onnx/dim.ts";
import type { Value } from "./ir/value.ts";
import type { Fed } from "./input-feed.ts";
import { axisName, expectInputs, fixSizes, type NetworkOptions } from "./network-inputs.ts";
import { everyTap, fetchesOf, requestedLayers, tapsOf, type Tap } from "./requested-outputs.ts";
import { expectSaneShape } from "./sane-shape.ts";
import { ConfigReader } from "./source/config.ts";
import { at } from "../require.ts";
import type { LayersSource, LayerSpec, ModelSpec, TensorRef } from "./source/model.ts";

export interface ConvertOptions extends NetworkOptions {
  readonly recurrentForm: RecurrentForm;
  /** Converters by class name: the built-in ones and those of the user. */
  readonly registry: ReadonlyMap<string, LayerConverter>;
  /** Classes that are not converted, each with the reason. */
  readonly refusals: ReadonlyMap<string, string>;
  /** Layers whose outputs to give instead of the model's own: `conv1`, nested `encoder/dense`, a second call `shared:1`. */
  readonly outputs: readonly string[] | null;
  /** Give the output of every call of every layer instead. */
  readonly everyLayer: boolean;
}

export interface Converted {
  readonly graph: GraphBuilder;
  readonly inputs: readonly NamedValue[];
  readonly outputs: readonly NamedValue[];
  /** Where each output comes from, when the user asked for some layers' outputs instead of the model's. */
  readonly taps: readonly Tap[] | null;
  readonly calls: readonly ConvertedCall[];
  /** Notes for the user about the model. */
  readonly notes: readonly string[];
}

/**
 * Turn a model of layers into a graph.
 *
 * @throws {UnsupportedLayersError} naming every layer that has no converter or a configuration that is not supported.
 * @throws {ExportError} on the first layer whose weights or inputs are not supported.
 */
export function convert(source: LayersSource, options: ConvertOptions): Converted {
  const { model } = source;
  expectInputs(
    model.inputs.map(({ layer }) => layer),
    options.inputShapes,
  );
  const requested = options.outputs === null ? null : requestedLayers(model, options.outputs);
  const fetches = requested === null ? model.outputs : fetchesOf(requested);
  const bound = bindAll(source, options, fetches);
  const notes = source.checkWeights();
  const graph = new GraphBuilder(options.opset);
  const feeds = model.inputs.map((ref) => graphInput(graph, model, ref, options));
  const inputs = feeds.map(({ input }) => input);
  for (const name of options.outputs ?? outputNames(model)) graph.reserve(name);
  const run = new ModelRun(source, bound, graph);
  const maskedValues = run.run(
    feeds.map(({ value }): MaskedValue => ({ value, mask: null })),
    fetches,
  );
  const taken = inputs.map(({ name }) => name);
  if (options.everyLayer) {
    const taps = everyTap(run.calls, taken);
    return { graph, inputs, outputs: taps, taps, calls: run.calls, notes: [...notes, ...run.notes] };
  }
  if (requested === null) {
    const typed = maskedValues.map((maskedValue) => graph.cast(maskedValue.value, typeOf(maskedValue)));
    return {
      graph,
      inputs,
      outputs: nameOutputs(model, typed),
      taps: null,
      calls: run.calls,
      notes: [...notes, ...run.notes],
    };
  }
  const taps = tapsOf(requested, run.calls, taken);
  return { graph, inputs, outputs: taps, taps, calls: run.calls, notes: [...notes, ...run.notes] };
}

/** Read the configuration of every layer that is needed, so that all that is unsupported is named at once. */
function bindAll(source: LayersSource, options: ConvertOptions, fetches: readonly TensorRef[]): Bound {
  const bound = new Map<LayerSpec, BoundLayer>();
  const unsupported: UnsupportedLayer[] = [];
  const rules = rulesOf(source);
  const contextOf = (modelClass: string | null): BindContext => ({
    rules,
    recurrentForm: options.recurrentForm,
    bind(className, config) {
      const converter = options.registry.get(className);
      if (converter !== undefined) return converter.bind(config, this);
      if (className === modelClass) return wrappedRunner(className);
      throw new ExportError(noConverter(className, options.refusals.get(className)));
    },
  });
  const needed = new Set(executionOrder(source.model, fetches).map(({ layer }) => layer));
  const visit = (layers: readonly LayerSpec[], path: readonly string[]): void => {
    for (const layer of layers) {
      const here = [...path, layer.name];
      if (layer.model !== null) visit(layer.model.layers, here);
      else if (layer.className !== "InputLayer") {
        const inner = wrappedModel(layer, here);
        if (inner !== null) visit(inner.model.layers, inner.path);
        try {
          const context = contextOf(inner?.className ?? null);
          bound.set(layer, context.bind(layer.className, new ConfigReader(layer.config)));
        } catch (error) {
          if (!(error instanceof ToolError)) throw error;
          unsupported.push({ layer: here.join("/"), className: layer.className, reason: error.message });
        }
      }
    }
  };
  visit(
    source.model.layers.filter(({ name }) => needed.has(name)),
    [],
  );
  if (unsupported.length > 0) {
    throw new UnsupportedLayersError(
      unsupported,
      "docs/layers.md lists what is supported; registerLayer, or --plugin on the command line, adds a converter for your own",
    );
  }
  return bound;
}

/** Stands for a wrapped model among the converters. */
function wrappedRunner(className: string): BoundLayer {
  return { className, emit: ({ wrapped, mask }, inputs) => wrapped?.(inputs, mask) ?? [] };
}

function graphInput(graph: GraphBuilder, model: ModelSpec, ref: TensorRef, options: ConvertOptions): Fed {
  const layer = model.layers.find(({ name }) => name === ref.layer);
  if (layer === undefined) throw new ModelFormatError(`the model's input ${ref.layer} is not one of its layers`);
  return inLayer([layer.name], layer.className, () => {
    const config = new ConfigReader(layer.config);
    const shape = config.shape("batch_input_shape");
    const several = model.inputs.length > 1;
    const dims = shape.map((dim, axis): Dim => {
      if (axis === 0) return toDim(dim ?? "batch");
      const name = axisName(shape.length, axis);
      return toDim(dim ?? (several ? `${layer.name}_${name}` : name));
    });
    dims[0] = batchSize(layer.name, toDim(ownBatch(model) ?? dims[0] ?? "batch"), options);
    const fixed = fixSizes(layer.name, dims, options.inputShapes.get(layer.name));
    expectSaneShape(fixed);
    if (fixed.some((size) => isNumber(size, 0))) {
      throw new ExportError(`an input of shape ${showShape(fixed)} holds nothing`);
    }
    return options.feed(graph, { name: layer.name, dtype: inputType(config), dims: fixed });
  });
}

/** The batch's size where one of the inputs fixes it, and the others leave it open: TF.js takes as many samples of each. */
function ownBatch(model: ModelSpec): number | null {
  const sizes = model.inputs.map((ref) => {
    const layer = model.layers.find(({ name }) => name === ref.layer);
    return layer === undefined ? null : (new ConfigReader(layer.config).shape("batch_input_shape")[0] ?? null);
  });
  const fixed = new Set(sizes.filter((size) => size !== null));
  const [only] = fixed;
  return fixed.size === 1 && only !== undefined ? only : null;
}

/** The batch's size where the user fixed it, by itself or in the shape of any input; all inputs have the same. */
function batchSize(name: string, own: Dim, { batch, inputShapes }: ConvertOptions): Dim {
  const [given] = [...inputShapes.values()].flatMap((shape) => shape.slice(0, 1));
  const wanted = batch ?? given;
  const known = asNumber(own);
  if (wanted === undefined || wanted === known) return own;
  if (known === null) return toDim(wanted);
  if (batch === null) return own;
  throw new ExportError(`input ${name} has batches of ${show(own)}, which the model fixes; got ${batch}`, {
    hint: "leave the size of the batch out",
  });
}

/** Names of the model's outputs as TF.js has them: those of the layers, made unique where one layer has several. */
export function outputNames(model: ModelSpec): string[] {
  const inputs = new Set(model.inputs.map(({ layer }) => layer));
  const used = new Set<string>();
  return model.outputs.map(({ layer }) => {
    const stem = inputs.has(layer) ? `${layer}_output` : layer;
    let name = stem;
    for (let count = 1; used.has(name) || inputs.has(name); count++) name = `${stem}_${count}`;
    used.add(name);
    return name;
  });
}

function nameOutputs(model: ModelSpec, values: readonly Value[]): NamedValue[] {
  const names = outputNames(model);
  return values.map((value, index) => ({ name: at(names, index), value }));
}
