import { ModelFormatError } from "../errors.ts";
import type { AnySource } from "../export/any-source.ts";
import type { ExportedModel, ExportedValue } from "../export/export-model.ts";
import type { GraphSource } from "../export/graph/source/graph-model.ts";
import { parseOutput } from "../export/graph/source/node-output.ts";
import { isObject } from "../export/source/json.ts";
import type { LayersSource, ModelSpec } from "../export/source/model.ts";
import type { DType } from "../tensor.ts";

/** Sizes of a tensor; null where free. */
export type Shape = readonly (number | null)[];

/** An input or output of a model as TF.js names it, and as the ONNX file does. */
export interface Port {
  /** `inputNodes` and `outputNodes` of a Graph model; the name of the layer of a Layers model. */
  readonly key: string;
  /** The node that it is, of a Graph model; the layer, of a Layers model. */
  readonly node: string;
  /** Which of the node's outputs. */
  readonly index: number;
  /** Null for what the ONNX file does not have: hash tables, inputs that no output needs. */
  readonly onnx: string | null;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A layer, as far as a user may ask after it. */
export interface LayerFacts {
  readonly name: string;
  readonly className: string;
  /** Of the first call; several for a layer with several outputs. */
  readonly outputShapes: readonly Shape[];
  readonly batchInputShape: Shape | null;
  readonly parameters: number;
}

/** What a loaded model tells of itself. It is kept beside the ONNX file, as JSON. */
export interface ModelFacts {
  readonly kind: "graph" | "layers";
  readonly name: string;
  readonly className: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Of the outermost model, in TF.js's order; none of a Graph model. */
  readonly layers: readonly LayerFacts[];
  readonly parameters: number;
}

/** Facts of a model that was exported whole, with its own outputs. */
export function factsOf(source: AnySource, exported: ExportedModel, manifest: unknown): ModelFacts {
  return source.kind === "graph" ? graphFacts(source, exported, manifest) : layersFacts(source, exported, manifest);
}

/** An entry of a Graph model's signature as TF.js reads it: the tensor's name comes first. */
type Entries = ReadonlyMap<string, string>;

/**
 * Names as TF.js gives them. Source: tfjs-converter, operations/operation_mapper.ts, `transformGraph`.
 */
function graphFacts(source: GraphSource, exported: ExportedModel, manifest: unknown): ModelFacts {
  const signature = signatureOf(manifest);
  const listedInputs = entriesOf(signature, "inputs");
  const listedOutputs = entriesOf(signature, "outputs");
  const inputs =
    listedInputs.size > 0
      ? ports(listedInputs, source)
      : [...source.nodes.values()]
          .filter(({ op }) => op.startsWith("Placeholder"))
          .map(({ name }) => ({ key: name, node: name, index: 0 }));
  const outputs =
    listedOutputs.size > 0
      ? ports(listedOutputs, source)
      : source.outputs.map(({ source: { node, output } }) => ({ key: node, node, index: output }));
  const given = new Map(exported.inputs.map((value) => [value.name, value]));
  const results = new Map(exported.outputs.map((value) => [value.name, value]));
  return {
    kind: "graph",
    name: "model",
    className: "GraphModel",
    inputs: inputs.map((port) => {
      const own = source.inputs.find(({ node }) => node === port.node);
      return described(port, own === undefined ? undefined : given.get(own.name));
    }),
    outputs: outputs.map((port) => {
      const tap = exported.taps?.find(({ path, tensor }) => path === port.node && tensor === port.index);
      return described(port, tap === undefined ? undefined : results.get(tap.name));
    }),
    layers: [],
    parameters: source.parameters,
  };
}

function described(port: Pick<Port, "key" | "node" | "index">, value: ExportedValue | undefined): Port {
  if (value === undefined) return { ...port, onnx: null, dtype: "float32", shape: [] };
  return { ...port, onnx: value.name, dtype: value.dtype, shape: shapeOf(value.dims) };
}

function ports(entries: Entries, source: GraphSource): Pick<Port, "key" | "node" | "index">[] {
  return [...entries].flatMap(([tensor, key]) => {
    const { node, output } = parseOutput(tensor);
    return source.nodes.has(node) ? [{ node, index: output, key }] : [];
  });
}

function signatureOf(manifest: unknown): unknown {
  if (!isObject(manifest)) return undefined;
  const metadata = manifest["userDefinedMetadata"];
  return (isObject(metadata) ? metadata["signature"] : undefined) ?? manifest["signature"];
}

function entriesOf(signature: unknown, part: "inputs" | "outputs"): Entries {
  const entries = isObject(signature) ? signature[part] : undefined;
  return new Map(
    Object.entries(isObject(entries) ? entries : {}).flatMap(([key, entry]) => {
      const name = isObject(entry) ? entry["name"] : undefined;
      return typeof name === "string" ? [[name, key] as const] : [];
    }),
  );
}

function layersFacts(source: LayersSource, exported: ExportedModel, manifest: unknown): ModelFacts {
  const { model } = source;
  const shapes = new Map<string, readonly Shape[]>();
  for (const { path, outputs } of exported.layers) if (!shapes.has(path)) shapes.set(path, outputs.map(shapeOf));
  for (const { name, dims } of exported.inputs) if (!shapes.has(name)) shapes.set(name, [shapeOf(dims)]);
  const port = (ref: ModelSpec["inputs"][number], value: ExportedValue | undefined): Port => {
    if (value === undefined) throw new ModelFormatError(`layer ${ref.layer} is not in the exported model`);
    return {
      key: ref.layer,
      node: ref.layer,
      index: ref.tensor,
      onnx: value.name,
      dtype: value.dtype,
      shape: shapeOf(value.dims),
    };
  };
  const className = classNameOf(manifest);
  return {
    kind: "layers",
    name: model.name,
    className,
    inputs: model.inputs.map((ref, index) => port(ref, exported.inputs[index])),
    outputs: model.outputs.map((ref, index) => port(ref, exported.outputs[index])),
    layers: inTfjsOrder(model, className === "Sequential" ? listedLayers(manifest) : null).map((layer) => ({
      name: layer.name,
      className: layer.className,
      outputShapes: shapes.get(layer.name) ?? [],
      batchInputShape: batchInputShape(layer.config["batch_input_shape"]),
      parameters: source.parametersOf(layer.name),
    })),
    parameters: source.parameters,
  };
}

/**
 * Layers as TF.js lists them: those of a Sequential as they are written, those of other models by their depth, the farthest from
 * the outputs first, and within a depth as the outputs reach them. Source: tfjs-layers, engine/container.ts.
 */
function inTfjsOrder(model: ModelSpec, listed: ReadonlySet<string> | null): readonly ModelSpec["layers"][number][] {
  if (listed !== null) return model.layers.filter(({ name }) => listed.has(name));
  const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
  const order = new Map<string, number>();
  const visited = new Set<string>();
  const reached: { readonly layer: string; readonly call: number }[] = [];
  const visit = (layer: string, call: number): void => {
    const key = JSON.stringify([layer, call]);
    if (visited.has(key)) return;
    visited.add(key);
    if (!order.has(layer)) order.set(layer, order.size);
    for (const input of layers.get(layer)?.calls[call]?.inputs ?? []) visit(input.layer, input.call);
    reached.push({ layer, call });
  };
  for (const { layer, call } of model.outputs) visit(layer, call);
  const callDepths = new Map<string, number>();
  const depths = new Map<string, number>();
  for (const { layer, call } of reached.toReversed()) {
    const key = JSON.stringify([layer, call]);
    const depth = Math.max(callDepths.get(key) ?? 0, depths.get(layer) ?? 0);
    depths.set(layer, depth);
    for (const input of layers.get(layer)?.calls[call]?.inputs ?? []) {
      const inner = JSON.stringify([input.layer, input.call]);
      callDepths.set(inner, Math.max(callDepths.get(inner) ?? 0, depth + 1));
    }
  }
  for (const { layer } of model.inputs) if (!depths.has(layer)) depths.set(layer, 0);
  const place = (name: string): number => order.get(name) ?? order.size;
  return model.layers.toSorted(
    (a, b) => (depths.get(b.name) ?? 0) - (depths.get(a.name) ?? 0) || place(a.name) - place(b.name),
  );
}

function batchInputShape(value: unknown): Shape | null {
  if (!Array.isArray(value)) return null;
  return value.map((size) => (typeof size === "number" ? size : null));
}

/** The model's own entry in a model.json: the topology, or `model_config` in it. */
function entryOf(manifest: unknown): Readonly<Record<string, unknown>> {
  const parsed = (value: unknown): unknown => (typeof value === "string" ? JSON.parse(value) : value);
  const outer = isObject(manifest) ? parsed(manifest["modelTopology"] ?? manifest) : {};
  const inner = isObject(outer) ? parsed(outer["model_config"] ?? outer) : {};
  return isObject(inner) ? inner : {};
}

function classNameOf(manifest: unknown): string {
  const name = entryOf(manifest)["class_name"];
  return typeof name === "string" ? name : "Model";
}

/** Names of the layers that the file of a Sequential lists. TF.js 1 wrote the list itself as the configuration. */
function listedLayers(manifest: unknown): ReadonlySet<string> {
  const config = entryOf(manifest)["config"];
  const list = isObject(config) ? config["layers"] : config;
  const names = (Array.isArray(list) ? list : []).map((layer: unknown) => {
    const own = isObject(layer) ? layer["config"] : undefined;
    return isObject(own) ? own["name"] : undefined;
  });
  return new Set(names.filter((name) => typeof name === "string"));
}

function shapeOf(dims: readonly (number | string | null)[]): Shape {
  return dims.map((size) => (typeof size === "number" ? size : null));
}
