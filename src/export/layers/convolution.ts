import { ExportError } from "../../errors.ts";
import { int } from "../../onnx/model.ts";
import { applyActivation, readActivation, type Activation } from "../activation.ts";
import { defineConverter, only, type BindContext, type EmitContext, type LayerConverter } from "../converter.ts";
import { transposedWhenWritten } from "../build/permute.ts";
import { dimOf, permuteAxes, type Value } from "../ir/value.ts";
import type { ConfigReader, DataFormat } from "../source/config.ts";

import {
  channelsFirst,
  expectRank,
  fitWindow,
  fixedSize,
  spatialAxes,
  windowNode,
  type Padding,
  type Window,
} from "../build/windows.ts";

export interface ConvolutionConfig {
  readonly filters: number;
  readonly window: Window;
  readonly format: DataFormat;
  readonly groups: number;
  readonly useBias: boolean;
  readonly activation: Activation;
}

/** The keys that all convolutions have. */
export function readWindow(config: ConfigReader, rank: number, paddings: readonly Padding[]): Window {
  const window: Window = {
    kernel: config.positives("kernel_size", rank),
    strides: config.positives("strides", rank, ones(rank)),
    dilations: config.positives("dilation_rate", rank, ones(rank)),
    padding: config.oneOf("padding", paddings, "valid"),
  };
  if (window.strides.some((stride) => stride > 1) && window.dilations.some((dilation) => dilation > 1)) {
    throw new ExportError("strides and dilation_rate must not both be above 1; TF.js does not compute that");
  }
  return window;
}

export function ones(length: number): readonly number[] {
  return Array.from({ length }, () => 1);
}

function readConvolution(
  config: ConfigReader,
  { rules }: BindContext,
  rank: number,
  paddings: readonly Padding[],
): ConvolutionConfig {
  return {
    filters: config.positive("filters"),
    window: readWindow(config, rank, paddings),
    format: config.dataFormat(),
    groups: config.positive("groups", 1),
    useBias: config.boolean("use_bias", true),
    activation: readActivation(config, "activation", rules),
  };
}

/** ONNX Conv: kernel [...spatial, C / groups, F] to [F, C / groups, ...spatial]. */
function convolve({ graph, weights }: EmitContext, config: ConvolutionConfig, input: Value): Value {
  const { filters, window, groups } = config;
  const rank = window.kernel.length;
  expectRank(input, rank + 2);
  const axes = spatialAxes(config.format, rank);
  const channels = fixedSize(input, axes.channels);
  if (channels % groups !== 0 || filters % groups !== 0) {
    throw new ExportError(`${channels} channels and ${filters} filters do not divide into ${groups} groups`);
  }
  const kernel = weights.get("kernel", [...window.kernel, channels / groups, filters]);
  const order = [rank + 1, rank, ...window.kernel.map((_, axis) => axis)];
  const fit = fitWindow(
    window,
    axes.spatial.map((axis) => dimOf(input, axis)),
  );
  const operands = [
    channelsFirst(graph, input, axes),
    graph.constant("kernel", transposedWhenWritten(kernel, order)),
    config.useBias ? graph.constant("bias", weights.get("bias", [filters])) : null,
  ];
  const attributes = { ...fit.attributes, ...(groups === 1 ? {} : { group: int(groups) }) };
  return windowNode(graph, "Conv", operands, attributes, axes);
}

const conv1d: LayerConverter = defineConverter({
  className: "Conv1D",
  ops: ["Conv"],
  parse: (config, context) => ({
    ...readConvolution(config, context, 1, ["valid", "same", "causal"]),
    staysTransposed: context.rules.channelsFirst !== true,
  }),
  emit(context, { staysTransposed, ...config }, inputs) {
    const output = convolve(context, config, only(inputs));
    // TF.js transposes the input of a channels_first Conv1D, and never transposes back.
    const stays = config.format === "channels_first" && staysTransposed;
    const seen = stays ? permuteAxes(output, [0, 2, 1]) : output;
    return applyActivation(context.graph, config.activation, seen);
  },
});

function convolution(className: string, rank: number): LayerConverter {
  return defineConverter({
    className,
    ops: ["Conv"],
    parse: (config, context) => readConvolution(config, context, rank, ["valid", "same"]),
    emit: (context, config, inputs) =>
      applyActivation(context.graph, config.activation, convolve(context, config, only(inputs))),
  });
}

export const convolutions: readonly LayerConverter[] = [conv1d, convolution("Conv2D", 2), convolution("Conv3D", 3)];
