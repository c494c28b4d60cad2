import { ExportError } from "../../errors.ts";
import { ints } from "../../onnx/model.ts";
import { applyActivation, readActivation } from "../activation.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { at } from "../../require.ts";
import { transposedWhenWritten } from "../build/permute.ts";

import { ones } from "./convolution.ts";
import { channelsFirst, expectRank, fixedSize, spatialAxes, windowNode } from "../build/windows.ts";

/**
 * One axis of a transposed convolution. TensorFlow's output has stride · size elements with `same` padding, and max(kernel − stride, 0)
 * more with `valid`. ONNX's has stride · (size − 1) + kernel + output_padding − pads. So the pads are those of the forward convolution, with
 * an odd one at the end, and a kernel shorter than the stride needs output padding.
 * Source: tfjs-layers/src/utils/conv_utils.ts, `deconvLength`.
 */
function fitTransposed(
  kernel: number,
  stride: number,
  same: boolean,
): { readonly low: number; readonly high: number; readonly extra: number } {
  const reach = Math.max(kernel - stride, 0);
  const total = same ? reach : 0;
  const low = Math.floor(total / 2);
  return { low, high: total - low, extra: Math.max(stride - kernel, 0) };
}

/** TF.js's 3D kernels place such windows differently from native TensorFlow, so there is no single result to agree with. */
function refuseGaps(kernel: readonly number[], strides: readonly number[]): void {
  const axis = kernel.findIndex((size, index) => size < at(strides, index));
  if (axis === -1) return;
  throw new ExportError(
    `padding "same" with a kernel of ${kernel.join(", ")} at strides of ${strides.join(", ")}: TF.js's backends disagree on it`,
  );
}

function convolutionTranspose(className: string, rank: number): LayerConverter {
  return defineConverter({
    className,
    ops: ["ConvTranspose"],
    parse(config, { rules }) {
      const dilated = config.positives("dilation_rate", rank, ones(rank)).some((dilation) => dilation !== 1);
      if ((rules.dilation === true || rank === 1) && (dilated || config.has("output_padding"))) {
        throw new ExportError("dilation_rate and output_padding are not supported");
      }
      return {
        filters: config.positive("filters"),
        kernel: config.positives("kernel_size", rank),
        strides: config.positives("strides", rank, ones(rank)),
        same: config.oneOf("padding", ["valid", "same"], "valid") === "same",
        format: config.dataFormat(),
        useBias: config.boolean("use_bias", true),
        activation: readActivation(config, "activation", rules),
      };
    },
    emit({ graph, weights }, { filters, kernel, strides, same, format, useBias, activation }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      if (rank === 3 && same) refuseGaps(kernel, strides);
      const axes = spatialAxes(format, rank);
      const fits = kernel.map((size, index) => fitTransposed(size, at(strides, index), same));
      const stored = weights.get("kernel", [...kernel, filters, fixedSize(input, axes.channels)]);
      const order = [rank + 1, rank, ...kernel.map((_, axis) => axis)];
      const pads = [...fits.map(({ low }) => low), ...fits.map(({ high }) => high)];
      const extra = fits.map((fit) => fit.extra);
      const output = windowNode(
        graph,
        "ConvTranspose",
        [
          channelsFirst(graph, input, axes),
          graph.constant("kernel", transposedWhenWritten(stored, order)),
          useBias ? graph.constant("bias", weights.get("bias", [filters])) : null,
        ],
        {
          kernel_shape: ints(kernel),
          strides: ints(strides),
          ...(pads.some((pad) => pad !== 0) ? { pads: ints(pads) } : {}),
          ...(extra.some((each) => each !== 0) ? { output_padding: ints(extra) } : {}),
        },
        axes,
      );
      return applyActivation(graph, activation, output);
    },
  });
}

export const transposedConvolutions: readonly LayerConverter[] = [
  convolutionTranspose("Conv1DTranspose", 1),
  convolutionTranspose("Conv2DTranspose", 2),
  convolutionTranspose("Conv3DTranspose", 3),
];
