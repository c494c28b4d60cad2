import { ExportError } from "../../errors.ts";
import { ints, string, type Attributes } from "../../onnx/model.ts";
import type { GraphBuilder } from "./builder.ts";
import { add, asNumber, ceilDivide, floorDivide, show, type Dim } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { dimOf, viewOf, type Value } from "../ir/value.ts";
import type { DataFormat } from "../source/config.ts";

export type Padding = "valid" | "same" | "causal";

/** A window that slides over spatial axes: that of a convolution or of a pooling. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padding: Padding;
}

/** Where the channels and the spatial axes of a tensor are. */
export interface SpatialAxes {
  readonly channels: number;
  readonly spatial: readonly number[];
}

export function spatialAxes(format: DataFormat, rank: number): SpatialAxes {
  const first = format === "channels_first" ? 2 : 1;
  const spatial = Array.from({ length: rank }, (_, index) => first + index);
  return { channels: format === "channels_first" ? 1 : rank + 1, spatial };
}

/** How ONNX says where a window goes, and the sizes that come out. */
export interface WindowFit {
  readonly attributes: Attributes;
  readonly dims: readonly Dim[];
}

/**
 * Fit a window over axes of the given sizes as TensorFlow does: `same` gives ceil(size / stride) and puts the odd element
 * of padding at the end. Source: tfjs-core/src/ops/conv_util.ts, `getPadAndOutInfo`.
 *
 * @throws {ExportError} when the window does not fit once.
 */
export function fitWindow(window: Window, sizes: readonly Dim[]): WindowFit {
  const { kernel, strides, dilations } = window;
  const sides = sizes.map((size, axis) => {
    const extent = (at(kernel, axis) - 1) * at(dilations, axis) + 1;
    const stride = at(strides, axis);
    if (kernel.length === 3 && window.padding === "same") refuseGap(size, extent, stride);
    return fitAxis(window.padding, size, extent, stride);
  });
  const pads = sides.flatMap(({ pad }) => (pad === null ? [] : [pad]));
  const places = [...pads.map(([low]) => low), ...pads.map(([, high]) => high)];
  return {
    dims: sides.map(({ out }) => out),
    attributes: {
      kernel_shape: ints(kernel),
      ...(strides.some((stride) => stride !== 1) ? { strides: ints(strides) } : {}),
      ...(dilations.some((dilation) => dilation !== 1) ? { dilations: ints(dilations) } : {}),
      ...(pads.length < sides.length ? { auto_pad: string("SAME_UPPER") } : {}),
      ...(pads.length === sides.length && places.some((place) => place !== 0) ? { pads: ints(places) } : {}),
    },
  };
}

/** Where windows leave gaps, TF.js's own 3D kernels begin later than native TensorFlow's: no answer would be right. */
function refuseGap(size: Dim, extent: number, stride: number): void {
  if (extent >= stride) return;
  const known = asNumber(size);
  if (known !== null && (Math.ceil(known / stride) - 1) * stride + extent >= known) return;
  throw new ExportError(
    `padding "same" with windows of ${extent} at strides of ${stride} over ${show(size)} elements: TF.js's backends disagree on it`,
  );
}

interface AxisFit {
  readonly out: Dim;
  /** Null: it depends on a size that is only known at run time. */
  readonly pad: readonly [number, number] | null;
}

function fitAxis(padding: Padding, size: Dim, extent: number, stride: number): AxisFit {
  if (padding === "same") {
    const out = ceilDivide(size, stride);
    if (stride === 1) return { out, pad: halves(extent - 1) };
    const [known, steps] = [asNumber(size), asNumber(out)];
    if (known === null || steps === null) return { out, pad: anyPad(extent, stride) };
    return { out, pad: halves(Math.max((steps - 1) * stride + extent - known, 0)) };
  }
  const before = padding === "causal" ? extent - 1 : 0;
  const out = floorDivide(add(size, before + stride - extent), stride);
  const steps = asNumber(out);
  if (steps !== null && steps < 1) {
    throw new ExportError(`a window of ${extent} does not fit into ${show(size)} elements`);
  }
  return { out, pad: [before, 0] };
}

/**
 * The padding of windows shorter than their stride over a free size: an element at the end is enough for windows of two, and
 * padding that no window reaches changes nothing. ONNX Runtime's poolings refuse to find it themselves.
 */
function anyPad(extent: number, stride: number): readonly [number, number] | null {
  return extent < stride && extent <= 2 ? [0, extent - 1] : null;
}

function halves(total: number): readonly [number, number] {
  const low = Math.floor(total / 2);
  return [low, total - low];
}

/**
 * ONNX Runtime does not find the padding of a pooling by itself where windows leave gaps on any axis. Both poolings can go
 * axis by axis, so that those with gaps, which need no more than one element at the end, are apart from the others.
 *
 * @throws {ExportError} for windows of three elements or more with gaps over a free size, whose padding depends on it
 */
export function axisByAxis(window: Window, sizes: readonly Dim[]): readonly Window[] {
  const { kernel, strides, padding } = window;
  const sides = sizes.map((size, axis) => {
    const [extent, stride] = [at(kernel, axis), at(strides, axis)];
    return { extent, stride, gap: extent < stride, free: asNumber(size) === null };
  });
  if (padding !== "same" || !sides.some(({ gap }) => gap)) return [window];
  const wide = sides.find(({ gap, free, extent }) => gap && free && extent > 2);
  if (wide !== undefined) {
    throw new ExportError(
      `padding "same" with windows of ${wide.extent} at strides of ${wide.stride} over a free size: ONNX Runtime cannot pool that`,
      { hint: "fix the size: --input-shape, or inputShapes in the library" },
    );
  }
  if (!sides.some(({ free, gap, stride }) => free && !gap && stride > 1)) return [window];
  const alone = (values: readonly number[], kept: number): number[] =>
    values.map((each, axis) => (axis === kept ? each : 1));
  return sizes.map((_, axis) => ({ ...window, kernel: alone(kernel, axis), strides: alone(strides, axis) }));
}

/** The tensor stored N C and then the spatial axes, as ONNX's convolutions and poolings take it. */
export function channelsFirst(graph: GraphBuilder, value: Value, { channels, spatial }: SpatialAxes): GraphTensor {
  return graph.inOrder(value, [0, channels, ...spatial]);
}

/** A node that takes tensors stored N C and the spatial axes, and whose output is stored alike. */
export function windowNode(
  graph: GraphBuilder,
  opType: string,
  inputs: readonly (GraphTensor | null)[],
  attributes: Attributes,
  { channels, spatial }: SpatialAxes,
): Value {
  return viewOf(graph.op(opType, inputs, attributes), [0, channels, ...spatial]);
}

/** @throws {ExportError} when the input has not `rank` axes. */
export function expectRank(value: Value, rank: number): void {
  if (value.axes.length === rank) return;
  throw new ExportError(`the input must have ${rank} axes; it has ${value.axes.length}`);
}

/** The size of an axis that weights depend on. @throws {ExportError} when it is free */
export function fixedSize(value: Value, axis: number): number {
  const size = dimOf(value, axis);
  const known = asNumber(size);
  if (known !== null) return known;
  throw new ExportError(`axis ${axis} of the input must have a fixed size; it is ${show(size)}`);
}
