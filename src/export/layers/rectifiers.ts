import { ExportError } from "../../errors.ts";
import { float } from "../../onnx/model.ts";
import { asNumber } from "../../onnx/dim.ts";
import { applyActivation } from "../activation.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { dimsOf } from "../ir/value.ts";

/** `min(max(x, 0), max_value)`. Keras 3 has a slope below a threshold as well, which TF.js ignores. */
const relu: LayerConverter = defineConverter({
  className: "ReLU",
  ops: ["Relu", "Clip"],
  integers: "kept",
  parse(config, { rules }) {
    const limit = config.number("max_value", null);
    if (limit !== null && limit < 0) throw new ExportError(`max_value must not be negative; got ${limit}`);
    return {
      limit,
      slope: rules.reluSlope === true ? config.number("negative_slope", 0) : 0,
      threshold: rules.reluSlope === true ? config.number("threshold", 0) : 0,
    };
  },
  emit: ({ graph }, { limit, slope, threshold }, inputs) =>
    applyActivation(graph, { name: "relu", slope, limit, threshold }, only(inputs)),
});

const leakyRelu: LayerConverter = defineConverter({
  className: "LeakyReLU",
  ops: ["LeakyRelu"],
  parse: (config) => config.number("alpha", 0.3),
  emit: ({ graph }, alpha, inputs) => graph.unary("LeakyRelu", only(inputs), { alpha: float(alpha) }),
});

const NONE: readonly number[] = [];

/** `x` where positive, `alpha · x` elsewhere; alpha has a value for each element, shared along `shared_axes`. */
const prelu: LayerConverter = defineConverter({
  className: "PReLU",
  ops: ["PRelu"],
  parse: (config) => config.integers("shared_axes", null, NONE),
  emit({ graph, weights }, shared, inputs) {
    const input = only(inputs);
    const wrong = shared.find((axis) => axis < 1 || axis >= input.axes.length);
    if (wrong !== undefined) throw new ExportError(`shared axis ${wrong} is none of 1 to ${input.axes.length - 1}`);
    const dims = dimsOf(input)
      .slice(1)
      .map((size, index) => (shared.includes(index + 1) ? 1 : asNumber(size)));
    const fixed = dims.filter((size) => size !== null);
    if (fixed.length !== dims.length) {
      throw new ExportError("the input must have fixed sizes on all axes but the first and the shared ones");
    }
    return graph.withConstant("PRelu", input, "alpha", weights.get("alpha", fixed));
  },
});

const elu: LayerConverter = defineConverter({
  className: "ELU",
  ops: ["Elu"],
  parse: (config) => config.number("alpha", 1),
  emit({ graph }, alpha, inputs) {
    if (alpha === 1) return applyActivation(graph, "elu", only(inputs));
    return graph.unary("Elu", only(inputs), { alpha: float(alpha) });
  },
});

/** `x` where it is above theta, 0 elsewhere. */
const thresholdedRelu: LayerConverter = defineConverter({
  className: "ThresholdedReLU",
  ops: ["ThresholdedRelu"],
  parse: (config) => config.number("theta", 1),
  emit: ({ graph }, theta, inputs) => graph.unary("ThresholdedRelu", only(inputs), { alpha: float(theta) }),
});

export const rectifiers: readonly LayerConverter[] = [relu, leakyRelu, prelu, elu, thresholdedRelu];
