import { ExportError } from "../../errors.ts";

import { defineConverter, type EmitContext, type MaskedValue, type LayerConverter } from "../converter.ts";
import { alongAxis, withScalar } from "../keras-activations.ts";
import { isNumber, showShape, type Dim } from "../../onnx/dim.ts";
import { reduce } from "../build/reduce.ts";
import { dimOf, dimsOf, insertAxis, type Value } from "../ir/value.ts";

/** Added to what a mask leaves out, before the softmax. */
const MASKED = -1e9;

/** Softmax along an axis, or over several together. */
export const softmax: LayerConverter = defineConverter({
  className: "Softmax",
  ops: ["Softmax", "ReduceLogSumExp", "Sub", "Exp"],
  parse: (config, { rules }) => config.integers("axis", null, [rules.softmaxAxis === true ? -1 : 1]),
  emit(context, axes, inputs) {
    const { graph } = context;
    const [maskedValue] = inputs;
    if (maskedValue === undefined || inputs.length > 1)
      throw new ExportError(`it takes one input; it has ${inputs.length}`);
    const input = masked(context, maskedValue);
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

/**
 * `x + (1 − mask) · −1e9`, the mask aligned at the last axis as TF.js does it. One that lingers from another layer and does
 * not fit is left out.
 *
 * @throws {ExportError} where the input's own mask does not fit: there TF.js fails
 */
function masked({ graph, mask }: EmitContext, maskedValue: MaskedValue): Value {
  const value = graph.cast(maskedValue.value, "float32");
  const fitting = mask === null ? null : fitted(value, mask);
  if (mask === null || (fitting === null && mask.name !== maskedValue.mask?.name)) return value;
  if (fitting === null) {
    const shapes = [mask, value].map((each) => showShape(each.dims)).join(" to an input of shape ");
    throw new ExportError(`TF.js cannot apply a mask of shape ${shapes}`);
  }
  const left = graph.unary("Not", fitting);
  return graph.binary("Add", value, withScalar(graph, "Mul", graph.cast(left, "float32"), MASKED));
}

/**
 * The mask where it can be spread over the value. TF.js takes one of fewer axes for a single sample only, whose axis
 * vanishes among the others; here each sample keeps its own. Null where it never fits.
 */
function fitted(value: Value, mask: Value): Value | null {
  if (broadcasts(dimsOf(value), dimsOf(mask))) return mask;
  if (dimOf(mask, 0) !== dimOf(value, 0)) return null;
  let full = mask;
  while (full.axes.length < value.axes.length) full = insertAxis(full, 1);
  return broadcasts(dimsOf(value), dimsOf(full)) ? full : null;
}

/** Whether a mask and a value can be added; samples are spread over samples only. */
function broadcasts(value: readonly Dim[], mask: readonly Dim[]): boolean {
  if (mask.length > value.length) return false;
  return mask.every((size, axis) => {
    const own = value[value.length - mask.length + axis];
    return isNumber(size, 1) || size === own || (own !== undefined && isNumber(own, 1) && axis > 0);
  });
}
