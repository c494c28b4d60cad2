import { first } from "../../require.ts";

import type { Pass } from "./pass.ts";

const LEAST_FLOAT = -3.4028234663852886e38;

/**
 * ONNX Runtime (1.30, PadFusion) makes padding with zeros part of a MaxPool, which pads with minus infinity, and of
 * poolings that refuse as much padding. A Max with the least float between the two changes no number and keeps them apart.
 */
export const guardPaddedPooling: Pass = {
  name: "guardPaddedPooling",
  startsAt: ["MaxPool", "AveragePool"],
  apply(node, graph) {
    const padded = first(node.inputs);
    if (padded?.producer?.opType !== "Pad" || padded.dtype !== "float32") return false;
    const least = graph.constant("padded_pooling_guard", {
      dtype: "float32",
      dims: [],
      data: Float32Array.of(LEAST_FLOAT),
    });
    const [guarded] = graph.add(node, { opType: "Max", name: `${node.name}/Guard`, inputs: [padded, least] });
    graph.redefine(node, { ...node, inputs: [guarded ?? null, ...node.inputs.slice(1)] });
    return true;
  },
};
