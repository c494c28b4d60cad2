import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import type { Attribute, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from "../../onnx/model.ts";
import type { Tensor } from "../../tensor.ts";

import { MessageWriter } from "./wire.ts";

/** `AttributeProto.AttributeType`. */
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 } as const;

/** The bytes of an ONNX file. Field numbers are those of onnx.proto, in their order. */
export function serialize(model: OnnxModel): Uint8Array {
  const writer = new MessageWriter()
    .int(1, model.irVersion)
    .string(2, model.producerName)
    .string(3, model.producerVersion)
    .message(7, (graph) => writeGraph(graph, model.graph));
  for (const { domain, version } of opsets(model)) {
    writer.message(8, (opset) => opset.string(1, domain).int(2, version));
  }
  for (const [key, value] of model.metadata) {
    writer.message(14, (entry) => entry.string(1, key).string(2, value));
  }
  return writer.finish();
}

/** ONNX's own operator set, then every other that a node names (version 1). */
function opsets(model: OnnxModel): { readonly domain: string; readonly version: number }[] {
  const others = new Set<string>();
  const visit = (graph: OnnxGraph): void => {
    for (const node of graph.nodes) {
      if (node.domain !== "") others.add(node.domain);
      for (const attribute of Object.values(node.attributes)) if (attribute.type === "graph") visit(attribute.value);
    }
  };
  visit(model.graph);
  return [{ domain: "", version: model.opset }, ...Array.from(others, (domain) => ({ domain, version: 1 }))];
}

/** `GraphProto`. */
function writeGraph(writer: MessageWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) writer.message(1, (each) => writeNode(each, node));
  writer.string(2, graph.name);
  for (const [name, tensor] of graph.initializers) writer.message(5, (each) => writeTensor(each, name, tensor));
  for (const input of graph.inputs) writer.message(11, (each) => writeValueInfo(each, input));
  for (const output of graph.outputs) writer.message(12, (each) => writeValueInfo(each, output));
}

/** `NodeProto`. */
function writeNode(writer: MessageWriter, node: OnnxNode): void {
  for (const input of node.inputs) writer.string(1, input);
  for (const output of node.outputs) writer.string(2, output);
  writer.string(3, node.name).string(4, node.opType);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    writer.message(5, (each) => writeAttribute(each, name, attribute));
  }
  if (node.domain !== "") writer.string(7, node.domain);
}

/** `AttributeProto`. */
function writeAttribute(writer: MessageWriter, name: string, attribute: Attribute): void {
  writer.string(1, name);
  writeAttributeValue(writer, attribute);
  writer.int(20, ATTRIBUTE_TYPE[attribute.type]);
}

function writeAttributeValue(writer: MessageWriter, attribute: Attribute): void {
  switch (attribute.type) {
    case "float":
      writer.float(2, attribute.value);
      return;
    case "int":
      writer.int(3, attribute.value);
      return;
    case "string":
      writer.string(4, attribute.value);
      return;
    case "tensor":
      writer.message(5, (tensor) => writeTensor(tensor, "", attribute.value));
      return;
    case "graph":
      writer.message(6, (graph) => writeGraph(graph, attribute.value));
      return;
    case "floats":
      for (const value of attribute.value) writer.float(7, value);
      return;
    case "ints":
      for (const value of attribute.value) writer.int(8, value);
      return;
    case "strings":
      for (const value of attribute.value) writer.string(9, value);
      return;
    default:
      attribute satisfies never;
  }
}

/** `TensorProto`. */
function writeTensor(writer: MessageWriter, name: string, tensor: Tensor): void {
  for (const dim of tensor.dims) writer.int(1, dim);
  writer.int(2, ELEMENT_TYPE[tensor.dtype]);
  if (tensor.dtype === "string") {
    for (const text of tensor.data) writer.string(6, text);
    writer.string(8, name);
    return;
  }
  const { buffer, byteOffset, byteLength } = tensor.data;
  writer.string(8, name).bytes(9, new Uint8Array(buffer, byteOffset, byteLength));
}

/** `ValueInfoProto` of a tensor. */
function writeValueInfo(writer: MessageWriter, { name, dtype, dims }: OnnxValueInfo): void {
  writer.string(1, name).message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.int(1, ELEMENT_TYPE[dtype]);
      if (dims !== null) tensor.message(2, (shape) => writeShape(shape, dims));
    }),
  );
}

/** `TensorShapeProto`. */
function writeShape(writer: MessageWriter, dims: readonly (number | string)[]): void {
  for (const dim of dims) {
    writer.message(1, (each) => (typeof dim === "number" ? each.int(1, dim) : each.string(2, dim)));
  }
}
