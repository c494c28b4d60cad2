import { ExportError } from "../../errors.ts";
import { alongAxis, withScalar } from "../activation.ts";
import { defineConverter, type EmitContext, type Flow, type LayerConverter } from "../converter.ts";
import { reduce } from "../onnx/reduce.ts";
import type { Value } from "../onnx/value.ts";

/** Added to what a mask leaves out, before the softmax. */
const MASKED = -1e9;

/** Softmax along an axis, or over several together. */
export const softmax: LayerConverter = defineConverter({
  className: "Softmax",
  ops: ["Softmax", "ReduceLogSumExp", "Sub", "Exp"],
  parse: (config, { keras3 }) => config.integers("axis", null, [keras3 ? -1 : 1]),
  emit({ graph }, axes, inputs) {
    const [flow] = inputs;
    if (flow === undefined) throw new ExportError("the layer has no input");
    const input = graph.cast(masked(graph, flow), "float32");
    const rank = input.axes.length;
    const wrong = axes.find((axis) => axis < -rank || axis >= rank);
    if (wrong !== undefined || axes.length === 0) {
      throw new ExportError(`axis [${axes.join(", ")}] does not fit an input with ${rank} axes`);
    }
    const [only, ...more] = axes;
    if (only !== undefined && more.length === 0) return alongAxis(graph, "Softmax", input, only);
    return graph.unary("Exp", graph.binary("Sub", input, reduce(graph, "ReduceLogSumExp", input, axes, true)));
  },
});

/** `x + (1 − mask) · −1e9`, the mask aligned at the last axis as TF.js does it. */
function masked(graph: EmitContext["graph"], { value, mask }: Flow): Value {
  if (mask === null) return value;
  const left = graph.unary("Not", mask);
  return graph.binary("Add", value, withScalar(graph, "Mul", graph.cast(left, "float32"), MASKED));
}
