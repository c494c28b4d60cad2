import { int, ints } from "../../onnx/model.ts";
import { applyActivation, readActivation } from "../activation.ts";
import { defineConverter, only, type EmitContext, type LayerConverter } from "../converter.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { isNumber } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import { transposed } from "../build/permute.ts";
import { dimOf, insertAxis, permuteAxes, removeAxis, type Value } from "../ir/value.ts";
import type { LayerWeights, Weight } from "../source/model.ts";

import { ones, readWindow } from "./convolution.ts";
import {
  channelsFirst,
  expectRank,
  fitWindow,
  fixedSize,
  spatialAxes,
  windowNode,
  type Window,
} from "../build/windows.ts";

const NHWC = spatialAxes("channels_last", 2);

/** ONNX Conv with a group for each channel: kernel [H, W, C, M] to [C · M, 1, H, W]. */
function depthwise(
  { graph, weights }: EmitContext,
  input: Value,
  window: Window,
  /** Null where it is not known: the kernel's last size. */
  depthMultiplier: number | null,
  bias: GraphTensor | null,
): Value {
  expectRank(input, 4);
  const channels = fixedSize(input, NHWC.channels);
  const saved = weights.get("depthwise_kernel", [...window.kernel, channels, depthMultiplier]);
  const multiplier = at(saved.dims, 3);
  const stored = transposed(saved, [2, 3, 0, 1]);
  const kernel = graph.constant("depthwise_kernel", { ...stored, dims: [channels * multiplier, 1, ...window.kernel] });
  const fit = fitWindow(
    window,
    NHWC.spatial.map((axis) => dimOf(input, axis)),
  );
  const attributes = { ...fit.attributes, group: int(channels) };
  return windowNode(graph, "Conv", [channelsFirst(graph, input, NHWC), kernel, bias], attributes, NHWC);
}

const TO_NHWC = [0, 2, 3, 1];
const TO_NCHW = [0, 3, 1, 2];

/** @param byKeras Keras applies `dilation_rate`, TF.js ignores it. */
function depthwiseConvolution(className: string, byKeras: boolean): LayerConverter {
  return defineConverter({
    className,
    ops: ["Conv"],
    parse(config, { rules }) {
      const window = readWindow(config, 2, rules.padding === true ? ["valid", "same"] : ["valid", "same", "causal"]);
      const padding = window.padding === "same" ? "same" : "valid";
      const asTfjs: Window = { ...window, padding, dilations: ones(2) };
      return {
        window: rules.dilation === true || byKeras ? window : asTfjs,
        multiplier: config.positive("depth_multiplier", 1),
        format: config.dataFormat(),
        useBias: config.boolean("use_bias", true),
        activation: readActivation(config, "activation", rules),
      };
    },
    emit(context, { window, multiplier, format, useBias, activation }, inputs) {
      const { graph, weights } = context;
      const first = format === "channels_first";
      const input = first ? permuteAxes(only(inputs), TO_NHWC) : only(inputs);
      const filters = fixedSize(input, NHWC.channels) * multiplier;
      const bias = useBias ? graph.constant("bias", weights.get("bias", [filters])) : null;
      const output = depthwise(context, input, window, multiplier, bias);
      return applyActivation(graph, activation, first ? permuteAxes(output, TO_NCHW) : output);
    },
  });
}

const separableConv2d: LayerConverter = defineConverter({
  className: "SeparableConv2D",
  ops: ["Conv"],
  parse: (config, { rules }) => ({
    transposesLast: rules.channelsFirst !== true,
    filters: config.positive("filters"),
    window: readWindow(config, 2, ["valid", "same"]),
    // TF.js does not save it, so that TF.js itself cannot load a model with another multiplier than 1.
    multiplier: config.positive("depth_multiplier", null),
    format: config.dataFormat(),
    useBias: config.boolean("use_bias", true),
    activation: readActivation(config, "activation", rules),
  }),
  emit(context, { transposesLast, filters, window, multiplier, format, useBias, activation }, inputs) {
    const { graph, weights } = context;
    const first = format === "channels_first";
    const input = first ? permuteAxes(only(inputs), TO_NHWC) : only(inputs);
    const spread = depthwise(context, input, window, multiplier, null);
    const channels = fixedSize(spread, NHWC.channels);
    const stored = weights.get("pointwise_kernel", [1, 1, channels, filters]);
    const kernel = graph.constant("pointwise_kernel", transposed(stored, [3, 2, 0, 1]));
    const bias = useBias ? weights.get("bias", [filters]) : null;
    // With channels first, TF.js adds the bias along the rows of N H W C where there are as many as filters.
    const alongRows = first && transposesLast && filters !== 1 && isNumber(dimOf(spread, 1), filters);
    const operands = [channelsFirst(graph, spread, NHWC), kernel];
    if (bias !== null && !alongRows) operands.push(graph.constant("bias", bias));
    const mixed = windowNode(graph, "Conv", operands, { kernel_shape: ints([1, 1]) }, NHWC);
    const rows = bias !== null && alongRows ? { ...bias, dims: [filters, 1, 1] } : null;
    const sum = rows === null ? mixed : graph.withConstant("Add", mixed, "bias", rows);
    // TF.js applies the activation before it transposes back, Keras after.
    if (!first) return applyActivation(graph, activation, sum);
    if (!transposesLast) return applyActivation(graph, activation, permuteAxes(sum, TO_NCHW));
    return permuteAxes(applyActivation(graph, activation, sum), TO_NCHW);
  },
});

/** As images of one row: axes N 1 T C, windows of height 1, kernels with an axis of size 1 before the others. */
function overSteps(className: string, whole: LayerConverter): LayerConverter {
  return {
    className,
    ops: whole.ops,
    bind(config, context) {
      config.oneOf("padding", ["valid", "same"], "valid");
      const asRow = (key: string): readonly number[] => [1, ...config.positives(key, 1, [1])];
      const layer = whole.bind(
        config.with({
          kernel_size: asRow("kernel_size"),
          strides: asRow("strides"),
          dilation_rate: asRow("dilation_rate"),
        }),
        context,
      );
      const place = config.dataFormat() === "channels_first" ? 2 : 1;
      return {
        className,
        emit(emitContext, inputs) {
          const rows = inputs.map((maskedValue) => ({
            ...maskedValue,
            value: insertAxis(maskedValue.value, place),
            mask: null,
          }));
          const outputs = layer.emit(
            { ...emitContext, weights: new RowWeights(emitContext.weights), mask: null },
            rows,
          );
          return outputs.map((maskedValue) => ({ ...maskedValue, value: removeAxis(maskedValue.value, place) }));
        },
      };
    },
  };
}

/** Kernels [T, …] as [1, T, …]. */
class RowWeights implements LayerWeights {
  readonly #weights: LayerWeights;

  constructor(weights: LayerWeights) {
    this.#weights = weights;
  }

  get(name: string, dims?: readonly (number | null)[]): Weight {
    if (!name.endsWith("kernel")) return this.#weights.get(name, dims);
    const weight = this.#weights.get(name, dims?.slice(1));
    return { ...weight, dims: [1, ...weight.dims] };
  }

  has(name: string): boolean {
    return this.#weights.has(name);
  }

  within(child: string): LayerWeights {
    return new RowWeights(this.#weights.within(child));
  }
}

export const depthwiseConvolutions: readonly LayerConverter[] = [
  depthwiseConvolution("DepthwiseConv2D", false),
  separableConv2d,
  overSteps("DepthwiseConv1D", depthwiseConvolution("DepthwiseConv1D", true)),
  overSteps("SeparableConv1D", separableConv2d),
];
