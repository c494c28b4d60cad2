import { defineConverter, only, type LayerConverter } from "../converter.ts";

/** x · scale + offset. */
export const rescaling: LayerConverter = defineConverter({
  className: "Rescaling",
  ops: ["Mul", "Add"],
  parse: (config) => ({ scale: config.number("scale"), offset: config.number("offset", 0) }),
  emit({ graph }, { scale, offset }, inputs) {
    const constant = (value: number) => ({ dtype: "float32", dims: [1], data: Float32Array.of(value) }) as const;
    const scaled = graph.withConstant("Mul", only(inputs), "scale", constant(scale));
    return offset === 0 ? scaled : graph.withConstant("Add", scaled, "offset", constant(offset));
  },
});
