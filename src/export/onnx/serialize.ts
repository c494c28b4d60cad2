import type { Tensor } from "../../tensor.ts";

import { ELEMENT_TYPE } from "./element-type.ts";
import type { Attribute, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from "./graph.ts";
import { onnx } from "./proto.js";

/** `AttributeProto.AttributeType`. */
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 } as const;

/** The bytes of an ONNX file. */
export function serialize(model: OnnxModel): Uint8Array {
  return onnx.ModelProto.encode({
    irVersion: model.irVersion,
    producerName: model.producerName,
    producerVersion: model.producerVersion,
    opsetImport: opsets(model),
    graph: graphProto(model.graph),
    metadataProps: Array.from(model.metadata, ([key, value]) => ({ key, value })),
  }).finish();
}

/** ONNX's own operator set, then every other that a node names (version 1). */
function opsets(model: OnnxModel): onnx.OperatorSetIdProto.$Properties[] {
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

function graphProto(graph: OnnxGraph): onnx.GraphProto.$Properties {
  return {
    name: graph.name,
    node: graph.nodes.map(nodeProto),
    initializer: Array.from(graph.initializers, ([name, tensor]) => tensorProto(name, tensor)),
    input: graph.inputs.map(valueInfoProto),
    output: graph.outputs.map(valueInfoProto),
  };
}

function nodeProto(node: OnnxNode): onnx.NodeProto.$Properties {
  return {
    opType: node.opType,
    name: node.name,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, attribute]) => attributeProto(name, attribute)),
    ...(node.domain === "" ? {} : { domain: node.domain }),
  };
}

function attributeProto(name: string, attribute: Attribute): onnx.AttributeProto.$Properties {
  const common = { name, type: ATTRIBUTE_TYPE[attribute.type] };
  switch (attribute.type) {
    case "int":
      return { ...common, i: attribute.value };
    case "float":
      return { ...common, f: attribute.value };
    case "string":
      return { ...common, s: utf8(attribute.value) };
    case "ints":
      return { ...common, ints: [...attribute.value] };
    case "floats":
      return { ...common, floats: [...attribute.value] };
    case "strings":
      return { ...common, strings: attribute.value.map(utf8) };
    case "graph":
      return { ...common, g: graphProto(attribute.value) };
    case "tensor":
      return { ...common, t: tensorProto("", attribute.value) };
    default:
      attribute satisfies never;
      throw new TypeError("unreachable");
  }
}

function tensorProto(name: string, tensor: Tensor): onnx.TensorProto.$Properties {
  const common = { name, dims: [...tensor.dims], dataType: ELEMENT_TYPE[tensor.dtype] };
  if (tensor.dtype === "string") return { ...common, stringData: tensor.data.map(utf8) };
  const { buffer, byteOffset, byteLength } = tensor.data;
  return { ...common, rawData: new Uint8Array(buffer, byteOffset, byteLength) };
}

function valueInfoProto({ name, dtype, dims }: OnnxValueInfo): onnx.ValueInfoProto.$Properties {
  const shape = dims === null ? {} : { shape: { dim: dims.map(dimension) } };
  return { name, type: { tensorType: { elemType: ELEMENT_TYPE[dtype], ...shape } } };
}

function dimension(dim: number | string): onnx.TensorShapeProto.Dimension.$Properties {
  return typeof dim === "number" ? { dimValue: dim } : { dimParam: dim };
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
