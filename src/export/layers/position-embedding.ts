import { ExportError } from "../../errors.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { float32 } from "../../tensor.ts";
import { asNumber } from "../../onnx/dim.ts";
import { expand, slice } from "../build/ops/shape.ts";
import { dimOf, newAxis, Value } from "../ir/value.ts";

import { fixedSize } from "../build/windows.ts";

/** One vector a step, the same for every sample: the first T rows of a table, in the input's shape [N, …, T, C]. */
export const positionEmbedding: LayerConverter = defineConverter({
  className: "PositionEmbedding",
  ops: ["Slice", "Expand"],
  parse: (config) => config.positive("sequence_length"),
  emit({ graph, weights }, longest, inputs) {
    const input = only(inputs);
    const features = fixedSize(input, input.axes.length - 1);
    const table = weights.get("embeddings", [longest, features]);
    const steps = asNumber(dimOf(input, -2));
    if (steps !== null && steps > longest) {
      throw new ExportError(`sequence_length ${longest} is less than the input's ${steps} steps`);
    }
    const rows =
      steps !== null
        ? graph.constant(
            "embeddings",
            float32(Float32Array.from(table.data).subarray(0, steps * features), [steps, features]),
          )
        : slice(graph, graph.constant("embeddings", table), { axes: [0], starts: [0], ends: [dimOf(input, -2)] });
    const axes = input.dims.map(newAxis);
    return new Value(expand(graph, rows, graph.shapeTensor(input.dims)), axes, axes);
  },
});
