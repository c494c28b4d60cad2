import { ExportError } from "../../errors.ts";
import { string, type Attributes } from "../../onnx/model.ts";
import type { GraphBuilder } from "./builder.ts";
import { asNumber, type Dim } from "../../onnx/dim.ts";
import { at as elementAt } from "../../require.ts";
import { gather } from "./ops/shape.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { axisOf, dimOf, newAxis, sameFactors, Value, viewOf } from "../ir/value.ts";

import type { SpatialAxes } from "./windows.ts";

/** How the pixels of a new size are found in an image. */
export interface Resampling {
  readonly method: "nearest" | "bilinear";
  /** Where a pixel is: as `tf.image.resize*` has it with neither, one or the other of its options. */
  readonly coordinates: "asymmetric" | "align_corners" | "half_pixel";
}

export interface ResizeTarget {
  /** Height and width that come out. */
  readonly size: readonly Dim[];
  /** What the sizes are multiplied by, where that is the same whatever they are. */
  readonly scales?: readonly number[];
}

/**
 * Images in another size. Bilinear ones come out as float32. Where ONNX Runtime's float32 arithmetic would take another
 * pixel for the nearest than TF.js's float64, pixels are picked by index.
 */
export function resizeImage(
  graph: GraphBuilder,
  image: Value,
  axes: SpatialAxes,
  { size, scales }: ResizeTarget,
  how: Resampling,
): Value {
  const input = how.method === "bilinear" ? graph.cast(image, "float32") : image;
  const from = axes.spatial.map((axis) => dimOf(input, axis));
  expectPixels([...from, ...size]);
  if (from.every((dim, index) => dim === size[index])) return input;
  const sides = knownSides(from, size);
  if (sides !== null && how.method === "nearest" && !sides.every((side) => takesTheSame(side, how))) {
    return sides.reduce((value, { from: width, to }, index) => {
      const indices = Array.from({ length: to }, (_, at) => nearest(at, width, to, how));
      return pick(graph, value, elementAt(axes.spatial, index), indices);
    }, input);
  }
  const order = [0, axes.channels, ...axes.spatial];
  const operands = resizeOperands(graph, input, axes, size, scales ?? sides?.map(scaleOf) ?? null);
  const pixels = how.method === "bilinear" ? guarded(graph, input, order) : graph.inOrder(input, order);
  const resized = graph.op("Resize", [pixels, ...operands], modes(how));
  const seen = viewOf(resized, order);
  // Scales are rounded, the sizes that are asked for are not.
  const axesOfSize = seen.axes.map((axis, place) => {
    const wanted = size[axes.spatial.indexOf(place)];
    return wanted === undefined ? axis : newAxis(wanted);
  });
  return new Value(
    resized,
    axesOfSize,
    order.map((axis) => elementAt(axesOfSize, axis)),
  );
}

/** Beyond this a float32, in which places are computed, tells neighbouring pixels no more apart. */
const MOST_PIXELS = 2 ** 24;

/** @throws {ExportError} for sides of images that no image has, since pixels are looked at one by one */
export function expectPixels(sizes: readonly Dim[]): void {
  const wrong = sizes.map(asNumber).find((size) => size !== null && size > MOST_PIXELS);
  if (wrong !== undefined && wrong !== null)
    throw new ExportError(`a side of ${wrong} pixels is larger than any image's`);
}

/**
 * The tensor stored N C H W. ONNX Runtime (1.30) moves a Transpose behind the Resize after it, and then refuses a bilinear one
 * unless rows and columns are the inner or the middle dimensions. It leaves an Einsum where it is.
 */
function guarded(graph: GraphBuilder, input: Value, order: readonly number[]): GraphTensor {
  const tensor = graph.inOrder(input, order);
  const [batch, channels] = [axisOf(input, elementAt(order, 0)), axisOf(input, elementAt(order, 1))];
  const [first = [], second = []] = input.stored;
  const isMovable =
    sameFactors(first, batch) && [second, input.stored.at(-1) ?? []].some((dim) => sameFactors(dim, channels));
  if (tensor === input.tensor || isMovable) return tensor;
  return graph.op("Einsum", [tensor], { equation: string("nchw->nchw") });
}

/** The value with the elements at `indices` of one axis; an index beyond the axis gives zeros. */
export function pick(graph: GraphBuilder, value: Value, axis: number, indices: readonly number[]): Value {
  const [first = 0] = indices;
  const { value: split, dim } = graph.isolate(value, axis);
  const place = { axes: axis, stored: dim };
  if (indices.every((index, at) => index === first + at)) {
    const bounds = [[first], [first + indices.length], [dim]].map((each) => graph.int64s(each));
    return resizedTo(split, place, indices.length, graph.op("Slice", [split.tensor, ...bounds]));
  }
  return resizedTo(split, place, indices.length, gather(graph, split.tensor, graph.int64s(indices), dim));
}

function resizedTo(
  value: Value,
  place: { readonly axes: number; readonly stored: number },
  size: number,
  tensor: GraphTensor,
): Value {
  const axis = newAxis(size);
  return new Value(tensor, value.axes.toSpliced(place.axes, 1, axis), value.stored.toSpliced(place.stored, 1, axis));
}

interface Side {
  readonly from: number;
  readonly to: number;
}

function knownSides(from: readonly Dim[], to: readonly Dim[]): Side[] | null {
  const sides = from.flatMap((before, index) => {
    const [own, after] = [asNumber(before), asNumber(elementAt(to, index))];
    return own !== null && after !== null ? [{ from: own, to: after }] : [];
  });
  return sides.length === from.length ? sides : null;
}

/** The least float32 of at least to / from: ONNX Runtime and ONNX's shape inference, in float64, round sizes down. */
function scaleOf({ from, to }: Side): number {
  let scale = Math.fround(to / from);
  while (scale * from < to) scale = Math.fround(scale * (1 + 2 ** -23));
  return scale;
}

/** The index TF.js takes: tfjs-backend-cpu, kernels/ResizeNearestNeighbor. */
function nearest(at: number, from: number, to: number, { coordinates }: Resampling): number {
  if (coordinates === "align_corners" && to > 1) {
    return Math.min(from - 1, Math.round(((from - 1) / (to - 1)) * at));
  }
  const ratio = from / to;
  return Math.min(from - 1, Math.floor(coordinates === "half_pixel" ? ratio * (at + 0.5) : ratio * at));
}

/** Whether ONNX Runtime's Resize takes the same pixels. */
function takesTheSame(side: Side, how: Resampling): boolean {
  const { from, to } = side;
  const scale = scaleOf(side);
  const theirs = (at: number): number => {
    if (how.coordinates === "align_corners") {
      return to === 1 ? 0 : Math.round(Math.fround(Math.fround(at * (from - 1)) / (to - 1)));
    }
    if (how.coordinates === "asymmetric") return Math.floor(Math.fround(at / scale));
    return Math.round(Math.fround(Math.fround(at + 0.5) / scale - 0.5));
  };
  return Array.from({ length: to }, (_, at) => at).every((at) => {
    return Math.min(from - 1, theirs(at)) === nearest(at, from, to, how);
  });
}

/** `roi` (left out), and either scales or sizes: those of the first two dimensions as they are. */
function resizeOperands(
  graph: GraphBuilder,
  input: Value,
  axes: SpatialAxes,
  size: readonly Dim[],
  scales: readonly number[] | null,
): (GraphTensor | null)[] {
  if (scales !== null) {
    const data = Float32Array.of(1, 1, ...scales);
    return [null, graph.constant("scales", { dtype: "float32", dims: [data.length], data })];
  }
  return [null, null, graph.shapeTensor([dimOf(input, 0), dimOf(input, axes.channels), ...size])];
}

function modes({ method, coordinates }: Resampling): Attributes {
  const transformation = { coordinate_transformation_mode: string(coordinates) };
  if (method === "bilinear") return { mode: string("linear"), ...transformation };
  // The half of a half-pixel place goes up: floor(ratio * (at + 0.5)) in TF.js.
  const rounding = coordinates === "asymmetric" ? "floor" : "round_prefer_ceil";
  return { mode: string("nearest"), ...transformation, nearest_mode: string(rounding) };
}
