import { ExportError } from "../../../errors.ts";
import {
  asNumber,
  broadcast,
  dim,
  divideExactly,
  floorDivide,
  isNumber,
  multiply,
  showShape,
  type Dim,
} from "../../../onnx/dim.ts";
import { int } from "../../../onnx/model.ts";
import { at, first } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { add, max, min, mod, neg, sub } from "../../build/ops/elementwise.ts";
import { concat, depthToSpace, expand, gather, pad, range, slice, squeeze } from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import {
  axisOf,
  dimOf,
  insertAxis,
  newAxis,
  permuteAxes,
  removeAxis,
  sameFactors,
  Value,
  viewOf,
} from "../../ir/value.ts";
import { channelsFirst, expectRank, spatialAxes } from "../../build/windows.ts";
import { isComplex, type ComplexValue, type GraphOpConverter, type OpContext } from "../converter.ts";
import type { GraphDType } from "../source/dtype.ts";

import { alongAxis, placeOf } from "./axes.ts";
import { defineOp } from "./define.ts";
import { number, withNumber } from "./operands.ts";
import { eachPart } from "./parts.ts";

const cast = defineOp(["Cast"], ["Cast"], (context, { attributes }) => {
  const { graph } = context;
  const value = context.numeric(0);
  const dtype = attributes.dtype("DstT");
  if (dtype === "complex64") return asComplex(graph, value);
  const real = isComplex(value) ? value.real : value;
  return castTo(graph, real, dtype);
});

function castTo(graph: GraphBuilder, value: Value, dtype: Exclude<GraphDType, "complex64">): Value {
  if (value.dtype === dtype) return value;
  if (value.dtype === "string" || dtype === "string") {
    throw new ExportError(`TF.js does not turn ${value.dtype} into ${dtype}`);
  }
  return graph.cast(value, dtype);
}

function asComplex(graph: GraphBuilder, value: Value | ComplexValue): ComplexValue {
  if (isComplex(value)) return value;
  const real = graph.cast(value, "float32");
  return { kind: "complex", real, imaginary: withNumber(graph, "Mul", real, 0) };
}

const expandDims = defineOp(["ExpandDims"], [], (context) => {
  const [given] = context.integers(1, "the axis");
  return eachPart(context.numeric(0), (part) => {
    const axis = (given ?? 0) < 0 ? (given ?? 0) + part.rank + 1 : (given ?? 0);
    if (axis < 0 || axis > part.rank) throw new ExportError(`there is no place ${given ?? 0} for an axis`);
    return insertAxis(part, axis);
  });
});

/** Without axes, all of size 1 go. A size that is free is taken to be another. */
const squeezed = defineOp(["Squeeze"], ["Squeeze"], (context, { attributes }) => {
  const { graph } = context;
  const named = attributes.has("axis") ? "axis" : "squeeze_dims";
  const given = attributes.ints(named, []);
  return eachPart(context.numeric(0), (part) => {
    const ones = Array.from(part.axes.keys()).filter((axis) => isNumber(dimOf(part, axis), 1));
    const places = given.length === 0 ? ones : given.map((axis) => placeOf(part, axis));
    const wrong = places.find((axis) => asNumber(dimOf(part, axis)) !== null && !ones.includes(axis));
    if (wrong !== undefined) {
      throw new ExportError(`axis ${wrong} of ${showShape(part.dims)} cannot go: its size is not 1`);
    }
    const free = places.filter((axis) => !ones.includes(axis));
    const without = free.length === 0 ? part : keepingOnes(graph, part, free);
    return places.toSorted((a, b) => b - a).reduce((value, axis) => removeAxis(value, axis), without);
  });
});

/** The value, whose axes of free sizes `free` are 1 when the model runs. */
function keepingOnes(graph: GraphBuilder, value: Value, free: readonly number[]): Value {
  const gone = viewOf(squeeze(graph, graph.plain(value), free));
  return free.toSorted((a, b) => a - b).reduce((result, axis) => insertAxis(result, axis), gone);
}

const reshaped = defineOp(["Reshape"], ["Reshape"], (context) => {
  const { graph } = context;
  const shape = context.tensor(1);
  return eachPart(context.numeric(0), (part) => reshapeTo(graph, part, shape));
});

/** @param shape as TF.js has it: -1 takes what is left, 0 is a size of 0 */
export function reshapeTo(graph: GraphBuilder, value: Value, shape: Value): Value {
  const target = graph.plain(shape);
  const { elements } = target;
  if (elements !== null) {
    const dims = elements.map((size) => (isNumber(size, -1) ? null : size));
    return graph.reshape(value, settled(value, dims));
  }
  const sizes = graph.plain(graph.cast(shape, "int64"));
  const literal = graph.opset >= 14 ? { allowzero: int(1) } : {};
  return viewOf(graph.op("Reshape", [graph.plain(value), sizes], literal));
}

/** The sizes, with the one that takes what is left in its place where that can be told. */
function settled(value: Value, dims: readonly (Dim | null)[]): readonly (Dim | null)[] {
  const open = dims.indexOf(null);
  if (open === -1) return dims;
  const rest = multiply(...dims.filter((size) => size !== null));
  if (isNumber(rest, 0)) return dims;
  return dims.with(open, divideExactly(multiply(...value.dims), rest));
}

/** TF.js throws when the shape is another; a file of ONNX cannot. */
const ensureShape = defineOp(["EnsureShape"], [], (context) => {
  const input = context.tensor(0);
  const { elements } = context.graph.plain(context.tensor(1));
  const known = elements ?? [];
  const fits =
    elements === null ||
    (known.length === input.rank &&
      known.every((size, axis) => {
        const [wanted, found] = [asNumber(size), asNumber(dimOf(input, axis))];
        return wanted === null || wanted < 0 || found === null || wanted === found;
      }));
  if (fits) return input;
  throw new ExportError(`its input is ${showShape(input.dims)}, not ${showShape(known)}`);
});

type Sides = readonly (readonly [begin: number, end: number])[];

const NOTHING = [0, 0] as const;

/** Paddings [rank, 2] that are known; null when they depend on the inputs. */
function knownSides(context: OpContext, rank: number): Sides | null {
  const paddings = context.constant(1);
  if (paddings === null || paddings.dtype !== "int32") return null;
  const { data } = paddings;
  if (data.length !== 2 * rank) throw new ExportError(`${data.length / 2} paddings do not fit ${rank} axes`);
  return Array.from({ length: rank }, (_, axis) => [at(data, 2 * axis), at(data, 2 * axis + 1)]);
}

const padded = defineOp(["Pad", "PadV2"], ["Pad"], (context, { op, attributes }) => {
  const { graph } = context;
  const input = context.tensor(0);
  const fill =
    op === "PadV2" && context.inputs.length > 2
      ? graph.plain(graph.reshape(castTo(graph, context.tensor(2), paddable(input)), []))
      : number(graph, attributes.float("constant_value", 0), paddable(input));
  const sides = knownSides(context, input.rank);
  const padIt = (data: GraphTensor, pads: GraphTensor): GraphTensor => pad(graph, data, pads, { fill });
  return sides === null ? padByComputed(context, input, padIt) : padBy(graph, input, sides, padIt);
});

/** Padding by [rank, 2] integers that depend on the model's inputs, in the order that the value is stored in where it can be. */
function padByComputed(
  context: OpContext,
  input: Value,
  make: (data: GraphTensor, pads: GraphTensor) => GraphTensor,
): Value {
  const { graph } = context;
  const axes = Array.from(input.stored, (_, place) =>
    input.axes.findIndex((__, axis) => placeInStored(input, axis) === place),
  );
  const isPermuted = axes.length === input.rank && !axes.includes(-1);
  const order = isPermuted ? axes : Array.from({ length: input.rank }, (_, axis) => axis);
  const sides = gather(graph, graph.plain(graph.cast(context.tensor(1), "int64")), graph.int64s(order));
  // [rank, 2] to all beginnings, then all ends.
  const pads = graph.reshape(permuteAxes(viewOf(sides), [1, 0]), [2 * input.rank]);
  return viewOf(make(isPermuted ? input.tensor : graph.plain(input), graph.plain(pads)), order);
}

function paddable({ dtype }: Value): "float32" | "int32" | "bool" {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw new ExportError(`it pads numbers; got ${dtype}`);
}

/** Padding of any kind, in whichever order the value is stored. */
function padBy(
  graph: GraphBuilder,
  input: Value,
  sides: Sides,
  make: (tensor: GraphTensor, pads: GraphTensor) => GraphTensor,
): Value {
  const wide = sides.flatMap(([begin, end], axis) => (begin !== 0 || end !== 0 ? [axis] : []));
  if (wide.length === 0) return input;
  const places = wide.map((axis) => placeInStored(input, axis));
  const value = places.includes(-1) ? graph.storedAs(input, input.axes) : input;
  const dims = places.includes(-1) ? wide : places;
  const bySide = value.stored.map((_, index) => sides[at2(wide, dims.indexOf(index))] ?? NOTHING);
  const begins = bySide.map(([begin]) => begin);
  const ends = bySide.map(([, end]) => end);
  const result = make(value.tensor, graph.int64s([...begins, ...ends]));
  const { shape } = result;
  if (shape === null) throw new ExportError("the number of axes is only known when the model runs");
  let axes = value.axes;
  let stored = value.stored;
  wide.forEach((axis, index) => {
    const grown = newAxis(at(shape, at(dims, index)));
    axes = axes.with(axis, grown);
    stored = stored.with(at(dims, index), grown);
  });
  return new Value(result, axes, stored);
}

function at2(list: readonly number[], index: number): number {
  return index === -1 ? -1 : at(list, index);
}

/** The stored dimension that is one axis alone; -1 when there is none. */
function placeInStored(value: Value, axis: number): number {
  const factors = axisOf(value, axis);
  return factors.length === 0 ? -1 : value.stored.findIndex((each) => sameFactors(each, factors));
}

const mirrorPadded = defineOp(
  ["MirrorPad"],
  ["Pad", "Gather", "Slice", "Concat", "Range", "Mod", "Min"],
  (context, { attributes }) => {
    const { graph } = context;
    const input = context.tensor(0);
    const mode = attributes.oneOf("mode", ["REFLECT", "SYMMETRIC"]);
    const sides = knownSides(context, input.rank);
    if (mode === "REFLECT") {
      const reflect = (data: GraphTensor, pads: GraphTensor): GraphTensor =>
        pad(graph, data, pads, { mode: "reflect" });
      return sides === null ? padByComputed(context, input, reflect) : padBy(graph, input, sides, reflect);
    }
    if (sides === null) return mirroredByComputed(context, input);
    return sides.reduce<Value>((value, side, axis) => mirrored(graph, value, axis, side), input);
  },
);

/** ONNX's Pad leaves the element at the border out of the mirror; here it is in. */
function mirrored(graph: GraphBuilder, input: Value, axis: number, [begin, end]: Sides[number]): Value {
  if (begin === 0 && end === 0) return input;
  const size = asNumber(dimOf(input, axis));
  return alongAxis(graph, input, axis, (tensor, place) => {
    if (size !== null) {
      const indices = Array.from({ length: begin + size + end }, (_, index) => {
        const from = index - begin;
        return from < 0 ? -from - 1 : from >= size ? 2 * size - 1 - from : from;
      });
      return gather(graph, tensor, graph.int64s(indices), place);
    }
    const backwards = (start: number, stop: number): GraphTensor[] =>
      start === stop ? [] : [slice(graph, tensor, { axes: [place], starts: [start], ends: [stop], steps: [-1] })];
    const before = begin === 0 ? [] : backwards(begin - 1, -(2 ** 31));
    const after = end === 0 ? [] : backwards(-1, -end - 1);
    return concat(graph, [...before, tensor, ...after], place);
  });
}

/** SYMMETRIC padding by [rank, 2] integers that depend on the model's inputs. */
function mirroredByComputed(context: OpContext, input: Value): Value {
  const { graph } = context;
  const sides = graph.plain(graph.cast(context.tensor(1), "int64"));
  const integer = (value: number): GraphTensor => number(graph, value, "int64");
  const side = (axis: number, end: number): GraphTensor =>
    gather(graph, gather(graph, sides, integer(axis)), integer(end));
  return Array.from({ length: input.rank }, (_, axis) => axis).reduce<Value>((value, axis) => {
    const size = squeeze(graph, graph.runtimeDim(dimOf(input, axis)), [0]);
    const places = range(graph, neg(graph, side(axis, 0)), add(graph, size, side(axis, 1)), integer(1));
    // Places repeat with twice the size; in the second half they go backwards. ONNX Runtime must not divide by a size of 0.
    const period = max(graph, add(graph, size, size), integer(1));
    const turn = mod(graph, places, period);
    const from = min(graph, turn, sub(graph, sub(graph, period, integer(1)), turn));
    return alongAxis(graph, value, axis, (tensor, place) => gather(graph, tensor, from, place));
  }, input);
}

/** [M, 2] or [M] integers that must be known. */
function blockOf(context: OpContext): readonly number[] {
  return context.integers(1, "the block");
}

/** Elements of blocks become samples; no node but for the padding, and for the order in which they are used. */
const spaceToBatch = defineOp(
  ["SpaceToBatchND"],
  ["Pad", "Reshape", "Transpose", "Slice", "Squeeze", "Concat"],
  (context) => {
    const { graph } = context;
    const block = blockOf(context);
    const input = context.tensor(0);
    const rest = input.rank - 1 - block.length;
    if (rest < 0) throw new ExportError(`a block of ${block.length} axes does not fit ${input.rank} axes`);
    const value = paddedBlocks(context, block.length);
    const tail = value.dims.slice(1 + block.length);
    const split = graph.reshape(value, [
      dimOf(value, 0),
      ...block.flatMap((size, axis) => [partOf(dimOf(value, axis + 1), size), dim(size)]),
      ...tail,
    ]);
    const places = block.map((_, axis) => 2 * axis + 1);
    const perm = [
      ...places.map((place) => place + 1),
      0,
      ...places,
      ...tail.map((_, index) => 1 + 2 * block.length + index),
    ];
    return graph.reshape(permuteAxes(split, perm), [
      multiply(dimOf(value, 0), ...block),
      ...block.map((size, axis) => partOf(dimOf(value, axis + 1), size)),
      ...tail,
    ]);
  },
);

/** The input with `count` axes after the first padded by input 2. */
function paddedBlocks(context: OpContext, count: number): Value {
  const { graph } = context;
  const input = context.tensor(0);
  const fill = number(graph, 0, paddable(input));
  const paddings = knownPairs(context, count);
  const rest = input.rank - 1 - count;
  if (paddings !== null) {
    const none = Array.from({ length: rest }, (): readonly [number, number] => [0, 0]);
    return padBy(graph, input, [[0, 0], ...paddings, ...none], (data, pads) => pad(graph, data, pads, { fill }));
  }
  const sides = graph.plain(permuteAxes(graph.cast(graph.reshape(context.tensor(2), [count, 2]), "int64"), [1, 0]));
  const [begins, ends] = [0, 1].map((row) => {
    const own = squeeze(graph, slice(graph, sides, { axes: [0], starts: [row], ends: [row + 1] }), [0]);
    return [graph.int64s([0]), own, ...(rest === 0 ? [] : [graph.int64s(Array.from({ length: rest }, () => 0))])];
  });
  const pads = concat(graph, [...(begins ?? []), ...(ends ?? [])], 0);
  const dims = input.dims.map((size, axis) => (axis === 0 || axis > count ? size : graph.unknownSize("padded")));
  return viewOf(first(graph.declare("Pad", [graph.plain(input), pads, fill], {}, [{ dtype: input.dtype, dims }])));
}

/** Pairs of numbers in input 2, one for each of `count` axes; null when they depend on the inputs. */
function knownPairs(context: OpContext, count: number): readonly (readonly [number, number])[] | null {
  const known = context.constant(2);
  if (known === null || known.dtype !== "int32") return null;
  if (known.data.length !== 2 * count) throw new ExportError(`${known.data.length / 2} pairs do not fit ${count} axes`);
  return Array.from({ length: count }, (_, axis) => [at(known.data, 2 * axis), at(known.data, 2 * axis + 1)]);
}

/** A size cut into blocks; TensorFlow demands that it can be. */
function partOf(size: Dim, by: number): Dim {
  const known = asNumber(size);
  if (known === null || known % by === 0) return divideExactly(size, by) ?? floorDivide(size, by);
  throw new ExportError(`a size of ${known} cannot be cut into blocks of ${by}`);
}

/** Samples become elements of blocks. */
const batchToSpace = defineOp(["BatchToSpaceND"], ["Reshape", "Transpose", "Slice", "Squeeze", "Sub"], (context) => {
  const { graph } = context;
  const block = blockOf(context);
  const crops = knownPairs(context, block.length);
  const input = context.tensor(0);
  const count = block.length;
  const spatial = input.dims.slice(1, 1 + count);
  const tail = input.dims.slice(1 + count);
  const batch = partOf(
    dimOf(input, 0),
    block.reduce((a, b) => a * b, 1),
  );
  const split = graph.reshape(input, [...block, batch, ...spatial, ...tail]);
  const perm = [
    count,
    ...block.flatMap((_, axis) => [count + 1 + axis, axis]),
    ...tail.map((_, index) => 2 * count + 1 + index),
  ];
  const whole = graph.reshape(permuteAxes(split, perm), [
    batch,
    ...block.map((size, axis) => multiply(at(spatial, axis), size)),
    ...tail,
  ]);
  if (crops === null) return croppedBlocks(context, whole, count);
  return crops.reduce<Value>((value, [begin, end], axis) => cropped(graph, value, axis + 1, begin, end), whole);
});

/** Without as many elements at both ends of `count` axes after the first as input 2 says. */
function croppedBlocks(context: OpContext, whole: Value, count: number): Value {
  const { graph } = context;
  const sides = graph.plain(permuteAxes(graph.cast(graph.reshape(context.tensor(2), [count, 2]), "int64"), [1, 0]));
  const [begins, ends] = [0, 1].map((row) =>
    squeeze(graph, slice(graph, sides, { axes: [0], starts: [row], ends: [row + 1] }), [0]),
  );
  if (begins === undefined || ends === undefined) throw new ExportError("the crops have no two columns");
  const sizes = graph.shapeTensor(whole.dims.slice(1, 1 + count));
  const stops = graph.op("Sub", [sizes, ends]);
  const axes = graph.int64s(Array.from({ length: count }, (_, axis) => axis + 1));
  return viewOf(graph.op("Slice", [graph.plain(whole), begins, stops, axes]));
}

function cropped(graph: GraphBuilder, input: Value, axis: number, begin: number, end: number): Value {
  if (begin === 0 && end === 0) return input;
  return alongAxis(graph, input, axis, (tensor, place) =>
    slice(graph, tensor, { axes: [place], starts: [begin], ends: [end === 0 ? 2 ** 31 - 1 : -end] }),
  );
}

const toSpace = defineOp(["DepthToSpace"], ["DepthToSpace"], (context, { attributes }) => {
  const { graph } = context;
  const input = context.tensor(0);
  expectRank(input, 4);
  const isChannelsFirst = attributes.oneOf("data_format", ["NHWC", "NCHW"], "NHWC") === "NCHW";
  const axes = spatialAxes(isChannelsFirst ? "channels_first" : "channels_last", 2);
  const made = depthToSpace(graph, channelsFirst(graph, input, axes), attributes.int("block_size"));
  return viewOf(made, [0, axes.channels, ...axes.spatial]);
});

const broadcastTo = defineOp(["BroadcastTo"], ["Expand"], (context) => {
  const { graph } = context;
  const input = context.tensor(0);
  const target = context.tensor(1);
  const { elements } = graph.plain(target);
  if (elements === null) {
    return viewOf(expand(graph, graph.plain(input), graph.plain(graph.cast(target, "int64"))));
  }
  const same = elements.length === input.rank && elements.every((size, axis) => size === dimOf(input, axis));
  return same ? input : viewOf(expand(graph, graph.plain(input), graph.shapeTensor(elements)));
});

/** The shape of what two shapes are broadcast to. */
const broadcastArgs = defineOp(["BroadcastArgs"], ["Where", "Equal", "Concat"], (context) => {
  const { graph } = context;
  const shapes = [context.tensor(0), context.tensor(1)];
  const known = shapes.map((shape) => graph.plain(shape).elements);
  const [a, b] = known;
  if (a != null && b != null) {
    const rank = Math.max(a.length, b.length);
    const sizes = Array.from({ length: rank }, (_, axis) =>
      broadcast(...[a, b].flatMap((shape) => shape[axis + shape.length - rank] ?? [])),
    );
    return graph.cast(viewOf(graph.shapeTensor(sizes)), "int32");
  }
  const lengths = shapes.map((shape) => {
    const length = asNumber(dimOf(shape, 0));
    if (length === null) throw new ExportError("the numbers of axes are only known when the model runs");
    return length;
  });
  const rank = Math.max(...lengths);
  const [left, right] = shapes.map((shape, index) => {
    const missing = rank - at(lengths, index);
    const ones = { dtype: "int32" as const, dims: [missing], data: new Int32Array(missing).fill(1) };
    return missing === 0 ? shape : viewOf(concat(graph, [graph.constant("ones", ones), graph.plain(shape)], 0));
  });
  if (left === undefined || right === undefined) throw new ExportError("it broadcasts two shapes");
  const isOne = withNumber(graph, "Equal", left, 1);
  return graph.elementwise([isOne, right, left], (tensors) => graph.op("Where", tensors));
});

export const transformations: readonly GraphOpConverter[] = [
  cast,
  expandDims,
  squeezed,
  reshaped,
  ensureShape,
  padded,
  mirrorPadded,
  spaceToBatch,
  batchToSpace,
  toSpace,
  broadcastTo,
  broadcastArgs,
];
