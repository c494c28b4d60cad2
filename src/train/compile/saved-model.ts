import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import protobuf from "protobufjs";

import type { Attribute, Graph, GraphNode, TensorType } from "./graph.ts";
import { nameOf, portOf } from "./graph.ts";
import type { Binding } from "./native.ts";

/** The part of TensorFlow's saved_model.proto, meta_graph.proto, graph.proto and friends that a bare graph needs. */
const SCHEMA = `syntax = "proto3";
message SavedModel { int64 saved_model_schema_version = 1; repeated MetaGraphDef meta_graphs = 2; }
message MetaGraphDef {
  message MetaInfoDef { repeated string tags = 4; }
  MetaInfoDef meta_info_def = 1;
  GraphDef graph_def = 2;
}
message GraphDef { repeated NodeDef node = 1; VersionDef versions = 4; }
message VersionDef { int32 producer = 1; }
message NodeDef { string name = 1; string op = 2; repeated string input = 3; map<string, AttrValue> attr = 5; }
message AttrValue {
  message ListValue { repeated int64 i = 3 [packed = true]; repeated float f = 4 [packed = true]; repeated bool b = 5 [packed = true]; }
  oneof value {
    ListValue list = 1; bytes s = 2; int64 i = 3; float f = 4; bool b = 5; int32 type = 6;
    TensorShapeProto shape = 7; TensorProto tensor = 8;
  }
}
message TensorShapeProto { message Dim { int64 size = 1; } repeated Dim dim = 2; }
message TensorProto { int32 dtype = 1; TensorShapeProto tensor_shape = 2; bytes tensor_content = 4; repeated bytes string_val = 8; }
`;

/** The version of GraphDef that TensorFlow 2 writes (TF_GRAPH_DEF_VERSION of any release since 2.13). */
const GRAPH_VERSION = 1482;

const savedModel = protobuf.parse(SCHEMA, { keepCase: true }).root.lookupType("SavedModel");

/** The bytes of a saved_model.pb with one graph, tagged `serve`. */
export function encodeSavedModel(graph: Graph): Uint8Array {
  const graphDef = { node: graph.nodes.map(encodeNode), versions: { producer: GRAPH_VERSION } };
  return savedModel
    .encode({
      saved_model_schema_version: 1,
      meta_graphs: [{ meta_info_def: { tags: ["serve"] }, graph_def: graphDef }],
    })
    .finish();
}

function encodeNode({ name, op, inputs, controls, attributes }: GraphNode): object {
  const attr = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, encodeAttribute(value)]));
  const data = inputs.map((ref) => (portOf(ref) === 0 ? nameOf(ref) : ref));
  return { name, op, input: [...data, ...controls.map((control) => `^${control}`)], attr };
}

function encodeAttribute(attribute: Attribute): object {
  switch (attribute.kind) {
    case "type":
      return { type: attribute.value };
    case "int":
      return { i: attribute.value };
    case "ints":
      return { list: { i: attribute.value } };
    case "float":
      return { f: attribute.value };
    case "floats":
      return { list: { f: attribute.value } };
    case "bool":
      return { b: attribute.value };
    case "bools":
      return { list: { b: attribute.value } };
    case "string":
      return { s: new TextEncoder().encode(attribute.value) };
    case "shape":
      return { shape: encodeShape(attribute.value) };
    case "tensor":
      return { tensor: { ...encodeType(attribute.type), tensor_content: attribute.bytes } };
    case "strings":
    default:
      return { tensor: { ...encodeType(attribute.type), string_val: attribute.values } };
  }
}

function encodeType({ dtype, shape }: TensorType): object {
  return { dtype, tensor_shape: encodeShape(shape) };
}

function encodeShape(shape: readonly number[]): object {
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
