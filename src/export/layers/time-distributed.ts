import { ExportError } from "../../errors.ts";
import { defineConverter, type LayerConverter } from "../converter.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { axisOf, dimOf, dimsOf, insertAxis, newAxis, Value } from "../ir/value.ts";

/** The wrapped layer on each step: steps are read as more samples, which costs no node. */
export const timeDistributed: LayerConverter = defineConverter({
  className: "TimeDistributed",
  ops: [],
  takes: "any",
  parse(config, context) {
    const { className, config: inner } = config.layer("layer");
    return { layer: context.bind(className, inner), lingers: context.rules.masks !== true };
  },
  emit(context, { layer, lingers }, inputs) {
    const [input] = inputs;
    if (input === undefined || inputs.length > 1) throw new ExportError(`it takes one input; it has ${inputs.length}`);
    const features = input.value.axes.slice(2);
    if (features.length === 0) throw new ExportError("its input must have an axis of steps, and features after it");
    const [batch, time] = [axisOf(input.value, 0), axisOf(input.value, 1)];
    const merged = input.value.seenAs([[...batch, ...time], ...features]);
    const mask = context.mask === null || !lingers ? null : repeatedMask(context.graph, context.mask, input.value);
    const outputs = layer.emit({ ...context, keywords: {}, mask, memory: null }, [{ value: merged, mask: null }]);
    const [output] = outputs;
    if (output === undefined || outputs.length > 1) {
      throw new ExportError(`the wrapped layer must have one output; it has ${outputs.length}`);
    }
    const [steps = [], ...rest] = output.value.axes;
    // Layers that keep the axis they were given need no reshape back.
    if (
      steps.length === batch.length + time.length &&
      [...batch, ...time].every((factor, at) => factor === steps[at])
    ) {
      return output.value.seenAs([batch, time, ...rest]);
    }
    const sizes = dimsOf(output.value).slice(1);
    return context.graph.reshape(output.value, [dimOf(input.value, 0), dimOf(input.value, 1), ...sizes]);
  },
});

/** TF.js calls the wrapped layer with the whole mask at each step: its rows for each sample's steps; null when they do not fit. */
function repeatedMask(graph: GraphBuilder, mask: Value, input: Value): Value | null {
  const [samples, length] = [dimOf(input, 0), dimOf(input, 1)];
  if (dimOf(mask, 0) !== samples) return null;
  const sizes = [samples, length, ...dimsOf(mask).slice(1)];
  const repeated = graph.op("Expand", [graph.plain(insertAxis(mask, 1)), graph.shapeTensor(sizes)]);
  // New factors: the mask's steps may be those of the input, and a value has each factor once.
  const [batch = [], time = [], ...rest] = sizes.map(newAxis);
  return new Value(repeated, [[...batch, ...time], ...rest], [batch, time, ...rest]);
}
