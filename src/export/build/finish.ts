import { show } from "../../onnx/dim.ts";
import type { Attribute, OnnxGraph, OnnxNode } from "../../onnx/model.ts";
import type { TensorType } from "../../onnx/operators/index.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import type { Value } from "../ir/value.ts";

import type { GraphBuilder } from "./builder.ts";
import { valueInfo } from "./value-info.ts";

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

/** A complete graph, and the types of all its tensors by name. */
export interface Finished {
  readonly graph: OnnxGraph;
  readonly types: ReadonlyMap<string, TensorType>;
}

/** Close a graph: outputs get their names and TF.js's order of axes. */
export function finishGraph(
  builder: GraphBuilder,
  name: string,
  inputs: readonly NamedValue[],
  outputs: readonly NamedValue[],
): Finished {
  const plain = outputs.map((output) => ({ ...output, tensor: builder.plain(output.value) }));
  const renames = new Map<string, string>();
  const inputNames = new Set(inputs.map((input) => input.name));
  for (const { name: wanted, tensor } of plain) {
    if (canRename(builder, tensor, inputNames, renames)) renames.set(tensor.name, wanted);
    else builder.alias(tensor, wanted);
  }
  const rename = (tensor: string): string => renames.get(tensor) ?? tensor;
  const types = new Map(builder.types);
  for (const [before, after] of renames) {
    const type = types.get(before);
    if (type !== undefined) types.set(after, type);
  }
  const graph: OnnxGraph = {
    name,
    nodes: renames.size === 0 ? builder.nodes : builder.nodes.map((node) => renameNode(node, rename)),
    initializers: builder.initializers,
    inputs: inputs.map(({ name: input, value }) => valueInfo({ ...typeOf(value.tensor), name: input })),
    outputs: plain.map(({ name: output, value }) => ({ name: output, dtype: value.dtype, dims: value.dims.map(show) })),
  };
  return { graph, types };
}

function typeOf({ dtype, shape }: GraphTensor): TensorType {
  return { dtype, shape };
}

/** A node's output of the top graph can have the output's name; an input, a constant or a tensor given twice cannot. */
function canRename(
  builder: GraphBuilder,
  tensor: GraphTensor,
  inputs: ReadonlySet<string>,
  renames: ReadonlyMap<string, string>,
): boolean {
  return !inputs.has(tensor.name) && !builder.initializers.has(tensor.name) && !renames.has(tensor.name);
}

function renameNode(node: OnnxNode, rename: (tensor: string) => string): OnnxNode {
  const attributes = Object.fromEntries(
    Object.entries(node.attributes).map(([key, attribute]): [string, Attribute] => {
      if (attribute.type !== "graph") return [key, attribute];
      const body = attribute.value;
      const nodes = body.nodes.map((inner) => renameNode(inner, rename));
      const outputs = body.outputs.map((output) => ({ ...output, name: rename(output.name) }));
      return [key, { type: "graph", value: { ...body, nodes, outputs } }];
    }),
  );
  return { ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename), attributes };
}
