import { ExportError } from "../../errors.ts";
import { dim } from "../../onnx/dim.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { dimsOf } from "../ir/value.ts";

import { normalize } from "./layer-normalization.ts";
import { fixedSize } from "../build/windows.ts";

/** `gamma · (x − mean) / sqrt(variance + epsilon) + beta`, mean and variance of each sample's groups of channels. */
export const groupNormalization: LayerConverter = defineConverter({
  className: "GroupNormalization",
  ops: ["LayerNormalization", "ReduceMean", "Sub", "Mul", "Add", "Sqrt", "Div"],
  parse: (config) => ({
    groups: config.integer("groups", 32),
    axis: config.integer("axis", -1),
    epsilon: config.number("epsilon", 1e-3),
    center: config.boolean("center", true),
    scale: config.boolean("scale", true),
  }),
  emit({ graph, weights }, { groups, axis, epsilon, center, scale }, inputs) {
    const input = only(inputs);
    const rank = input.axes.length;
    const place = axis < 0 ? rank + axis : axis;
    if (place < 1 || place >= rank) throw new ExportError(`axis ${axis} is not one of an input with ${rank} axes`);
    const size = fixedSize(input, place);
    const count = groups === -1 ? size : groups;
    if (count < 1 || size % count !== 0) throw new ExportError(`${size} channels do not make ${groups} equal groups`);
    const dims = dimsOf(input);
    const grouped = graph.reshape(input, dims.toSpliced(place, 1, dim(count), dim(size / count)));
    const axes = grouped.axes.map((_, at) => at).filter((at) => at !== 0 && at !== place);
    const normal = graph.reshape(normalize(graph, grouped, { axes, epsilon, gamma: null, beta: null }), dims);
    const own = [size, ...Array.from({ length: rank - 1 - place }, () => 1)];
    const scaled = scale
      ? graph.withConstant("Mul", normal, "gamma", { ...weights.get("gamma", [size]), dims: own })
      : normal;
    return center ? graph.withConstant("Add", scaled, "beta", { ...weights.get("beta", [size]), dims: own }) : scaled;
  },
});
