import { applyActivation, readActivation } from "../activation.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { asNumber, dim as toDim } from "../../onnx/dim.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { add } from "../build/ops/elementwise.ts";
import { gemm, matMul } from "../build/ops/neural.ts";
import { permuteFactors } from "../build/permute.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { axisOf, dimOf, newAxis, Value } from "../ir/value.ts";

/** Dense: `activation(x · kernel + bias)` over the last axis. The kernel's rows follow the order x is stored in. */
export const dense: LayerConverter = defineConverter({
  className: "Dense",
  ops: ["Gemm", "MatMul", "Add"],
  parse: (config, context) => ({
    units: config.positive("units"),
    useBias: config.boolean("use_bias", true),
    activation: readActivation(config, "activation", context.rules),
  }),
  emit({ graph, weights }, { units, useBias, activation }, inputs) {
    const input = only(inputs);
    const features = asNumber(dimOf(input, -1));
    const contracted = graph.contract(input, -1);
    const { factors } = contracted;
    const value = asMatrix(graph, contracted.value);
    const stored = weights.get("kernel", [features, units]);
    const own = axisOf(input, -1);
    const output = [{ size: toDim(units) }];
    const kernel = graph.constant("kernel", permuteFactors(stored, [...own, ...output], [...factors, ...output]));
    const shift = useBias ? weights.get("bias", [units]) : null;
    const bias = shift === null || shift.data.every((each) => each === 0) ? null : graph.constant("bias", shift);
    const axis = newAxis(units);
    const result = (tensor: GraphTensor): Value =>
      new Value(tensor, value.axes.toSpliced(-1, 1, axis), value.stored.toSpliced(-1, 1, axis));
    if (value.stored.length === 2) {
      return applyActivation(graph, activation, result(gemm(graph, value.tensor, kernel, bias)));
    }
    const projected = matMul(graph, value.tensor, kernel);
    const sum = bias === null ? projected : add(graph, projected, bias);
    return applyActivation(graph, activation, result(sum));
  },
});

/** The value stored [N, C] when a single axis is left beside the features, so that one Gemm does it all. */
function asMatrix(graph: GraphBuilder, value: Value): Value {
  const outer = value.stored.slice(0, -1).filter((dim) => dim.length > 0);
  const inner = value.stored.at(-1) ?? [];
  return value.axes.length === 2 && outer.length === 1 ? graph.storedAs(value, [...outer, inner]) : value;
}
