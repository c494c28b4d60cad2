import { show } from "../../onnx/dim.ts";
import type { Attribute, OnnxGraph, OnnxNode, OnnxValueInfo } from "../../onnx/model.ts";
import type { TensorType } from "../../onnx/operators/index.ts";

/**
 * Name, type and shape of a tensor as a file has them. A size that is an expression becomes a text (`dim_param`): the same text
 * stands for the same size wherever it occurs.
 */
export function valueInfo({ name, dtype, shape, isSequence }: { readonly name: string } & TensorType): OnnxValueInfo {
  const info = { name, dtype, dims: shape === null ? null : shape.map(show) };
  return isSequence === true ? { ...info, isSequence } : info;
}

/** The graph, and the bodies in it, with the type and shape of every tensor that a node makes and that is not an output. */
export function withValueInfo(graph: OnnxGraph, types: ReadonlyMap<string, TensorType>): OnnxGraph {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const inner = graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== "" && !outputs.has(name)));
  const infos = inner.flatMap((name) => {
    const type = types.get(name);
    return type === undefined ? [] : [valueInfo({ name, ...type })];
  });
  return { ...graph, nodes: graph.nodes.map((node) => withBodies(node, types)), valueInfo: infos };
}

function withBodies(node: OnnxNode, types: ReadonlyMap<string, TensorType>): OnnxNode {
  const attributes = Object.entries(node.attributes);
  if (!attributes.some(([, { type }]) => type === "graph")) return node;
  const complete = attributes.map(([key, attribute]): [string, Attribute] =>
    attribute.type === "graph"
      ? [key, { type: "graph", value: withValueInfo(attribute.value, types) }]
      : [key, attribute],
  );
  return { ...node, attributes: Object.fromEntries(complete) };
}
