import { defineConverter, only, type EmitContext, type LayerConverter } from "../converter.ts";
import { reduce } from "../build/reduce.ts";
import { removeAxis, type Value } from "../ir/value.ts";

/** Steps all of whose features equal `mask_value` become zero and are masked. */
export const masking: LayerConverter = defineConverter({
  className: "Masking",
  ops: ["Equal", "Not", "Cast", "ReduceMax", "Mul"],
  integers: "kept",
  parse: (config) => config.number("mask_value", 0),
  mask(context, value, inputs) {
    const kept = keptSteps(context, value, only(inputs));
    return context.graph.cast(removeAxis(kept, kept.rank - 1), "bool");
  },
  emit(context, value, inputs) {
    const input = only(inputs);
    return context.graph.binary("Mul", input, keptSteps(context, value, input));
  },
});

/** 1 for each step that has another value than `value` in any feature, else 0: [N, T, 1]. */
function keptSteps({ graph }: EmitContext, value: number, input: Value): Value {
  const constant = { dtype: "float32", dims: [1], data: Float32Array.of(value) } as const;
  const equal = graph.withConstant("Equal", input, "mask_value", constant);
  const differs = graph.cast(graph.unary("Not", equal), "float32");
  return reduce(graph, "ReduceMax", differs, [-1], true);
}
