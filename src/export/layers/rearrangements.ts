import { ExportError } from "../../errors.ts";
import { applyActivation, readActivation } from "../activation.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { asNumber, elementsOf, showShape, type Dim } from "../../onnx/dim.ts";
import { first as firstOf } from "../../require.ts";
import { tile } from "../build/ops/shape.ts";
import { axisOf, dimOf, dimsOf, newAxis, permuteAxes, Value } from "../ir/value.ts";
import { RANDOM_IN_TRAINING } from "../source/layer-classes.ts";

import { expectRank } from "../build/windows.ts";

const activation: LayerConverter = defineConverter({
  className: "Activation",
  ops: [],
  takes: "any",
  parse: (config, { rules }) => readActivation(config, "activation", rules),
  emit({ graph }, name, inputs) {
    const input = only(inputs);
    if (name === "linear") return input;
    const output = applyActivation(graph, name, graph.cast(input, "float32"));
    return name === "relu" ? graph.cast(output, input.dtype) : output;
  },
});

/** N and everything else. With channels_first the channels are moved last before. */
const flatten: LayerConverter = defineConverter({
  className: "Flatten",
  ops: ["Reshape", "Transpose"],
  takes: "any",
  parse: (config) => config.dataFormat(),
  emit({ graph }, format, inputs) {
    const input = only(inputs);
    const rank = input.axes.length;
    const [batch = 0, channels = 1, ...others] = input.axes.map((_, axis) => axis);
    const moved = format === "channels_first" && rank > 1 ? permuteAxes(input, [batch, ...others, channels]) : input;
    return graph.reshape(moved, [dimOf(input, 0), null]);
  },
});

const reshape: LayerConverter = defineConverter({
  className: "Reshape",
  ops: ["Reshape", "Transpose"],
  takes: "any",
  parse(config) {
    const target = config.shape("target_shape");
    if (target.filter((size) => size === null).length > 1) {
      throw new ExportError(`target_shape may leave one size open; got [${target.join(", ")}]`);
    }
    return target;
  },
  emit({ graph }, target, inputs) {
    const input = only(inputs);
    expectSameSize(dimsOf(input).slice(1), target);
    return graph.reshape(input, [dimOf(input, 0), ...target]);
  },
});

function expectSameSize(sizes: readonly Dim[], target: readonly (number | null)[]): void {
  const size = asNumber(elementsOf(sizes));
  if (size === null) return;
  const known = target.reduce<number>((result, each) => result * (each ?? 1), 1);
  const fits = target.includes(null) ? known > 0 && size % known === 0 : size === known;
  if (fits) return;
  const shown = target.map((each) => each ?? "any").join(", ");
  throw new ExportError(`target_shape [${shown}] does not fit an input of shape ${showShape(sizes)}`);
}

/** Axes in another order; counted from 1, the first stays. */
const permute: LayerConverter = defineConverter({
  className: "Permute",
  ops: ["Transpose"],
  takes: "any",
  parse(config) {
    const dims = config.integers("dims", null);
    const sorted = dims.toSorted((a, b) => a - b);
    if (sorted.every((dim, index) => dim === index + 1)) return dims;
    throw new ExportError(`dims must be 1 to ${dims.length} in some order; got [${dims.join(", ")}]`);
  },
  emit(_, dims, inputs) {
    const input = only(inputs);
    expectRank(input, dims.length + 1);
    return permuteAxes(input, [0, ...dims]);
  },
});

/** [N, C] to [N, n, C]. Stored with the repetitions first, as recurrent layers take it. */
const repeatVector: LayerConverter = defineConverter({
  className: "RepeatVector",
  ops: ["Tile"],
  takes: "any",
  parse: (config) => config.positive("n"),
  emit({ graph }, count, inputs) {
    const input = only(inputs);
    expectRank(input, 2);
    const repeats = newAxis(count);
    const axes = [axisOf(input, 0), repeats, axisOf(input, 1)];
    if (count === 1) return input.seenAs(axes);
    const rest = input.stored.slice(1);
    const repeated = tile(graph, input.tensor, graph.int64s([count, ...rest.map(() => 1)]));
    return new Value(repeated, axes, [[...repeats, ...firstOf(input.stored)], ...rest]);
  },
});

/** Layers that do something in training only, or to a loss only. */
function nothing(className: string): LayerConverter {
  return defineConverter({
    className,
    ops: [],
    takes: "any",
    parse: () => null,
    emit: (_, __, inputs) => only(inputs),
  });
}

export const rearrangements: readonly LayerConverter[] = [
  activation,
  flatten,
  reshape,
  permute,
  repeatVector,
  ...[
    "Dropout",
    "SpatialDropout1D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "Identity",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "ActivityRegularization",
    ...RANDOM_IN_TRAINING,
  ].map(nothing),
];
