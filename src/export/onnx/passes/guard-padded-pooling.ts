import type { OnnxGraph, OnnxNode } from "../../../onnx/model.ts";
import type { Tensor } from "../../../tensor.ts";

const LEAST_FLOAT = -3.4028234663852886e38;
const GUARD = "padded_pooling_guard";

/**
 * ONNX Runtime (1.30, PadFusion) makes padding with zeros part of a MaxPool, which pads with minus infinity, and of
 * poolings that refuse as much padding. A Max with the least float between the two changes no number and keeps them apart.
 */
export function guardPaddedPooling(graph: OnnxGraph): OnnxGraph {
  const pads = new Set(graph.nodes.flatMap(({ opType, outputs }) => (opType === "Pad" ? outputs : [])));
  const isPadded = ({ opType, inputs }: OnnxNode): boolean =>
    /^(Max|Average)Pool$/.test(opType) && pads.has(inputs[0] ?? "");
  if (!graph.nodes.some(isPadded)) return graph;
  const nodes = graph.nodes.flatMap((node) => {
    const [padded = ""] = node.inputs;
    if (!isPadded(node)) return [node];
    const guarded = `${padded}/${node.name}/Guard`;
    const name = `${node.name}/Guard`;
    const guard: OnnxNode = {
      opType: "Max",
      domain: "",
      name,
      inputs: [padded, GUARD],
      outputs: [guarded],
      attributes: {},
    };
    return [guard, { ...node, inputs: [guarded, ...node.inputs.slice(1)] }];
  });
  const least: Tensor = { dtype: "float32", dims: [], data: Float32Array.of(LEAST_FLOAT) };
  return { ...graph, nodes, initializers: new Map([...graph.initializers, [GUARD, least]]) };
}
