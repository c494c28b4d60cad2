import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { tensorflow } from "../proto/generated/saved-model.js";

import type { Attribute, Graph, GraphNode, TensorType } from "./graph.ts";
import { nameOf, portOf } from "./graph.ts";
import type { Binding } from "./native.ts";

/** The version of GraphDef that TensorFlow 2 writes (TF_GRAPH_DEF_VERSION of any release since 2.13). */
const GRAPH_VERSION = 1482;

/** The bytes of a saved_model.pb with one graph, tagged `serve`. */
export function encodeSavedModel(graph: Graph): Uint8Array {
  const graphDef = { node: graph.nodes.map(encodeNode), versions: { producer: GRAPH_VERSION } };
  return tensorflow.SavedModel.encode({
    savedModelSchemaVersion: 1,
    metaGraphs: [{ metaInfoDef: { tags: ["serve"] }, graphDef }],
  }).finish();
}

function encodeNode({ name, op, inputs, controls, attributes }: GraphNode): tensorflow.NodeDef.$Properties {
  const attr = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, encodeAttribute(value)]));
  const data = inputs.map((ref) => (portOf(ref) === 0 ? nameOf(ref) : ref));
  return { name, op, input: [...data, ...controls.map((control) => `^${control}`)], attr };
}

function encodeAttribute(attribute: Attribute): tensorflow.AttrValue.$Properties {
  switch (attribute.kind) {
    case "type":
      return { type: attribute.value };
    case "int":
      return { i: attribute.value };
    case "ints":
      return { list: { i: [...attribute.value] } };
    case "float":
      return { f: attribute.value };
    case "floats":
      return { list: { f: [...attribute.value] } };
    case "bool":
      return { b: attribute.value };
    case "bools":
      return { list: { b: [...attribute.value] } };
    case "string":
      return { s: new TextEncoder().encode(attribute.value) };
    case "shape":
      return { shape: encodeShape(attribute.value) };
    case "tensor":
      return { tensor: { ...encodeType(attribute.type), tensorContent: attribute.bytes } };
    case "strings":
    default:
      return { tensor: { ...encodeType(attribute.type), stringVal: [...attribute.values] } };
  }
}

function encodeType({ dtype, shape }: TensorType): tensorflow.TensorProto.$Properties {
  return { dtype, tensorShape: encodeShape(shape) };
}

function encodeShape(shape: readonly number[]): tensorflow.TensorShapeProto.$Properties {
  return { dim: shape.map((size) => ({ size })) };
}

/** Hands a graph to TensorFlow by way of a folder that is gone when this returns. @returns the session's number */
export function loadGraph(binding: Binding, graph: Graph): number {
  const folder = mkdtempSync(path.join(tmpdir(), "tfjs-to-onnx-graph-"));
  try {
    writeFileSync(path.join(folder, "saved_model.pb"), encodeSavedModel(graph));
    return binding.loadSavedModel(folder, "serve");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
