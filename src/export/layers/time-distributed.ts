import { ExportError } from "../../errors.ts";
import { defineConverter, type LayerConverter } from "../converter.ts";
import { dimsOf, type Value } from "../onnx/value.ts";

/** The wrapped layer on each step: steps are read as more samples, which costs no node. */
export const timeDistributed: LayerConverter = defineConverter({
  className: "TimeDistributed",
  ops: [],
  parse(config, context) {
    const { className, name, config: inner } = config.layer("layer");
    return { name, layer: context.bind(className, inner) };
  },
  mask: "pass",
  emit(context, { name, layer }, inputs) {
    const [input] = inputs;
    if (input === undefined || inputs.length > 1) throw new ExportError(`it takes one input; it has ${inputs.length}`);
    const [batch = [], time = [], ...features] = input.value.axes;
    if (features.length === 0) throw new ExportError("its input must have an axis of steps, and features after it");
    const merged: Value = { ...input.value, axes: [[...batch, ...time], ...features] };
    const weights = context.weights.within(name);
    const outputs = layer.emit({ ...context, weights, keywords: {} }, [{ value: merged, mask: null }]);
    const [output] = outputs;
    if (output === undefined) throw new ExportError("the wrapped layer has no output");
    const [steps = [], ...rest] = output.value.axes;
    // Layers that keep the axis they were given need no reshape back.
    if (
      steps.length === batch.length + time.length &&
      [...batch, ...time].every((factor, at) => factor === steps[at])
    ) {
      return { ...output.value, axes: [batch, time, ...rest] };
    }
    const [samples = 1, length = 1] = dimsOf(input.value);
    const sizes = dimsOf(output.value).slice(1);
    return context.graph.reshape(output.value, [samples, length, ...sizes]);
  },
});
