import { ExportError, ModelFormatError, ToolError, UnsupportedLayersError, type UnsupportedLayer } from "../errors.ts";
import type { DType } from "../tensor.ts";

import type { BindContext, BoundLayer, Flow, LayerConverter, RecurrentForm } from "./converter.ts";
import { GraphBuilder } from "./onnx/builder.ts";
import type { Dim } from "./onnx/dims.ts";
import type { Value } from "./onnx/value.ts";
import { ConfigReader } from "./source/config.ts";
import type { Call, LayersSource, LayerSpec, ModelSpec, TensorRef } from "./source/model.ts";

export interface ConvertOptions {
  readonly opset: number;
  readonly recurrentForm: RecurrentForm;
  /** Converters by class name: the built-in ones and those of the user. */
  readonly registry: ReadonlyMap<string, LayerConverter>;
  /** Size of the batch axis; without it as the model has it, symbolic where that is free. */
  readonly batch: number | null;
  /** Whole shapes for inputs by name, to fix free dimensions. */
  readonly inputShapes: ReadonlyMap<string, readonly number[]>;
  /** Layers whose outputs to give instead of the model's own; nested ones as `encoder/dense`. */
  readonly outputs: readonly string[] | null;
}

/** One layer call's output tensors in the order they are computed. */
export interface ConvertedCall {
  /** The layer's path through nested models: `encoder/conv1`. */
  readonly path: string;
  readonly className: string;
  readonly call: number;
  readonly values: readonly Value[];
}

export interface Converted {
  readonly graph: GraphBuilder;
  readonly inputs: readonly NamedValue[];
  readonly outputs: readonly NamedValue[];
  readonly calls: readonly ConvertedCall[];
}

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

/**
 * Turn a model of layers into a graph.
 *
 * @throws {UnsupportedLayersError} naming every layer that has no converter or a configuration that cannot be honoured.
 * @throws {ExportError} on the first layer whose weights or inputs cannot be honoured.
 */
export function convert(source: LayersSource, options: ConvertOptions): Converted {
  const bound = bindAll(source, options);
  const graph = new GraphBuilder(options.opset);
  const inputs = source.model.inputs.map((ref) => graphInput(graph, source.model, ref, options));
  for (const name of outputNames(source.model)) graph.reserve(name);
  const calls: ConvertedCall[] = [];
  const run = new ModelRun(source, bound, graph, calls);
  const flows = inputs.map(({ value }): Flow => ({ value, mask: null }));
  const outputs =
    options.outputs === null
      ? nameOutputs(source.model, run.model(source.model, [], flows))
      : requestedOutputs(run, source, flows, calls, options.outputs);
  return { graph, inputs, outputs, calls };
}

type Bound = ReadonlyMap<LayerSpec, BoundLayer>;

/** Read every layer's configuration, so that all that is unsupported is named at once. */
function bindAll(source: LayersSource, options: ConvertOptions): Bound {
  const bound = new Map<LayerSpec, BoundLayer>();
  const unsupported: UnsupportedLayer[] = [];
  const context: BindContext = {
    keras3: source.keras3,
    recurrentForm: options.recurrentForm,
    bind(className, config) {
      const converter = options.registry.get(className);
      if (converter === undefined) throw new ExportError(noConverter(className));
      return converter.bind(config, context);
    },
  };
  const visit = (model: ModelSpec, path: readonly string[]): void => {
    for (const layer of model.layers) {
      const here = [...path, layer.name];
      if (layer.model !== null) visit(layer.model, here);
      else if (layer.className !== "InputLayer") {
        try {
          bound.set(layer, context.bind(layer.className, new ConfigReader(layer.config)));
        } catch (error) {
          if (!(error instanceof ToolError)) throw error;
          unsupported.push({ layer: here.join("/"), className: layer.className, reason: error.message });
        }
      }
    }
  };
  visit(source.model, []);
  if (unsupported.length > 0) {
    throw new UnsupportedLayersError(
      unsupported,
      "docs/layers.md lists what is supported; registerLayer adds a converter for a layer of your own",
    );
  }
  return bound;
}

function noConverter(className: string): string {
  return `there is no converter for layers of class ${className}`;
}

/** Evaluates the calls of a model's layers, each once, when something needs it. */
class ModelRun {
  readonly #source: LayersSource;
  readonly #bound: Bound;
  readonly #graph: GraphBuilder;
  readonly #calls: ConvertedCall[];

  constructor(source: LayersSource, bound: Bound, graph: GraphBuilder, calls: ConvertedCall[]) {
    this.#source = source;
    this.#bound = bound;
    this.#graph = graph;
    this.#calls = calls;
  }

  /** The outputs of one model applied to `inputs`. */
  model(spec: ModelSpec, path: readonly string[], inputs: readonly Flow[]): readonly Flow[] {
    const results = this.tensors(spec, path, inputs, spec.outputs);
    return spec.outputs.map((ref) => pick(results, ref));
  }

  /** Everything that `wanted` needs, by layer and call. */
  tensors(
    spec: ModelSpec,
    path: readonly string[],
    inputs: readonly Flow[],
    wanted: readonly TensorRef[],
  ): ReadonlyMap<string, readonly Flow[]> {
    const layers = new Map(spec.layers.map((layer) => [layer.name, layer]));
    const results = new Map<string, readonly Flow[]>();
    spec.inputs.forEach((ref, index) => {
      const flow = inputs[index];
      if (flow === undefined) throw new ExportError(`${spec.inputs.length} inputs are needed, ${inputs.length} given`);
      results.set(keyOf(ref), [flow]);
    });
    const stack = wanted.toReversed();
    while (stack.length > 0) {
      const ref = stack.at(-1);
      if (ref === undefined) break;
      if (results.has(keyOf(ref))) {
        stack.pop();
        continue;
      }
      const layer = layers.get(ref.layer);
      const call = layer?.calls[ref.call];
      if (layer === undefined || call === undefined) {
        throw new ModelFormatError(`layer ${ref.layer} is used, but the model does not apply it to anything`);
      }
      const missing = dependencies(call).filter((each) => !results.has(keyOf(each)));
      if (missing.length > 0) {
        stack.push(...missing.toReversed());
        continue;
      }
      stack.pop();
      const flows = this.#call(layer, call, ref.call, [...path, layer.name], results);
      results.set(keyOf(ref), flows);
    }
    return results;
  }

  #call(
    layer: LayerSpec,
    call: Call,
    index: number,
    path: readonly string[],
    results: ReadonlyMap<string, readonly Flow[]>,
  ): readonly Flow[] {
    const inputs = call.inputs.map((ref) => pick(results, ref));
    const scope = index === 0 ? layer.name : `${layer.name}_${index}`;
    const flows = this.#graph.within(scope, () => {
      if (layer.model !== null) return this.model(layer.model, path, inputs);
      return inLayer(path, layer.className, () => {
        const bound = this.#bound.get(layer);
        if (bound === undefined) throw new ExportError(noConverter(layer.className));
        const keywords: Record<string, readonly Flow[]> = {};
        for (const [key, argument] of Object.entries(call.kwargs)) {
          if (argument.kind === "tensors") keywords[key] = argument.refs.map((ref) => pick(results, ref));
        }
        const context = { graph: this.#graph, weights: this.#source.weightsOf(path), keywords };
        return bound.emit(context, inputs);
      });
    });
    for (const { value } of flows) this.#graph.learnSymbols(value);
    this.#calls.push({
      path: path.join("/"),
      className: layer.className,
      call: index,
      values: flows.map(({ value }) => value),
    });
    return flows;
  }
}

function dependencies(call: Call): TensorRef[] {
  const keywords = Object.values(call.kwargs).flatMap((argument) => (argument.kind === "tensors" ? argument.refs : []));
  return [...call.inputs, ...keywords];
}

function keyOf(ref: TensorRef): string {
  return `${ref.call}:${ref.layer}`;
}

function pick(results: ReadonlyMap<string, readonly Flow[]>, ref: TensorRef): Flow {
  const flow = results.get(keyOf(ref))?.[ref.tensor];
  if (flow === undefined) {
    throw new ModelFormatError(`layer ${ref.layer} has no output ${ref.tensor} of its call ${ref.call}`);
  }
  return flow;
}

/** Say where: converters state the fault, this adds the layer. */
function inLayer<T>(path: readonly string[], className: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (!(cause instanceof ToolError)) throw cause;
    const message = `layer ${path.join("/")} (${className}): ${cause.message}`;
    const options = { cause, ...(cause.hint === undefined ? {} : { hint: cause.hint }) };
    throw cause instanceof ModelFormatError
      ? new ModelFormatError(message, options)
      : new ExportError(message, options);
  }
}

const AXIS_NAMES: Readonly<Record<number, readonly string[]>> = {
  1: [],
  2: ["length"],
  3: ["time", "features"],
  4: ["height", "width", "channels"],
  5: ["depth", "height", "width", "channels"],
};

function graphInput(graph: GraphBuilder, model: ModelSpec, ref: TensorRef, options: ConvertOptions): NamedValue {
  const layer = model.layers.find(({ name }) => name === ref.layer);
  if (layer === undefined) throw new ModelFormatError(`the model's input ${ref.layer} is not one of its layers`);
  return inLayer([layer.name], layer.className, () => {
    const config = new ConfigReader(layer.config);
    const shape = config.shape("batch_input_shape");
    const names = AXIS_NAMES[shape.length] ?? shape.slice(1).map((_, axis) => `axis${axis + 1}`);
    const several = model.inputs.length > 1;
    const dims = shape.map((dim, axis): Dim => {
      if (axis === 0) return dim ?? "batch";
      const name = names[axis - 1] ?? `axis${axis}`;
      return dim ?? (several ? `${layer.name}_${name}` : name);
    });
    if (options.batch !== null) dims[0] = options.batch;
    const fixed = fixDims(layer.name, dims, options.inputShapes.get(layer.name));
    return { name: layer.name, value: graph.input(layer.name, inputType(config), fixed) };
  });
}

function fixDims(name: string, dims: readonly Dim[], shape: readonly number[] | undefined): readonly Dim[] {
  if (shape === undefined) return dims;
  const fits =
    shape.length === dims.length && dims.every((dim, axis) => typeof dim === "string" || dim === shape[axis]);
  if (fits) return shape;
  throw new ExportError(`the shape [${shape.join(", ")}] does not fit input ${name} of shape [${dims.join(", ")}]`, {
    hint: "give every dimension, and change only those that are free (named)",
  });
}

function inputType(config: ConfigReader): DType {
  return config.oneOf("dtype", ["float32", "int32", "bool"], "float32");
}

/** Names of the model's outputs as TF.js has them: those of the layers, told apart where one layer gives several. */
function outputNames(model: ModelSpec): string[] {
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

function nameOutputs(model: ModelSpec, flows: readonly Flow[]): NamedValue[] {
  const names = outputNames(model);
  return flows.map(({ value }, index) => ({ name: names[index] ?? "", value }));
}

/** Outputs of layers named by the user. */
function requestedOutputs(
  run: ModelRun,
  source: LayersSource,
  inputs: readonly Flow[],
  calls: readonly ConvertedCall[],
  requested: readonly string[],
): NamedValue[] {
  const { model } = source;
  const roots = new Set(requested.map((path) => path.split("/")[0] ?? ""));
  const refs = model.layers
    .filter(({ name }) => roots.has(name) || requested.includes(name))
    .flatMap((layer) => layer.calls.map((_, call) => ({ layer: layer.name, call, tensor: 0 })));
  run.tensors(model, [], inputs, refs);
  const named: NamedValue[] = [];
  for (const path of requested) {
    const found = calls.filter((call) => call.path === path).flatMap(({ values }) => values);
    if (found.length === 0) {
      throw new ExportError(`no layer ${path} whose output could be given`, {
        hint: `layers: ${model.layers.map(({ name }) => name).join(", ")}`,
      });
    }
    found.forEach((value, index) => named.push({ name: index === 0 ? path : `${path}_${index}`, value }));
  }
  return named;
}
