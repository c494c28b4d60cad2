import { ExportError } from "../../errors.ts";
import { int, string, type Attributes } from "../../onnx/model.ts";
import type { GraphBuilder } from "../onnx/builder.ts";
import type { Dim } from "../onnx/dims.ts";
import { dimOf, dimsOf, sameFactors, type Value } from "../onnx/value.ts";

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
      return pick(graph, value, axes.spatial[index] ?? 0, indices);
    }, input);
  }
  const order = [0, axes.channels, ...axes.spatial];
  const dims = dimsOf(input);
  axes.spatial.forEach((axis, index) => (dims[axis] = size[index] ?? 1));
  const operands = resizeOperands(graph, input, axes, size, scales ?? sides?.map(scaleOf) ?? null);
  return graph.make(
    "Resize",
    [how.method === "bilinear" ? guarded(graph, input, order) : graph.inOrder(input, order), ...operands],
    { dtype: input.dtype, dims, order },
    modes(how),
  );
}

/** Beyond this a float32, in which places are computed, tells neighbouring pixels no more apart. */
const MOST_PIXELS = 2 ** 24;

/** @throws {ExportError} for sides of images that no image has, since pixels are looked at one by one */
export function expectPixels(sizes: readonly Dim[]): void {
  const wrong = sizes.find((size) => typeof size === "number" && size > MOST_PIXELS);
  if (wrong !== undefined) throw new ExportError(`a side of ${wrong} pixels is larger than any image's`);
}

/**
 * The tensor stored N C H W. ONNX Runtime (1.30) moves a Transpose behind the Resize after it, and then refuses a bilinear one
 * unless rows and columns are the inner or the middle dimensions. It leaves an Einsum where it is.
 */
function guarded(graph: GraphBuilder, input: Value, order: readonly number[]): string {
  const name = graph.inOrder(input, order);
  const [batch = [], channels = []] = order.map((axis) => input.axes[axis]);
  const [first = [], second = []] = input.stored;
  const isMovable =
    sameFactors(first, batch) && [second, input.stored.at(-1) ?? []].some((dim) => sameFactors(dim, channels));
  if (name === input.name || isMovable) return name;
  return graph.op("Einsum", [name], { equation: string("nchw->nchw") });
}

/** The value with the elements at `indices` of one axis; an index beyond the axis gives zeros. */
export function pick(graph: GraphBuilder, value: Value, axis: number, indices: readonly number[]): Value {
  const [first = 0] = indices;
  const { value: split, dim } = graph.isolate(value, axis);
  const place = { axes: axis, stored: dim };
  if (indices.every((index, at) => index === first + at)) {
    const bounds = [[first], [first + indices.length], [dim]].map((each) => graph.int64s(each));
    return resized(split, place, indices.length, graph.op("Slice", [split.name, ...bounds]));
  }
  const name = graph.op("Gather", [split.name, graph.int64s(indices)], { axis: int(dim) });
  return resized(split, place, indices.length, name);
}

function resized(
  value: Value,
  at: { readonly axes: number; readonly stored: number },
  size: number,
  name: string,
): Value {
  const axis = size === 1 ? [] : [{ size }];
  return {
    ...value,
    name,
    axes: value.axes.toSpliced(at.axes, 1, axis),
    stored: value.stored.toSpliced(at.stored, 1, axis),
  };
}

interface Side {
  readonly from: number;
  readonly to: number;
}

function knownSides(from: readonly Dim[], to: readonly Dim[]): Side[] | null {
  const sides = from.flatMap((before, index) => {
    const after = to[index];
    return typeof before === "number" && typeof after === "number" ? [{ from: before, to: after }] : [];
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
): (string | null)[] {
  if (scales !== null) {
    const data = Float32Array.of(1, 1, ...scales);
    return [null, graph.constant("scales", { dtype: "float32", dims: [data.length], data })];
  }
  const outer = [input.axes[0] ?? [], input.axes[axes.channels] ?? []];
  const inner = size.map((dim) => (dim === 1 ? [] : [{ size: dim }]));
  return [null, null, graph.runtimeShape([...outer, ...inner])];
}

function modes({ method, coordinates }: Resampling): Attributes {
  const transformation = { coordinate_transformation_mode: string(coordinates) };
  if (method === "bilinear") return { mode: string("linear"), ...transformation };
  const rounding =
    coordinates === "align_corners" ? "round_prefer_ceil" : coordinates === "asymmetric" ? "floor" : null;
  return {
    mode: string("nearest"),
    ...transformation,
    ...(rounding === null ? {} : { nearest_mode: string(rounding) }),
  };
}
