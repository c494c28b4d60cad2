import { ExportError } from "../../errors.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { reduce } from "../build/reduce.ts";
import { oneHot } from "../build/ops/shape.ts";
import { insertAxis, newAxis, Value } from "../ir/value.ts";

/** Ids [N, T] to [N, num_tokens]: which there are (`multi_hot`), how often (`count`), or which one (`one_hot`, T = 1). */
export const categoryEncoding: LayerConverter = defineConverter({
  className: "CategoryEncoding",
  ops: ["OneHot", "ReduceMax", "ReduceSum"],
  takes: "any",
  parse: (config) => ({
    tokens: config.positive("num_tokens"),
    mode: config.oneOf("output_mode", ["multi_hot", "one_hot", "count", "int"], "multi_hot"),
  }),
  emit({ graph }, { tokens, mode }, inputs) {
    if (tokens >= 2 ** 31) throw new ExportError(`num_tokens must be below 2147483648; got ${tokens}`);
    const ids = graph.cast(only(inputs), "int32");
    if (mode === "int") return ids;
    const rank = ids.axes.length;
    const isVector = rank === 2 && ids.axes[1]?.length === 0;
    if (rank > 2 || (mode === "one_hot" && !isVector)) {
      throw new ExportError(
        `output_mode ${mode} of an input with ${rank} axes${rank > 2 ? "" : ", several ids each,"} is not computed by TF.js`,
      );
    }
    const list = rank === 1 ? insertAxis(ids, 1) : ids;
    const depth = graph.constant("depth", { dtype: "int32", dims: [1], data: Int32Array.of(tokens) });
    const values = graph.constant("values", { dtype: "float32", dims: [2], data: Float32Array.of(0, 1) });
    const classes = newAxis(tokens);
    const hot = new Value(
      oneHot(graph, list.tensor, depth, values),
      [...list.axes, classes],
      [...list.stored, classes],
    );
    return reduce(graph, mode === "count" ? "ReduceSum" : "ReduceMax", hot, [1]);
  },
});
