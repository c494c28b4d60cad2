import { ModelFormatError } from "../../../errors.ts";
import { sizeOf } from "../../../tensor.ts";
import {
  isJsonObject,
  isObject,
  parseJson,
  plainJson,
  quoted,
  shown,
  type Json,
  type JsonObject,
} from "../../source/json.ts";
import type { GraphWeight, RawModel } from "../../source/model.ts";
import {
  quantizationsOf,
  readGraphWeights,
  readWeightsManifest,
  type Quantization,
  type StoredWeight,
} from "../../source/weights.ts";

import type { AttributeShape } from "./attributes.ts";
import type { GraphDType } from "./dtype.ts";
import { readFunctions, type GraphFunction } from "./functions.ts";
import type { GraphNode, NodeOutput } from "./node.ts";
import { readNodes, type GraphNodes } from "./nodes.ts";
import { readOutputKeys, readSignature, type Signature, type SignatureEntry } from "./signature.ts";

/** An input of the model: a Placeholder. */
export interface GraphInput {
  /** As users of TF.js name it: by the signature, else by the node. */
  readonly name: string;
  /** The Placeholder. */
  readonly node: string;
  readonly dtype: GraphDType;
  /** Null sizes are free; null: any rank. */
  readonly shape: AttributeShape;
  /** Whether the signature lists it. */
  readonly listed: boolean;
}

export interface GraphOutput {
  /** As users of TF.js name it: by the structured outputs, else by the signature, else by the node. */
  readonly name: string;
  readonly source: NodeOutput;
}

/** What fills a hash table: a LookupTableImport or InitializeTable of the model's initializer. */
export interface TableContents {
  readonly keys: NodeOutput;
  readonly values: NodeOutput;
}

/** A TF.js GraphModel, read and checked. */
export interface GraphSource {
  readonly kind: "graph";
  readonly nodes: GraphNodes;
  readonly functions: ReadonlyMap<string, GraphFunction>;
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly GraphOutput[];
  /** Nodes of `modelInitializer`, which run once before the model. */
  readonly initializer: GraphNodes;
  /** The hash tables that the initializer fills, by the name of their node, which the graph has as well. */
  readonly tables: ReadonlyMap<string, TableContents>;
  /** Placeholders of the graph that stand for a resource, with the initializer's node that makes it. */
  readonly resources: ReadonlyMap<string, string>;
  /** Weights by the name of their Const node. */
  readonly weights: ReadonlyMap<string, StoredWeight<GraphWeight>>;
  /** `generatedBy`, `convertedBy` and `userDefinedMetadata` of the file. */
  readonly generatedBy: string | null;
  readonly convertedBy: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Sum of the sizes of all weights. */
  readonly parameters: number;
  /** The distinct ways in which float32 weights are quantised; none for a model whose weights are stored as they are. */
  readonly quantizations: readonly Quantization[];
}

/**
 * Read a TF.js GraphModel, of any version of the converter.
 *
 * @throws {ModelFormatError} when the model is incomplete, contradicts itself, or is none.
 */
export function readGraphModel({ manifest, weights: bytes }: RawModel): GraphSource {
  if (!isObject(manifest)) throw new ModelFormatError(`a model.json must hold an object; got ${shown(manifest)}`);
  const part = (key: string): Json | undefined => {
    const value = Object.hasOwn(manifest, key) ? (manifest[key] ?? undefined) : undefined;
    if (value === undefined) return undefined;
    return plainJson(typeof value === "string" && key === "modelTopology" ? parseJson(value, key) : value, key);
  };
  const topology = part("modelTopology");
  if (!isJsonObject(topology)) {
    throw new ModelFormatError(`modelTopology must be an object that describes a graph; got ${shown(topology)}`);
  }
  const metadata = part("userDefinedMetadata") ?? {};
  if (!isJsonObject(metadata)) {
    throw new ModelFormatError(`userDefinedMetadata must be an object; got ${shown(metadata)}`);
  }
  const nodes = readNodes(own(topology, "node"), "modelTopology.node");
  if (nodes.size === 0) throw new ModelFormatError("the model has no nodes (modelTopology.node)");
  const signature = readSignature(own(metadata, "signature") ?? part("signature"), "signature");
  const initializer = readNodes(initializerNodes(part("modelInitializer")), "modelInitializer.node");
  const initializerSignature = readSignature(part("initializerSignature"), "initializerSignature");
  const weights = readAllWeights(part("weightsManifest"), bytes);
  const { signature: _, ...rest } = metadata;
  return {
    kind: "graph",
    nodes,
    functions: readFunctions(own(topology, "library")),
    inputs: readInputs(nodes, signature),
    outputs: readOutputs(nodes, signature, readOutputKeys(own(metadata, "structuredOutputKeys"))),
    initializer,
    tables: readTables(initializer),
    resources: readResources(signature, initializerSignature, initializer),
    weights,
    generatedBy: text(part("generatedBy")),
    convertedBy: text(part("convertedBy")),
    metadata: rest,
    parameters: [...weights.values()].reduce((sum, weight) => sum + sizeOf(weight.dims), 0),
    quantizations: quantizationsOf(weights.values()),
  };
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;
}

function text(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function initializerNodes(value: Json | undefined): Json | undefined {
  return isJsonObject(value) ? own(value, "node") : undefined;
}

function readAllWeights(
  manifest: Json | undefined,
  bytes: Uint8Array | null,
): ReadonlyMap<string, StoredWeight<GraphWeight>> {
  const groups = readWeightsManifest(manifest);
  if (bytes === null && groups.some(({ specs }) => specs.length > 0)) {
    throw new ModelFormatError(
      "the model's weight data is missing: weightsManifest lists weights, but no data was given",
    );
  }
  const weights = new Map<string, StoredWeight<GraphWeight>>();
  for (const weight of bytes === null ? [] : readGraphWeights(groups, bytes)) {
    if (weights.has(weight.name)) throw new ModelFormatError(`two weights have the name ${quoted(weight.name)}`);
    weights.set(weight.name, weight);
  }
  return weights;
}

/** As `inputs` and `inputNodes` of a tf.GraphModel: those of the signature, else all Placeholders. */
function readInputs(nodes: GraphNodes, signature: Signature): readonly GraphInput[] {
  const listed = signature.inputs.flatMap((entry) => {
    const node = nodes.get(entry.tensor.node);
    return node === undefined || entry.resource !== null ? [] : [readInput(node, inputName(entry), entry)];
  });
  const names = new Set(listed.map(({ node }) => node));
  const resources = new Set(
    signature.inputs.flatMap(({ tensor, resource }) => (resource === null ? [] : [tensor.node])),
  );
  const others = [...nodes.values()].filter(({ name, op }) => {
    if (names.has(name) || resources.has(name)) return false;
    // One with a default is fed only where the signature says so.
    return op === "Placeholder";
  });
  return [...listed, ...others.map((node) => readInput(node, node.name, null))];
}

/** A key that is only the name of the tensor (`input_1:0`) is the node's name. */
function inputName({ key, tensor }: SignatureEntry): string {
  return key === `${tensor.node}:0` ? tensor.node : key;
}

function readInput({ name: node, op, attributes }: GraphNode, name: string, entry: SignatureEntry | null): GraphInput {
  const isPlaceholder = op.startsWith("Placeholder");
  const dtype = isPlaceholder && attributes.has("dtype") ? attributes.dtype("dtype") : (entry?.dtype ?? null);
  if (dtype === null) {
    throw new ModelFormatError(`the input ${quoted(name)} has no element type (node ${node}, attribute dtype)`);
  }
  const shape = isPlaceholder ? attributes.shape("shape", null) : null;
  return { name, node, dtype, shape: shape ?? entry?.shape ?? null, listed: entry !== null };
}

/** As `outputs` and `outputNodes` of a tf.GraphModel: those of the signature, else all nodes that no other node reads. */
function readOutputs(nodes: GraphNodes, signature: Signature, keys: readonly string[] | null): readonly GraphOutput[] {
  const listed = signature.outputs.filter(({ tensor }) => nodes.has(tensor.node));
  const missing = signature.outputs.find(({ tensor }) => !nodes.has(tensor.node));
  if (missing !== undefined && listed.length === 0) {
    throw new ModelFormatError(`the output ${quoted(missing.key)} is not in the graph (signature.outputs)`);
  }
  const named =
    listed.length > 0
      ? listed.map((entry) => ({ name: inputName(entry), source: entry.tensor }))
      : sinksOf(nodes).map((node) => ({ name: node, source: { node, output: 0 } }));
  if (named.length === 0) throw new ModelFormatError("the model has no outputs: every node is read by another");
  return named.map(({ name, source }, index) => ({ name: keys?.[index] ?? name, source }));
}

/** Operators that give nothing to read. */
const SILENT = new Set(["NoOp", "Assert", "Placeholder", "Const"]);

/** Nodes that compute something which nothing reads. */
function sinksOf(nodes: GraphNodes): readonly string[] {
  const read = new Set<string>();
  for (const { inputs, controls } of nodes.values()) {
    for (const { node } of inputs) read.add(node);
    for (const node of controls) read.add(node);
  }
  return [...nodes.values()].filter(({ name, op }) => !read.has(name) && !SILENT.has(op)).map(({ name }) => name);
}

function readTables(initializer: GraphNodes): ReadonlyMap<string, TableContents> {
  const tables = new Map<string, TableContents>();
  for (const { op, inputs } of initializer.values()) {
    const [table, keys, values] = inputs;
    if (
      !/^(LookupTableImport|InitializeTable)/.test(op) ||
      table === undefined ||
      keys === undefined ||
      values === undefined
    )
      continue;
    tables.set(originOf(initializer, table.node), { keys, values });
  }
  return tables;
}

/** The node that makes what a node of the initializer gives: Identity hands on what it is given. */
function originOf(initializer: GraphNodes, name: string): string {
  let origin = name;
  for (let steps = 0; steps < initializer.size; steps++) {
    const node = initializer.get(origin);
    const [input] = node?.inputs ?? [];
    if (node?.op !== "Identity" || input === undefined) break;
    origin = input.node;
  }
  return origin;
}

function readResources(
  signature: Signature,
  initializerSignature: Signature,
  initializer: GraphNodes,
): ReadonlyMap<string, string> {
  const makers = new Map(
    initializerSignature.outputs.map(({ resource, tensor }) => [resource, originOf(initializer, tensor.node)]),
  );
  const resources = new Map<string, string>();
  for (const { resource, tensor } of signature.inputs) {
    const maker = resource === null ? undefined : makers.get(resource);
    if (maker !== undefined) resources.set(tensor.node, maker);
  }
  return resources;
}
