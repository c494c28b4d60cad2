import { ExportError } from "../../../errors.ts";
import { add, asNumber, dim, multiply, subtract, type Dim } from "../../../onnx/dim.ts";
import { int } from "../../../onnx/model.ts";
import { at } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { add as addTensors, cast, equal, where } from "../../build/ops/elementwise.ts";
import {
  concat as concatTensors,
  constantOfShape,
  gather,
  gatherNd,
  scatterNd,
  slice as sliceTensor,
  split,
  squeeze,
  unsqueeze,
} from "../../build/ops/shape.ts";
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
  type Axis,
} from "../../ir/value.ts";
import { concat } from "../../build/concat.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";

import { alongAxis, placeOf, withAxis } from "./axes.ts";
import { defineOp } from "./define.ts";

// TF.js: operations/executors/slice_join_executor.js, tfjs-core/dist/ops/slice_util.js.

/** What ONNX's Slice takes for "as far as there are elements". */
const END = 2 ** 31 - 1;

/** A bound of a slice: a size, or what a tensor [1] of int64 has at run time. */
type Bound = Dim | GraphTensor;

function isSize(bound: Bound): bound is Dim {
  return !("owner" in bound);
}

interface Range {
  readonly axis: number;
  readonly start: Bound;
  readonly end: Bound;
  readonly step: number;
}

/** Joined along an axis, whatever they are stored as. */
function joined(graph: GraphBuilder, values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (first === undefined) throw new ExportError("it has no inputs");
  const place = placeOf(first, axis);
  const isAlike = values.every((value) =>
    value.dims.every((size, each) => each === place || size === first.dims[each]),
  );
  if (isAlike) return concat(graph, values, place);
  return viewOf(
    concatTensors(
      graph,
      values.map((value) => graph.plain(value)),
      place,
    ),
  );
}

function axisInput(context: OpContext, index: number): number {
  return at(context.integers(index, "the axis"), 0);
}

const concatenated = defineOp(["ConcatV2", "Concat"], ["Concat"], (context, { op }) => {
  const isFirst = op === "Concat";
  const values = isFirst ? context.tensors(1) : context.tensors(0, -1);
  // TF.js leaves out tensors that hold nothing, whatever their other sizes.
  const filled = values.filter((value) => value.dims.every((size) => asNumber(size) !== 0));
  return joined(context.graph, filled.length === 0 ? values.slice(0, 1) : filled, axisInput(context, isFirst ? 0 : -1));
});

const packed = defineOp(["Pack"], ["Concat", "Reshape"], (context, { attributes }) => {
  const values = context.tensors();
  const [first] = values;
  if (first === undefined) throw new ExportError("it has no inputs");
  const axis = attributes.int("axis", 0);
  const place = axis < 0 ? axis + first.rank + 1 : axis;
  // TF.js gives all of them the shape of the first.
  const alike = values.map((value) => (value.rank === first.rank ? value : context.graph.reshape(value, first.dims)));
  return joined(
    context.graph,
    alike.map((value) => insertAxis(value, place)),
    place,
  );
});

/** The parts of a value along an axis. */
function parts(graph: GraphBuilder, input: Value, axis: number, given: readonly Dim[]): readonly Value[] {
  const place = placeOf(input, axis);
  if (given.length === 1) return [input];
  const sizes = given.map(asNumber).filter((size) => size !== null);
  if (sizes.length < given.length) {
    const { value: cutting, dim: stored } = graph.isolate(input, place);
    return graph
      .node("Split", [cutting.tensor, graph.shapeTensor(given)], { axis: int(stored) }, given.length)
      .map((tensor) => withAxis(cutting, place, stored, tensor));
  }
  if (input.rank === 1 && input.tensor.elements !== null) {
    let start = 0;
    return sizes.map((size) => {
      const bounds = { axes: [0], starts: [start], ends: [start + size] };
      start += size;
      return viewOf(sliceTensor(graph, graph.plain(input), bounds));
    });
  }
  const { value, dim: stored } = graph.isolate(input, place);
  return split(graph, value.tensor, sizes, stored).map((tensor) => withAxis(value, place, stored, tensor));
}

const unpacked = defineOp(["Unpack"], ["Split"], (context, { attributes }) => {
  const value = context.tensor(0);
  const axis = placeOf(value, attributes.int("axis", 0));
  const count = asNumber(dimOf(value, axis)) ?? attributes.int("num", 0);
  if (count === 0) throw new ExportError("the number of its outputs is only known when the model runs");
  const sizes = Array.from({ length: count }, () => dim(1));
  return parts(context.graph, value, axis, sizes).map((part) => withoutAxis(context.graph, part, axis));
});

/** The value without an axis of size 1, whatever its size was inferred to be. */
function withoutAxis(graph: GraphBuilder, value: Value, axis: number): Value {
  if (axisOf(value, axis).length === 0) return removeAxis(value, axis);
  return viewOf(squeeze(graph, graph.plain(value), [axis]));
}

const splitEvenly = defineOp(["Split"], ["Split"], (context, { attributes }) => {
  const { graph } = context;
  const count = attributes.int("num_split", 1);
  const value = context.tensor(1);
  const axis = placeOf(value, axisInput(context, 0));
  const size = asNumber(dimOf(value, axis));
  if (size !== null) {
    if (size % count !== 0) throw new ExportError(`an axis of ${size} cannot be split into ${count} equal parts`);
    return parts(
      graph,
      value,
      axis,
      Array.from({ length: count }, () => dim(size / count)),
    );
  }
  const { value: isolated, dim: stored } = graph.isolate(value, axis);
  const attributesOf = { axis: int(stored), ...(graph.opset >= 18 ? { num_outputs: int(count) } : {}) };
  return graph
    .node("Split", [isolated.tensor], attributesOf, count)
    .map((tensor) => withAxis(isolated, axis, stored, tensor));
});

const splitBySizes = defineOp(["SplitV"], ["Split"], (context) => {
  const value = context.tensor(0);
  const axis = placeOf(value, axisInput(context, 2));
  const given = context.integers(1, "the sizes of the parts");
  const rest = given.filter((size) => size >= 0).reduce((sum, size) => sum + size, 0);
  const sizes = given.map((size) => (size >= 0 ? dim(size) : subtract(dimOf(value, axis), rest)));
  return parts(context.graph, value, axis, sizes);
});

/** Slices of several axes with one node. Axes that are taken whole must not be among them. */
function sliced(graph: GraphBuilder, input: Value, ranges: readonly Range[]): Value {
  if (ranges.length === 0) return input;
  let value = input;
  for (const { axis } of ranges) value = apart(graph, value, axis);
  const dims = ranges.map(({ axis }) => storedPlace(value, axis));
  const steps = ranges.every(({ step }) => step === 1) ? [] : [graph.int64s(ranges.map(({ step }) => step))];
  const tensor = graph.op("Slice", [
    value.tensor,
    boundsTensor(
      graph,
      ranges.map(({ start }) => start),
    ),
    boundsTensor(
      graph,
      ranges.map(({ end }) => end),
    ),
    graph.int64s(dims),
    ...steps,
  ]);
  return new Value(tensor, ...laidOut(value, tensor, ranges, dims));
}

/** The axes and dimensions of a value with those that were cut renewed. */
function laidOut(
  value: Value,
  tensor: GraphTensor,
  ranges: readonly Range[],
  dims: readonly number[],
): [readonly Axis[], readonly Axis[]] {
  const { shape } = tensor;
  if (shape === null) throw new ExportError("the number of axes is only known when the model runs");
  let { axes, stored } = value;
  for (const [index, { axis }] of ranges.entries()) {
    const place = at(dims, index);
    const made = newAxis(at(shape, place));
    axes = axes.with(axis, made);
    stored = stored.with(place, made);
  }
  return [axes, stored];
}

/** The value stored so that an axis is a dimension of its own, one of size 1 as well. */
function apart(graph: GraphBuilder, value: Value, axis: number): Value {
  if (axisOf(value, axis).length > 0) return graph.isolate(value, axis).value;
  return graph.storedAs(value, value.axes);
}

function storedPlace(value: Value, axis: number): number {
  const factors = axisOf(value, axis);
  if (factors.length === 0) return axis;
  const place = value.stored.findIndex((each) => sameFactors(each, factors));
  if (place === -1) throw new ExportError(`axis ${axis} is not stored by itself`);
  return place;
}

function boundsTensor(graph: GraphBuilder, bounds: readonly Bound[]): GraphTensor {
  if (bounds.every(isSize)) return sizesTensor(graph, bounds);
  return concatTensors(
    graph,
    bounds.map((bound) => (isSize(bound) ? sizesTensor(graph, [bound]) : bound)),
    0,
  );
}

function sizesTensor(graph: GraphBuilder, sizes: readonly Dim[]): GraphTensor {
  const known = sizes.map(asNumber).filter((size) => size !== null);
  if (known.length === sizes.length) return graph.int64s(known);
  return concatTensors(
    graph,
    sizes.map((size) => graph.runtimeDim(size)),
    0,
  );
}

/** The elements of an integer vector as bounds. */
function boundsOf(context: OpContext, index: number): readonly Bound[] {
  const { graph } = context;
  const value = context.tensor(index);
  const known = context.constant(index);
  if (known !== null && known.dtype !== "string") return Array.from(known.data, Number).map(dim);
  const sizes = context.sizes(index);
  if (sizes !== null) return sizes;
  const count = asNumber(multiply(...value.dims));
  if (count === null)
    throw new ExportError(`the number of elements of input ${index} is only known when the model runs`);
  const tensor = cast(graph, graph.plain(graph.reshape(value, [count])), "int64");
  return Array.from({ length: count }, (_, each) =>
    sliceTensor(graph, tensor, { axes: [0], starts: [each], ends: [each + 1] }),
  );
}

function endOf(graph: GraphBuilder, start: Bound, size: Bound): Bound {
  if (isSize(size) && asNumber(size) === -1) return dim(END);
  if (isSize(start) && isSize(size)) return add(start, size);
  const tensor = (bound: Bound): GraphTensor => (isSize(bound) ? sizesTensor(graph, [bound]) : bound);
  const end = addTensors(graph, tensor(start), tensor(size));
  if (isSize(size)) return end;
  return where(graph, equal(graph, size, graph.int64s([-1])), graph.int64s([END]), end);
}

const slice = defineOp(["Slice"], ["Slice"], (context) => {
  const { graph } = context;
  const value = context.tensor(0);
  const [begin, size] = [boundsOf(context, 1), boundsOf(context, 2)];
  const ranges = value.dims.flatMap((whole, axis): Range[] => {
    const start = begin[axis] ?? dim(0);
    const length = size[axis] ?? dim(-1);
    const isWhole =
      isSize(start) && asNumber(start) === 0 && isSize(length) && (asNumber(length) === -1 || length === whole);
    return isWhole ? [] : [{ axis, start, end: endOf(graph, start, length), step: 1 }];
  });
  return sliced(graph, value, ranges);
});

/** One entry of a strided slice's specification. */
type Entry =
  | { readonly kind: "new" }
  | { readonly kind: "whole" }
  | { readonly kind: "index"; readonly place: Bound }
  | { readonly kind: "range"; readonly start: Bound | null; readonly end: Bound | null; readonly step: number };

const stridedSlice = defineOp(["StridedSlice"], ["Slice", "Gather"], (context, { attributes }) => {
  const { graph } = context;
  const input = context.tensor(0);
  const [begin, end] = [boundsOf(context, 1), boundsOf(context, 2)];
  const strides = context.integers(3, "the strides");
  const mask = (name: string): ((index: number) => boolean) => {
    const bits = attributes.int(name, 0);
    return (index) => ((bits >> index) & 1) === 1;
  };
  const [isBegin, isEnd] = [mask("begin_mask"), mask("end_mask")];
  const [isEllipsis, isNew, isShrunk] = [mask("ellipsis_mask"), mask("new_axis_mask"), mask("shrink_axis_mask")];
  const entries = begin.flatMap((start, index): Entry[] => {
    if (isEllipsis(index)) {
      const others = begin.filter((_, other) => other !== index && !isNew(other)).length;
      return Array.from({ length: Math.max(0, input.rank - others) }, () => ({ kind: "whole" }));
    }
    if (isNew(index)) return [{ kind: "new" }];
    if (isShrunk(index)) return [{ kind: "index", place: start }];
    const stop = at(end, index);
    return [
      {
        kind: "range",
        start: isBegin(index) ? null : start,
        end: isEnd(index) ? null : stop,
        step: at(strides, index),
      },
    ];
  });
  return cut(graph, input, entries);
});

function cut(graph: GraphBuilder, input: Value, entries: readonly Entry[]): Value {
  const ranges: Range[] = [];
  const indices: { readonly axis: number; readonly place: GraphTensor }[] = [];
  const removed: number[] = [];
  let axis = 0;
  for (const entry of entries) {
    if (entry.kind === "new") continue;
    if (axis >= input.rank) throw new ExportError(`it cuts more axes than the ${input.rank} of its input`);
    if (entry.kind === "index") {
      const { place } = entry;
      if (!isSize(place)) indices.push({ axis, place });
      else {
        removed.push(axis);
        const isOnly = asNumber(dimOf(input, axis)) === 1;
        if (!isOnly)
          ranges.push({ axis, start: place, end: asNumber(place) === -1 ? dim(END) : add(place, 1), step: 1 });
      }
    } else if (entry.kind === "range") {
      const { start, end, step } = entry;
      const isWhole =
        step === 1 &&
        (start === null || (isSize(start) && asNumber(start) === 0)) &&
        (end === null || end === dimOf(input, axis));
      const from = start ?? dim(step > 0 ? 0 : END);
      if (!isWhole) ranges.push({ axis, start: from, end: end ?? dim(step > 0 ? END : -END), step });
    }
    axis++;
  }
  let value = sliced(graph, input, ranges);
  for (const { axis: place, place: index } of indices) {
    value = alongAxis(graph, value, place, (tensor, stored) => gather(graph, tensor, index, stored));
    removed.push(place);
  }
  for (const place of removed.toSorted((a, b) => b - a)) value = withoutAxis(graph, value, place);
  let position = 0;
  for (const entry of entries) {
    if (entry.kind === "new") value = insertAxis(value, position++);
    else if (entry.kind !== "index") position++;
  }
  return value;
}

const reversed = defineOp(["Reverse", "ReverseV2"], ["Slice"], (context, { op }) => {
  const value = context.tensor(0);
  const given = context.integers(1, "the axes");
  const axes = op === "Reverse" ? given.flatMap((each, axis) => (each === 0 ? [] : [axis])) : given;
  const ranges = axes.map((axis): Range => ({ axis: placeOf(value, axis), start: dim(-1), end: dim(-END), step: -1 }));
  return sliced(context.graph, value, ranges);
});

/** Repeats follow the order that the value is stored in; an axis of size 1 is put where its neighbour is stored. */
const tiled = defineOp(["Tile"], ["Tile", "Reshape", "Unsqueeze"], (context) => {
  const { graph } = context;
  let value = context.tensor(0);
  const sizes = context.sizes(1);
  if (sizes === null) {
    return viewOf(graph.op("Tile", [graph.plain(value), cast(graph, graph.plain(context.tensor(1)), "int64")]));
  }
  const repeated = sizes.flatMap((count, axis) => (asNumber(count) === 1 ? [] : [{ axis, count }]));
  const single = new Map<number, Axis>();
  for (const { axis } of repeated) {
    if (axisOf(value, axis).length > 0) value = graph.isolate(value, axis).value;
    else single.set(axis, []);
  }
  const places = new Map<number, number>();
  for (const { axis } of repeated) {
    if (!single.has(axis)) continue;
    const place = besides(value, axis);
    value = graph.storedAs(value, value.stored.toSpliced(place, 0, []));
    for (const [other, taken] of places) if (taken >= place) places.set(other, taken + 1);
    places.set(axis, place);
  }
  const dims = repeated.map(({ axis }) => places.get(axis) ?? storedPlace(value, axis));
  if (repeated.length === 0) return value;
  const counts = value.stored.map((_, stored) =>
    at([...repeated.flatMap(({ count }, index) => (dims[index] === stored ? [count] : [])), dim(1)], 0),
  );
  const tensor = graph.op("Tile", [value.tensor, graph.shapeTensor(counts)]);
  const ranges = repeated.map(({ axis }): Range => ({ axis, start: dim(0), end: dim(0), step: 1 }));
  return new Value(tensor, ...laidOut(value, tensor, ranges, dims));
});

/** Where to store an axis of size 1: right after the dimension that the axis before it ends in. */
function besides({ axes, stored }: Value, axis: number): number {
  const before = axes.slice(0, axis).flat().at(-1);
  return before === undefined ? 0 : stored.findIndex((each) => each.includes(before)) + 1;
}

const gathered = defineOp(["Gather", "GatherV2"], ["Gather", "GatherND"], (context, { op, attributes }) => {
  const { graph } = context;
  const value = context.tensor(0);
  const indices = graph.cast(context.tensor(1), "int32");
  const axis = op === "Gather" ? 0 : placeOf(value, axisInput(context, 2));
  const given = op === "Gather" ? 0 : attributes.int("batch_dims", 0);
  const batch = given < 0 ? given + indices.rank : given;
  if (batch === 0) {
    const places = graph.plain(indices);
    if (indices.rank === 1)
      return alongAxis(graph, value, axis, (tensor, stored) => gather(graph, tensor, places, stored));
    return viewOf(gather(graph, graph.plain(value), places, axis));
  }
  if (axis < batch) throw new ExportError(`its axis ${axis} is one of the ${batch} axes of the batch`);
  // The axis comes right after those of the batch, and back to its place behind the axes of the indices.
  const order = value.axes.map((_, each) => each);
  const moved = [...order.slice(0, batch), axis, ...order.slice(batch).filter((each) => each !== axis)];
  const places = unsqueeze(graph, cast(graph, graph.plain(indices), "int64"), [indices.rank]);
  const picked = viewOf(gatherNd(graph, graph.plain(permuteAxes(value, moved)), places, batch));
  const wide = indices.rank - batch;
  const between = axis - batch;
  const rest = picked.axes.map((_, each) => each);
  const back = [
    ...rest.slice(0, batch),
    ...rest.slice(batch + wide, batch + wide + between),
    ...rest.slice(batch, batch + wide),
    ...rest.slice(batch + wide + between),
  ];
  return permuteAxes(picked, back);
});

const gatheredNd = defineOp(["GatherNd"], ["GatherND", "Cast"], (context) => {
  const { graph } = context;
  return viewOf(gatherNd(graph, graph.plain(context.tensor(0)), cast(graph, graph.plain(context.tensor(1)), "int64")));
});

/** Into zeros; what is written to one place several times adds up. */
const scattered = defineOp(["ScatterNd"], ["ScatterND", "ConstantOfShape", "Cast"], (context) => {
  const { graph } = context;
  const updates = graph.plain(context.tensor(1));
  const sizes = context.sizes(2);
  const shape = sizes === null ? cast(graph, graph.plain(context.tensor(2)), "int64") : graph.shapeTensor(sizes);
  const zeros = cast(graph, constantOfShape(graph, shape), updates.dtype);
  const indices = cast(graph, graph.plain(context.tensor(0)), "int64");
  return viewOf(scatterNd(graph, zeros, indices, updates, "add"));
});

const updated = defineOp(["TensorScatterUpdate"], ["ScatterND", "Cast"], (context) => {
  const { graph } = context;
  const [value, indices, updates] = [0, 1, 2].map((index) => graph.plain(context.tensor(index)));
  if (value === undefined || indices === undefined || updates === undefined) throw new ExportError("it takes 3 inputs");
  return viewOf(scatterNd(graph, value, cast(graph, indices, "int64"), updates));
});

export const sliceJoins: readonly GraphOpConverter[] = [
  concatenated,
  packed,
  unpacked,
  splitEvenly,
  splitBySizes,
  slice,
  stridedSlice,
  reversed,
  tiled,
  gathered,
  gatheredNd,
  scattered,
  updated,
];
