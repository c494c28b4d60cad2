import { ExportError } from "../../../errors.ts";
import {
  add,
  asNumber,
  ceilDivide,
  dim,
  floorDivide,
  isNumber,
  max,
  multiply,
  show,
  subtract,
  type Dim,
} from "../../../onnx/dim.ts";
import { int, ints, type Attributes } from "../../../onnx/model.ts";
import { at, first } from "../../../require.ts";
import type { Tensor } from "../../../tensor.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { gather, pad as padTensor, slice } from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { dimOf, insertAxis, permuteAxes, viewOf, type Value } from "../../ir/value.ts";
import {
  channelsFirst,
  expectRank,
  fitWindow,
  spatialAxes,
  windowNode,
  type SpatialAxes,
  type Window,
} from "../../build/windows.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";
import type { AttributeReader } from "../source/attributes.ts";
import type { GraphNode } from "../source/node.ts";

import { activate, fusedParts, type FusedParts } from "./activation.ts";
import { defineOp } from "./define.ts";

/** How a convolution slides, as its node says. */
export interface Sliding {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padding: "same" | "valid" | "explicit";
  /** Beginnings, then ends, of the spatial axes; for explicit padding. */
  readonly pads: readonly number[];
  readonly axes: SpatialAxes;
}

const NO_FUSION: FusedParts = { bias: null, activation: { name: "linear" } };

/**
 * Attributes of a convolution with `rank` spatial axes. TF.js takes strides and dilations from the places of N H W C
 * whatever the data format is.
 */
function readSliding(attributes: AttributeReader, rank: number): Sliding {
  const ones = Array.from({ length: rank + 2 }, () => 1);
  const inner = (list: readonly number[]): readonly number[] => {
    if (list.length === rank + 2) return list.slice(1, rank + 1);
    throw new ExportError(`strides and dilations must have ${rank + 2} entries; got ${list.length}`);
  };
  const formats = rank === 3 ? (["NDHWC", "NCDHW", "NHWC"] as const) : (["NHWC", "NCHW"] as const);
  const format = attributes.oneOf("data_format", formats, "NHWC").startsWith("NC") ? "channels_first" : "channels_last";
  const axes = spatialAxes(format, rank);
  const padding = readPadding(attributes);
  return {
    strides: inner(attributes.ints("strides")),
    dilations: inner(attributes.ints("dilations", ones)),
    padding,
    pads: padding === "explicit" ? explicitPads(attributes, axes) : [],
    axes,
  };
}

const PADDINGS = { SAME: "same", VALID: "valid", EXPLICIT: "explicit" } as const;

export function readPadding(attributes: AttributeReader): Sliding["padding"] {
  return PADDINGS[attributes.oneOf("padding", ["SAME", "VALID", "EXPLICIT"])];
}

/** `explicit_paddings` has a beginning and an end for each axis of the input. */
function explicitPads(attributes: AttributeReader, { spatial }: SpatialAxes): readonly number[] {
  const all = attributes.ints("explicit_paddings", []);
  const pairs = spatial.map((axis) => [at(all, 2 * axis), at(all, 2 * axis + 1)] as const);
  return [...pairs.map(([begin]) => begin), ...pairs.map(([, end]) => end)];
}

/** Attributes of ONNX's Conv and the pools over axes of the given sizes. */
export function slidingAttributes(sliding: Sliding, kernel: readonly number[], sizes: readonly Dim[]): Attributes {
  const { strides, dilations, padding, pads } = sliding;
  const window: Window = { kernel, strides, dilations, padding: padding === "same" ? "same" : "valid" };
  if (padding !== "explicit") return fitWindow(window, sizes).attributes;
  const padded = sizes.map((size, axis) => add(size, at(pads, axis) + at(pads, axis + sizes.length)));
  return { ...fitWindow(window, padded).attributes, ...(pads.some((pad) => pad !== 0) ? { pads: ints(pads) } : {}) };
}

function knownSizes(value: Value, what: string): readonly number[] {
  return value.dims.map((size) => {
    const known = asNumber(size);
    if (known !== null) return known;
    throw new ExportError(`the shape of ${what} must be known; it has a size ${show(size)}`);
  });
}

/** A bias with one element a channel can be an input of Conv; others are added. */
function biasInput(graph: GraphBuilder, bias: Value | null, channels: number): GraphTensor | null {
  if (bias === null || bias.rank !== 1 || !isNumber(dimOf(bias, 0), channels)) return null;
  return graph.plain(bias);
}

interface Convolution {
  readonly input: Value;
  /** [M, C / group, ...kernel] */
  readonly weight: GraphTensor;
  readonly kernel: readonly number[];
  readonly channels: number;
  readonly group: number;
  readonly sliding: Sliding;
  readonly fused: FusedParts;
}

function emit(graph: GraphBuilder, { input, weight, kernel, channels, group, sliding, fused }: Convolution): Value {
  const { axes } = sliding;
  const sizes = axes.spatial.map((axis) => dimOf(input, axis));
  const bias = biasInput(graph, fused.bias, channels);
  const attributes = {
    ...slidingAttributes(sliding, kernel, sizes),
    ...(group === 1 ? {} : { group: int(group) }),
  };
  const result = windowNode(graph, "Conv", [channelsFirst(graph, input, axes), weight, bias], attributes, axes);
  const biased = bias === null && fused.bias !== null ? graph.binary("Add", result, fused.bias) : result;
  return activate(graph, biased, fused.activation);
}

/** A filter [...kernel, C, M]. */
function convolve(context: OpContext, sliding: Sliding, fused: FusedParts): Value {
  const { graph } = context;
  const [input, filter] = [context.tensor(0), context.tensor(1)];
  const rank = sliding.strides.length;
  expectRank(input, rank + 2);
  expectRank(filter, rank + 2);
  const sizes = knownSizes(filter, "the filter");
  expectChannels(input, sliding, at(sizes, rank));
  return emit(graph, {
    input,
    weight: graph.inOrder(filter, [rank + 1, rank, ...sliding.axes.spatial.keys()]),
    kernel: sizes.slice(0, rank),
    channels: at(sizes, rank + 1),
    group: 1,
    sliding,
    fused,
  });
}

function expectChannels(input: Value, { axes }: Sliding, channels: number): void {
  const found = dimOf(input, axes.channels);
  const known = asNumber(found);
  if (known === null || known === channels) return;
  throw new ExportError(`its input has ${known} channels, its filter takes ${channels}`);
}

/** A filter [...kernel, C, multiplier]: output channel `c * multiplier + m` sees channel c alone. */
function convolveDepthwise(context: OpContext, sliding: Sliding, fused: FusedParts): Value {
  const { graph } = context;
  const [input, filter] = [context.tensor(0), context.tensor(1)];
  expectRank(input, 4);
  expectRank(filter, 4);
  const sizes = knownSizes(filter, "the filter");
  const [height, width, inputs, multiplier] = [at(sizes, 0), at(sizes, 1), at(sizes, 2), at(sizes, 3)];
  expectChannels(input, sliding, inputs);
  const channels = inputs * multiplier;
  const moved = graph.reshape(permuteAxes(filter, [2, 3, 0, 1]), [channels, height, width]);
  return emit(graph, {
    input,
    weight: graph.plain(insertAxis(moved, 1)),
    kernel: [height, width],
    channels,
    group: inputs,
    sliding,
    fused,
  });
}

const conv1d = defineOp(["Conv1D"], ["Conv"], (context, { attributes }) => {
  const format = attributes.oneOf("data_format", ["NWC", "NCW"], "NWC");
  if (format === "NCW") throw new ExportError("TF.js has no Conv1D of NCW data");
  const padding = readPadding(attributes);
  const sliding: Sliding = {
    strides: [attributes.int("stride", 1)],
    dilations: [attributes.int("dilation", 1)],
    padding,
    pads: [],
    axes: spatialAxes("channels_last", 1),
  };
  return convolve(context, sliding, NO_FUSION);
});

/**
 * One axis of a transposed convolution, whose output has `to` elements: ONNX's has stride · (from − 1) + kernel +
 * output_padding − pads. TF.js pads as the convolution from `to` to `from` does, the odd element at the end.
 */
function fitTransposed(
  {
    from,
    to,
    kernel,
    stride,
  }: { readonly from: Dim; readonly to: Dim; readonly kernel: number; readonly stride: number },
  given: readonly [number, number] | null,
): { readonly low: number; readonly high: number; readonly extra: number } {
  const reach = add(multiply(subtract(from, 1), stride), kernel);
  const surplus = asNumber(subtract(reach, to));
  if (surplus === null) {
    throw new ExportError(
      `an output of ${show(to)} for an input of ${show(from)} elements: the padding depends on sizes that are free`,
      { hint: "fix the sizes of the inputs with --input-shape" },
    );
  }
  if (given !== null) {
    const [low, high] = given;
    return { low, high, extra: low + high - surplus };
  }
  const total = Math.max(surplus, 0);
  const low = Math.floor(total / 2);
  return { low, high: total - low, extra: Math.max(-surplus, 0) };
}

/** Inputs: the shape of the output, the filter [...kernel, outputs, inputs], the tensor. TF.js knows NHWC alone here. */
const conv2dTranspose = defineOp(
  ["Conv2DBackpropInput", "Conv2dTranspose"],
  ["ConvTranspose"],
  (context, { attributes }) => {
    const { graph } = context;
    const [filter, input] = [context.tensor(1), context.tensor(2)];
    expectRank(input, 4);
    expectRank(filter, 4);
    const axes = spatialAxes("channels_last", 2);
    const kernel = knownSizes(filter, "the filter").slice(0, 2);
    const strides = attributes.ints("strides").slice(1, 3);
    const padding = readPadding(attributes);
    const pads = padding === "explicit" ? explicitPads(attributes, axes) : null;
    const wanted = outputShape(context);
    const fits = kernel.map((size, axis) =>
      fitTransposed(
        { from: dimOf(input, axis + 1), to: at(wanted, axis + 1), kernel: size, stride: at(strides, axis) },
        padding === "valid" ? [0, 0] : pads === null ? null : [at(pads, axis), at(pads, axis + 2)],
      ),
    );
    const all = [...fits.map(({ low }) => low), ...fits.map(({ high }) => high)];
    const extra = fits.map((fit) => fit.extra);
    return windowNode(
      graph,
      "ConvTranspose",
      [channelsFirst(graph, input, axes), graph.inOrder(filter, [3, 2, 0, 1])],
      {
        kernel_shape: ints(kernel),
        ...(strides.some((stride) => stride !== 1) ? { strides: ints(strides) } : {}),
        ...(all.some((pad) => pad !== 0) ? { pads: ints(all) } : {}),
        ...(extra.some((each) => each !== 0) ? { output_padding: ints(extra) } : {}),
      },
      axes,
    );
  },
);

function outputShape(context: OpContext): readonly Dim[] {
  const { graph } = context;
  const { elements } = graph.plain(context.tensor(0));
  if (elements !== null && elements.length === 4) return elements;
  throw new ExportError("the shape of the output depends on data", {
    hint: "fix the sizes of the inputs with --input-shape",
  });
}

/**
 * The largest sum of an element and the filter's, window by window: the maximum over as many slices as the filter has
 * elements.
 */
const dilation2d = defineOp(["Dilation2D"], ["Pad", "Slice", "Gather", "Add", "Max"], (context, { attributes }) => {
  const { graph } = context;
  const [input, filter] = [context.tensor(0), context.tensor(1)];
  expectRank(input, 4);
  expectRank(filter, 3);
  const kernel = knownSizes(filter, "the filter").slice(0, 2);
  const strides = attributes.ints("strides").slice(1, 3);
  const rates = attributes.ints("rates").slice(1, 3);
  const same = readPadding(attributes) === "same";
  const fits = kernel.map((size, axis) =>
    fitReach(dimOf(input, axis + 1), (size - 1) * at(rates, axis) + 1, at(strides, axis), same),
  );
  const padded = same ? padWithLeast(graph, graph.plain(input), fits) : graph.plain(input);
  const width = at(kernel, 1);
  const rows = graph.plain(graph.reshape(filter, [at(kernel, 0) * width, dimOf(filter, 2)]));
  const parts = Array.from({ length: at(kernel, 0) * width }, (_, index) => {
    const starts = [Math.floor(index / width) * at(rates, 0), (index % width) * at(rates, 1)];
    const ends = starts.map((start, axis) =>
      add(multiply(add(at(fits, axis).steps, -1), at(strides, axis)), start + 1),
    );
    const part = slice(graph, padded, { axes: [1, 2], starts, ends, steps: strides });
    return graph.op("Add", [part, gather(graph, rows, graph.constant("row", scalarIndex(index)))]);
  });
  return viewOf(parts.length === 1 ? first(parts) : graph.op("Max", parts));
});

function scalarIndex(index: number): Tensor {
  return { dtype: "int64", dims: [], data: BigInt64Array.of(BigInt(index)) };
}

interface Fit {
  /** How many windows there are. */
  readonly steps: Dim;
  readonly before: Dim;
  readonly after: Dim;
}

/** How windows that reach over `reach` elements go over an axis; their padding may depend on a free size. */
function fitReach(size: Dim, reach: number, stride: number, same: boolean): Fit {
  if (!same) return { steps: floorDivide(add(size, stride - reach), stride), before: dim(0), after: dim(0) };
  const steps = ceilDivide(size, stride);
  const total = max(subtract(add(multiply(add(steps, -1), stride), reach), size), 0);
  const before = floorDivide(total, 2);
  return { steps, before, after: subtract(total, before) };
}

/** Rows and columns that win over nothing around the tensor [N, H, W, C]. */
function padWithLeast(graph: GraphBuilder, input: GraphTensor, fits: readonly Fit[]): GraphTensor {
  const sides = [0, ...fits.map(({ before }) => before), 0, 0, ...fits.map(({ after }) => after), 0];
  return padTensor(graph, input, graph.shapeTensor(sides), { fill: graph.scalar(Number.NEGATIVE_INFINITY) });
}

function convolution(tfOps: readonly string[], rank: number): GraphOpConverter {
  return defineOp(tfOps, ["Conv"], (context, { attributes }) =>
    convolve(context, readSliding(attributes, rank), NO_FUSION),
  );
}

const FUSED_OPS = ["Conv", "Add", "Relu", "Clip", "Elu", "Sigmoid", "LeakyRelu", "PRelu"] as const;

export const convolutions: readonly GraphOpConverter[] = [
  conv1d,
  convolution(["Conv2D"], 2),
  convolution(["Conv3D"], 3),
  defineOp(["_FusedConv2D"], FUSED_OPS, (context, node: GraphNode) =>
    convolve(context, readSliding(node.attributes, 2), fusedParts(context, node)),
  ),
  defineOp(["DepthwiseConv2dNative", "DepthwiseConv2d"], ["Conv"], (context, { attributes }) =>
    convolveDepthwise(context, readSliding(attributes, 2), NO_FUSION),
  ),
  defineOp(["FusedDepthwiseConv2dNative"], FUSED_OPS, (context, node: GraphNode) =>
    convolveDepthwise(context, readSliding(node.attributes, 2), fusedParts(context, node)),
  ),
  conv2dTranspose,
  dilation2d,
];
