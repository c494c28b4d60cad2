import type { DType } from "../../tensor.ts";
import {
  add,
  asNumber,
  ceilDivide,
  dim,
  divideExactly,
  elementsOf,
  floorDivide,
  isNumber,
  lowerBound,
  max,
  multiply,
  showShape,
  subtract,
  type Dim,
} from "../dim.ts";

import { BOOL, INDICES, INT64, one, total, unknownShape, type Inferred, type OperatorCall, type Rule } from "./rule.ts";

const shapeOf: Rule = (call) => {
  const { shape } = call.input(0);
  if (shape === null) return one("int64", [call.unknownSize("rank")]);
  const rank = shape.length;
  const clamp = (at: number): number => Math.min(Math.max(at < 0 ? at + rank : at, 0), rank);
  const sizes = shape.slice(clamp(call.int("start", 0)), clamp(call.int("end", rank)));
  return one("int64", [dim(sizes.length)], sizes);
};

const elementCount: Rule = (call) => {
  const { shape } = call.input(0);
  return one("int64", [], shape === null ? null : [elementsOf(shape)]);
};

const reshape: Rule = (call) => {
  const { dtype, shape, elements } = call.input(0);
  const wanted = call.typed(1, INT64);
  const sizes = wanted.elements ?? null;
  if (sizes === null) {
    const rank = lengthOf(wanted.shape);
    return one(dtype, rank === null ? null : unknownShape(call, rank, "reshaped"));
  }
  const keepsZero = call.int("allowzero", 0) === 0;
  const copied = sizes.map((each, axis) => {
    if (!isNumber(each, 0) || !keepsZero) return each;
    if (shape === null) return call.unknownSize(`reshaped_${axis}`);
    return call.size(shape, axis);
  });
  const open = copied.filter((each) => isNumber(each, -1)).length;
  if (open > 1) throw call.error(`only one size may be left open; found ${showShape(sizes)}`);
  const fixed = elementsOf(copied.filter((each) => !isNumber(each, -1)));
  const result = copied.map((each, axis) => (isNumber(each, -1) ? leftOver(call, shape, fixed, axis) : each));
  if (shape !== null && open === 0)
    call.unify(elementsOf(shape), fixed, `numbers of elements of ${showShape(shape)} and ${showShape(result)}`);
  return one(dtype, result, result.length <= 1 ? elements : null);
};

/** The size that a Reshape leaves open. */
function leftOver(call: OperatorCall, shape: readonly Dim[] | null, fixed: Dim, axis: number): Dim {
  if (shape === null) return call.unknownSize(`reshaped_${axis}`);
  const all = elementsOf(shape);
  const exact = divideExactly(all, fixed);
  if (exact !== null) return exact;
  const [count, part] = [asNumber(all), asNumber(fixed)];
  if (part === 0) return dim(0);
  if (count !== null && part !== null) throw call.error(`${count} elements do not fill rows of ${part}`);
  return floorDivide(all, fixed);
}

function lengthOf(shape: readonly Dim[] | null): number | null {
  const [length] = shape ?? [];
  return length === undefined ? null : asNumber(length);
}

const transpose: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  const perm = call.ints("perm");
  if (shape === null) return one(dtype, perm === null ? null : unknownShape(call, perm.length, "transposed"));
  const order = perm ?? shape.map((_, axis) => shape.length - 1 - axis);
  const isPermutation = order.length === shape.length && new Set(order).size === order.length;
  if (!isPermutation) throw call.error(`perm [${order.join(", ")}] does not fit a tensor ${showShape(shape)}`);
  return one(
    dtype,
    order.map((axis) => call.size(shape, axis)),
  );
};

/** Axes as an input (from opset 13), or as an attribute. */
function axesOf(call: OperatorCall, index: number): readonly number[] | null {
  return call.ints("axes") ?? call.constantInts(index);
}

const squeeze: Rule = (call) => {
  const { dtype, shape, elements } = call.input(0);
  const axes = axesOf(call, 1);
  if (shape === null || (axes === null && call.optional(1) !== null)) return one(dtype, null);
  const gone =
    axes === null
      ? shape.flatMap((each, axis) => (isNumber(each, 1) ? [axis] : []))
      : axes.map((axis) => call.axis(axis, shape.length));
  for (const axis of gone) call.unify(call.size(shape, axis), dim(1), `the size of axis ${axis} and 1`);
  return one(
    dtype,
    shape.filter((_, axis) => !gone.includes(axis)),
    elements,
  );
};

const unsqueeze: Rule = (call) => {
  const { dtype, shape, elements } = call.input(0);
  const axes = axesOf(call, 1);
  if (shape === null || axes === null) return one(dtype, null);
  const rank = shape.length + axes.length;
  const places = new Set(axes.map((axis) => call.axis(axis, rank)));
  if (places.size < axes.length) throw call.error(`axes [${axes.join(", ")}] repeat one`);
  const rest = [...shape];
  const result = Array.from({ length: rank }, (_, axis) => (places.has(axis) ? dim(1) : (rest.shift() ?? dim(1))));
  return one(dtype, result, rank <= 1 ? elements : null);
};

const flatten: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  if (shape === null) return one(dtype, unknownShape(call, 2, "flattened"));
  const given = call.int("axis", 1);
  const axis = given < 0 ? given + shape.length : given;
  return one(dtype, [elementsOf(shape.slice(0, axis)), elementsOf(shape.slice(axis))]);
};

const concat: Rule = (call) => {
  const dtype = call.sameType();
  const shapes = call.all().map(({ shape }) => shape);
  const known = shapes.filter((shape) => shape !== null);
  const [first] = known;
  if (first === undefined) return one(dtype, null);
  const axis = call.axis(call.int("axis", 0), first.length);
  for (const shape of known) {
    if (shape.length !== first.length)
      throw call.error(`inputs ${showShape(first)} and ${showShape(shape)} differ in rank`);
  }
  const result = first.map((_, place) => {
    const sizes = known.map((shape) => call.size(shape, place));
    if (place !== axis) return sizes.reduce((a, b) => call.unify(a, b, `sizes along axis ${place}`));
    return known.length === shapes.length ? total(sizes) : call.unknownSize("joined");
  });
  const lists = call.all().map(({ elements }) => elements);
  const elements = first.length === 1 && !lists.includes(null) ? lists.flatMap((list) => list ?? []) : null;
  return one(dtype, result, elements);
};

const split: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  const given = call.ints("split") ?? call.constantInts(1);
  if (shape === null) return Array.from({ length: call.outputs }, (): Inferred => ({ dtype, shape: null }));
  const axis = call.axis(call.int("axis", 0), shape.length);
  const along = call.size(shape, axis);
  return Array.from({ length: call.outputs }, (_, index): Inferred => {
    const part = given?.[index];
    const length = part === undefined ? partOf(call, along, index) : dim(part);
    return { dtype, shape: shape.with(axis, length) };
  });
};

/** Equal parts; the last is smaller where that does not fit. */
function partOf(call: OperatorCall, along: Dim, index: number): Dim {
  if (call.optional(1) !== null) return call.unknownSize(`split_${index}`);
  const part = divideExactly(along, call.outputs) ?? ceilDivide(along, call.outputs);
  return index === call.outputs - 1 ? subtract(along, multiply(part, call.outputs - 1)) : part;
}

const slice: Rule = (call) => {
  const { dtype, shape, elements } = call.input(0);
  if (shape === null) return one(dtype, null);
  const starts = call.optional(1)?.elements ?? null;
  const ends = call.optional(2)?.elements ?? null;
  const count = starts?.length ?? ends?.length ?? lengthOf(call.input(1).shape);
  const axes =
    call.optional(3) === null
      ? count === null
        ? null
        : Array.from({ length: count }, (_, axis) => axis)
      : call.constantInts(3);
  if (axes === null) return one(dtype, unknownShape(call, shape.length, "sliced"));
  const steps = call.optional(4) === null ? axes.map(() => 1) : call.constantInts(4);
  const result = [...shape];
  const bounds: { readonly start: Dim; readonly end: Dim; readonly step: number }[] = [];
  axes.forEach((each, index) => {
    const axis = call.axis(each, shape.length);
    const [start, end, step] = [starts?.[index], ends?.[index], steps?.[index]];
    const along = call.size(shape, axis);
    const length =
      start === undefined || end === undefined || step === undefined ? null : slicedLength(along, start, end, step);
    result[axis] = length ?? call.unknownSize(`sliced_${axis}`);
    if (start !== undefined && end !== undefined && step !== undefined) bounds.push({ start, end, step });
  });
  const [bound] = bounds;
  return one(
    dtype,
    result,
    shape.length === 1 && elements !== null && bound !== undefined && axes.length === 1
      ? slicedElements(elements, bound)
      : null,
  );
};

function slicedElements(
  elements: readonly Dim[],
  { start, end, step }: { readonly start: Dim; readonly end: Dim; readonly step: number },
): readonly Dim[] | null {
  const [from, to] = [asNumber(start), asNumber(end)];
  if (from === null || to === null || step !== 1) return null;
  const { length } = elements;
  const place = (at: number): number => Math.min(Math.max(at < 0 ? at + length : at, 0), length);
  return elements.slice(place(from), place(to));
}

/** How many elements of an axis of size `along` a slice takes; null when that cannot be told. */
export function slicedLength(along: Dim, start: Dim, end: Dim, step: number): Dim | null {
  if (step > 0) {
    const from = boundAt(along, start);
    const to = boundAt(along, end);
    if (from === null || to === null) return null;
    const length = subtract(to, from);
    return ceilDivide(atLeastZero(length), step);
  }
  const [first, last] = [asNumber(start), asNumber(end)];
  if (first === null || last === null || step === 0) return null;
  const count = asNumber(along);
  if (count !== null) {
    const from = Math.min(first < 0 ? first + count : first, count - 1);
    const to = last < -count ? -1 : Math.max(last < 0 ? last + count : last, -1);
    return dim(Math.max(0, Math.ceil((from - to) / -step)));
  }
  // From the last element down to the first.
  if (first !== -1 && first < 2 ** 31 - 1) return null;
  return last <= -(2 ** 31) + 1 ? ceilDivide(along, -step) : null;
}

/** A bound within 0 and the size of the axis; null when which of the two it is depends on free sizes. */
function boundAt(along: Dim, bound: Dim): Dim | null {
  const at = asNumber(bound);
  const count = asNumber(along);
  if (at !== null && count !== null) return dim(Math.min(Math.max(at < 0 ? at + count : at, 0), count));
  if (at === null) {
    if (isAtMost(bound, along)) return bound;
    // The smaller of two is what their sum has beside the larger.
    return lowerBound(bound) >= 0 ? subtract(add(bound, along), max(bound, along)) : null;
  }
  if (at === 0) return bound;
  if (at < 0) return at <= -(2 ** 31) + 1 ? dim(0) : atLeastZero(add(along, at));
  if (at >= 2 ** 31 - 1) return along;
  return subtract(along, atLeastZero(subtract(along, at)));
}

function isAtMost(bound: Dim, along: Dim): boolean {
  if (bound === along) return true;
  const difference = asNumber(subtract(along, bound));
  return difference !== null && difference >= 0;
}

function atLeastZero(size: Dim): Dim {
  return max(size, 0);
}

const gather: Rule = (call) => {
  const { dtype, shape, elements } = call.input(0);
  const indices = call.typed(1, INDICES);
  if (shape === null || indices.shape === null) return one(dtype, null);
  const axis = call.axis(call.int("axis", 0), shape.length);
  const result = [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)];
  const places = call.constantInts(1);
  const picked =
    elements === null || places === null || indices.shape.length > 1
      ? null
      : places.map((at) => elements.at(at)).filter((each) => each !== undefined);
  return one(dtype, result, picked !== null && picked.length === places?.length ? picked : null);
};

const gatherElements: Rule = (call) => {
  const { dtype } = call.input(0);
  return one(dtype, call.typed(1, INDICES).shape);
};

const gatherNd: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  const indices = call.typed(1, INT64).shape;
  const depth = indices === null ? null : asNumber(call.size(indices, -1));
  if (shape === null || indices === null || depth === null) return one(dtype, null);
  const batch = call.int("batch_dims", 0);
  if (batch + depth > shape.length) throw call.error(`indices of ${depth} do not fit a tensor ${showShape(shape)}`);
  return one(dtype, [...indices.slice(0, -1), ...shape.slice(batch + depth)]);
};

/** Output like the first input, whatever the indices. */
const scatter: Rule = (call) => {
  call.typed(1, INDICES);
  call.sameType([0, 2]);
  const { dtype, shape } = call.input(0);
  return one(dtype, shape);
};

const expand: Rule = (call) => {
  const { dtype, shape, elements } = call.input(0);
  const target = call.typed(1, INT64);
  const sizes = target.elements;
  if (sizes === null) {
    const rank = lengthOf(target.shape);
    if (rank === null || shape === null) return one(dtype, null);
    return one(dtype, unknownShape(call, Math.max(rank, shape.length), "expanded"));
  }
  const result = call.broadcast([shape, sizes]);
  const [length] = result ?? [];
  const count = length === undefined ? null : asNumber(length);
  const [only] = elements ?? [];
  const filled = result?.length === 1 && elements?.length === 1 && only !== undefined && count !== null && count <= 64;
  return one(dtype, result, filled ? Array.from({ length: count }, () => only) : null);
};

const tile: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  const repeats = call.typed(1, INT64).elements;
  if (shape === null) return one(dtype, null);
  return one(
    dtype,
    shape.map((each, axis) => {
      const times = repeats?.[axis];
      return times === undefined ? call.unknownSize(`tiled_${axis}`) : multiply(each, times);
    }),
  );
};

const pad: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  const fill = call.optional(2);
  if (fill !== null && fill.dtype !== dtype) throw call.error(`it pads ${dtype} with ${fill.dtype}`);
  const sides = call.ints("pads")?.map(dim) ?? call.optional(1)?.elements ?? null;
  if (shape === null) return one(dtype, null);
  const axes = call.constantInts(3)?.map((axis) => call.axis(axis, shape.length)) ?? shape.map((_, axis) => axis);
  if (sides !== null && sides.length !== 2 * axes.length) {
    throw call.error(`${sides.length} pads do not fit ${axes.length} axes`);
  }
  return one(
    dtype,
    shape.map((each, axis) => {
      const at = axes.indexOf(axis);
      if (at === -1) return each;
      const [before, after] = [sides?.[at], sides?.[at + axes.length]];
      return before === undefined || after === undefined
        ? call.unknownSize(`padded_${axis}`)
        : add(each, before, after);
    }),
  );
};

const constantOfShape: Rule = (call) => {
  const sizes = call.typed(0, INT64);
  const value = call.attributes["value"];
  const dtype: DType = value?.type === "tensor" ? value.value.dtype : "float32";
  const rank = lengthOf(sizes.shape);
  const shape = sizes.elements ?? (rank === null ? null : unknownShape(call, rank, "filled"));
  return one(dtype, shape);
};

const range: Rule = (call) => {
  const dtype = call.sameType();
  const [start, limit, step] = call.all().map(({ elements }) => elements?.[0] ?? null);
  const by = step === undefined || step === null ? null : asNumber(step);
  if (start === undefined || start === null || limit === undefined || limit === null || by === null || by === 0) {
    const values = [0, 1, 2]
      .map((index) => call.optional(index)?.constant ?? null)
      .map((each) => (each === null ? null : Number(each.data[0])));
    const [from, to, delta] = values;
    if (from == null || to == null || delta == null || delta === 0) return one(dtype, [call.unknownSize("range")]);
    return one(dtype, [dim(Math.max(0, Math.ceil((to - from) / delta)))]);
  }
  const distance = by > 0 ? subtract(limit, start) : subtract(start, limit);
  const length = ceilDivide(max(distance, 0), Math.abs(by));
  const count = asNumber(length);
  const from = asNumber(start);
  const elements =
    count !== null && from !== null && count <= 64
      ? Array.from({ length: count }, (_, index) => dim(from + index * by))
      : null;
  return one(dtype, [length], dtype === "int64" || dtype === "int32" ? elements : null);
};

const oneHot: Rule = (call) => {
  const { shape } = call.input(0);
  const { dtype } = call.input(2);
  const depth = call.input(1).elements?.[0] ?? null;
  const known = depth ?? (call.constantInts(1)?.[0] === undefined ? null : dim(call.constantInts(1)?.[0] ?? 0));
  if (shape === null) return one(dtype, null);
  const axis = call.int("axis", -1);
  const at = axis < 0 ? axis + shape.length + 1 : axis;
  return one(dtype, shape.toSpliced(at, 0, known ?? call.unknownSize("depth")));
};

const nonZero: Rule = (call) => {
  const { shape } = call.input(0);
  return one("int64", [shape === null ? call.unknownSize("rank") : dim(shape.length), call.unknownSize("found")]);
};

const compress: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  call.typed(1, BOOL);
  const axis = call.attributes["axis"];
  if (axis?.type !== "int") return one(dtype, [call.unknownSize("kept")]);
  if (shape === null) return one(dtype, null);
  return one(dtype, shape.with(call.axis(axis.value, shape.length), call.unknownSize("kept")));
};

const depthToSpace: Rule = (call) => {
  const shape = call.ranked(0, 4);
  const block = call.int("blocksize", 0);
  const { dtype } = call.input(0);
  if (shape === null) return one(dtype, unknownShape(call, 4, "space"));
  const channels = divideExactly(call.size(shape, 1), block * block) ?? floorDivide(call.size(shape, 1), block * block);
  return one(dtype, [
    call.size(shape, 0),
    channels,
    multiply(call.size(shape, 2), block),
    multiply(call.size(shape, 3), block),
  ]);
};

const spaceToDepth: Rule = (call) => {
  const shape = call.ranked(0, 4);
  const block = call.int("blocksize", 0);
  const { dtype } = call.input(0);
  if (shape === null) return one(dtype, unknownShape(call, 4, "depth"));
  return one(dtype, [
    call.size(shape, 0),
    multiply(call.size(shape, 1), block * block),
    floorDivide(call.size(shape, 2), block),
    floorDivide(call.size(shape, 3), block),
  ]);
};

/** Output of the first input's type and shape. */
const likeInput: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  return one(dtype, shape);
};

export const shapes: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["Shape", shapeOf],
  ["Size", elementCount],
  ["Reshape", reshape],
  ["Transpose", transpose],
  ["Squeeze", squeeze],
  ["Unsqueeze", unsqueeze],
  ["Flatten", flatten],
  ["Concat", concat],
  ["Split", split],
  ["Slice", slice],
  ["Gather", gather],
  ["GatherElements", gatherElements],
  ["GatherND", gatherNd],
  ["ScatterND", scatter],
  ["ScatterElements", scatter],
  ["Expand", expand],
  ["Tile", tile],
  ["Pad", pad],
  ["ConstantOfShape", constantOfShape],
  ["Range", range],
  ["OneHot", oneHot],
  ["NonZero", nonZero],
  ["Compress", compress],
  ["DepthToSpace", depthToSpace],
  ["SpaceToDepth", spaceToDepth],
  ["ReverseSequence", likeInput],
  ["Trilu", likeInput],
  ["CumSum", likeInput],
]);
