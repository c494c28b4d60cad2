import { ExportError } from "../../errors.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { float32 } from "../../tensor.ts";
import { dimOf, dimsOf, newValue } from "../onnx/value.ts";

import { fixedSize } from "./windows.ts";

/** One vector a step, the same for every sample: the first T rows of a table, in the input's shape [N, …, T, C]. */
export const positionEmbedding: LayerConverter = defineConverter({
  className: "PositionEmbedding",
  ops: ["Slice", "Expand"],
  parse: (config) => config.positive("sequence_length"),
  emit({ graph, weights }, longest, inputs) {
    const input = only(inputs);
    const features = fixedSize(input, input.axes.length - 1);
    const table = weights.get("embeddings", [longest, features]);
    const steps = dimOf(input, -2);
    if (typeof steps === "number" && steps > longest) {
      throw new ExportError(`sequence_length ${longest} is less than the input's ${steps} steps`);
    }
    const rows =
      typeof steps === "number"
        ? graph.constant(
            "embeddings",
            float32(Float32Array.from(table.data).subarray(0, steps * features), [steps, features]),
          )
        : graph.op("Slice", [
            graph.constant("embeddings", table),
            graph.int64s([0]),
            graph.runtimeDim(steps),
            graph.int64s([0]),
          ]);
    const dims = dimsOf(input);
    return newValue(graph.op("Expand", [rows, graph.runtimeShape(input.axes)]), "float32", dims);
  },
});
