import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { int } from "../onnx/graph.ts";
import { newAxis } from "../onnx/value.ts";

/** Ids [N, T] to vectors [N, T, C]. With `mask_zero` the steps of id 0 are masked. */
export const embedding: LayerConverter = defineConverter({
  className: "Embedding",
  ops: ["Gather"],
  takes: "any",
  parse: (config) => ({
    ids: config.positive("input_dim"),
    features: config.positive("output_dim"),
    maskZero: config.boolean("mask_zero", false),
  }),
  mask({ graph }, { maskZero }, inputs) {
    if (!maskZero) return null;
    const ids = graph.cast(only(inputs), "int32");
    const zero = { dtype: "int32", dims: [1], data: Int32Array.of(0) } as const;
    return graph.unary("Not", { ...graph.withConstant("Equal", ids, "zero", zero), dtype: "bool" });
  },
  emit({ graph, weights }, { ids, features }, inputs) {
    const input = graph.cast(only(inputs), "int32");
    const table = graph.constant("embeddings", weights.get("embeddings", [ids, features]));
    const name = graph.op("Gather", [table, input.name], { axis: int(0) });
    const vector = newAxis(features);
    // A vector of one element is still a dimension of the tensor that Gather makes.
    const dtype = "float32";
    return { name, dtype, axes: [...input.axes, vector], stored: [...input.stored, vector] };
  },
});
