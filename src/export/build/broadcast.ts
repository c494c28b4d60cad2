import { ExportError, InternalError } from "../../errors.ts";
import { broadcast, showShape, type Dim } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import {
  axisOf,
  commonFactors,
  newAxis,
  sameAxes,
  sizeOfAxis,
  splitFactor,
  Value,
  type Axis,
  type Factor,
} from "../ir/value.ts";

/** What this module needs of a GraphBuilder. */
export interface Storing {
  plain(value: Value): GraphTensor;
  store(value: Value, dims: readonly Axis[]): GraphTensor;
}

/** Tensors stored alike, ready for an elementwise node, and how its result is to be seen. */
export interface LaidOut {
  readonly tensors: readonly GraphTensor[];
  readonly axes: readonly Axis[];
  readonly stored: readonly Axis[];
}

/**
 * Lay out values that an elementwise node broadcasts by TF.js's axes, aligned at the last. All are stored in the order of the
 * one that has every axis, where there is one, so that only those stored otherwise cost a Transpose.
 *
 * @throws {ExportError} when known sizes cannot be broadcast
 */
export function layOutAlike(graph: Storing, values: readonly Value[]): LaidOut {
  const rank = Math.max(...values.map((value) => value.rank));
  const aligned = align(
    graph,
    values.map((value) => padRank(value, rank)),
  );
  const axes = jointAxes(aligned, rank);
  const joint = aligned.map((value) => renamed(value, axes));
  const full = axes.flat().length;
  const covers = (value: Value): boolean => value.axes.flat().length === full;
  const reference =
    joint.find((value) => covers(value) && value.tensor.constant === null) ?? joint.find(covers) ?? null;
  const others = joint.filter((value) => value !== reference);
  const keepsOrder =
    reference !== null && !others.some((other) => isMixed(reference, other)) && !hasMerged(reference, aligned, joint);
  const stored = keepsOrder ? reference.stored : broadcastDims(axes, reference);
  const tensors = joint.map((value) => {
    const own = new Set(value.axes.flat());
    const wanted = stored.map((axis) => axis.filter((factor) => own.has(factor)));
    if (broadcastsTo(value.stored, wanted)) return value.tensor;
    return graph.store(value, reference === null || covers(value) ? wanted : trimLeadingOnes(wanted));
  });
  return { tensors, axes, stored };
}

function padRank(value: Value, rank: number): Value {
  const missing = Array.from({ length: rank - value.axes.length }, (): Axis => []);
  return value.seenAs([...missing, ...value.axes]);
}

/** The values with factors that correspond axis by axis, or stored in their own order where they cannot. */
function align(graph: Storing, values: readonly Value[]): readonly Value[] {
  const result = [...values];
  const rank = at(values, 0).rank;
  for (let axis = 0; axis < rank; axis++) {
    for (let index = 1; index < result.length; index++) {
      for (let before = 0; before < index; before++) {
        const [left, right] = alignAxis(graph, at(result, before), at(result, index), axis);
        result[before] = left;
        result[index] = right;
      }
    }
  }
  return result;
}

function alignAxis(graph: Storing, a: Value, b: Value, axis: number): readonly [Value, Value] {
  const [x, y] = [axisOf(a, axis), axisOf(b, axis)];
  if (x.length === 0 || y.length === 0 || (x.length === 1 && y.length === 1)) return [a, b];
  const cuts = sizeOfAxis(x) === sizeOfAxis(y) ? commonFactors(x, y) : null;
  if (cuts === null) return [whole(graph, a, axis), whole(graph, b, axis)];
  return [recut(a, axis, cuts), recut(b, axis, cuts)];
}

/** The value with one axis made of a single factor, stored plainly. */
function whole(graph: Storing, value: Value, axis: number): Value {
  if (axisOf(value, axis).length === 1) return value;
  const tensor = graph.plain(value);
  const axes = value.axes.map((each, index) => (index === axis ? newAxis(sizeOfAxis(each)) : each));
  return new Value(tensor, axes, axes);
}

/** The value with the factors of one axis cut into the sizes `cuts`. */
function recut(value: Value, axis: number, cuts: readonly Dim[]): Value {
  let result = value;
  const queue = [...cuts];
  for (const factor of axisOf(value, axis)) {
    const parts: Factor[] = [];
    // The cuts of a factor multiply to its size.
    while (sizeOfAxis(parts) !== factor.size) {
      const size = queue.shift();
      if (size === undefined) throw new InternalError("an axis was cut into too few factors");
      parts.push({ size });
    }
    if (parts.length > 1) result = splitFactor(result, factor, parts);
  }
  return result;
}

/**
 * The axes of the result. They have the factors of the first value that has any along an axis, so that what follows still
 * finds them; new ones where the size differs, or where a factor is along another axis already.
 */
function jointAxes(values: readonly Value[], rank: number): readonly Axis[] {
  const used = new Set<Factor>();
  return Array.from({ length: rank }, (_, axis) => {
    const present = values.map((value) => axisOf(value, axis)).filter((each) => each.length > 0);
    const [first] = present;
    return (first ?? []).map((factor, position) => {
      const size = broadcastSizes(
        present.map((each) => at(each, position).size),
        values,
        axis,
      );
      const kept = factor.size === size && !used.has(factor) ? factor : { size };
      used.add(kept);
      return kept;
    });
  });
}

function broadcastSizes(sizes: readonly Dim[], values: readonly Value[], axis: number): Dim {
  try {
    return broadcast(...sizes);
  } catch {
    const shapes = values.map(({ dims }) => showShape(dims));
    throw new ExportError(`shapes ${shapes.join(" and ")} cannot be broadcast along axis ${axis}`);
  }
}

/** The value with the factors of the result in place of its own. */
function renamed(value: Value, axes: readonly Axis[]): Value {
  const names = new Map<Factor, Factor>();
  const renamedAxes = value.axes.map((axis, index) =>
    axis.map((factor, position) => {
      const joint = at(at(axes, index), position);
      names.set(factor, joint);
      return joint;
    }),
  );
  const stored = value.stored.map((axis) => axis.map((factor) => names.get(factor) ?? factor));
  return new Value(value.tensor, renamedAxes, stored);
}

/** Whether a stored dimension of `reference` merges a factor along which a value may have size 1 at run time with others. */
function hasMerged(reference: Value, aligned: readonly Value[], joint: readonly Value[]): boolean {
  const spread = new Set<Factor>();
  joint.forEach((value, index) => {
    value.axes.forEach((axis, place) => {
      axis.forEach((factor, position) => {
        if (at(axisOf(at(aligned, index), place), position).size !== factor.size) spread.add(factor);
      });
    });
  });
  return reference.stored.some((axis) => axis.length > 1 && axis.some((factor) => spread.has(factor)));
}

/** Whether a stored dimension of `reference` has factors that `other` has beside some it lacks. */
function isMixed(reference: Value, other: Value): boolean {
  const own = new Set(other.axes.flat());
  return reference.stored.some(
    (axis) => axis.some((factor) => own.has(factor)) && axis.some((factor) => !own.has(factor)),
  );
}

/** One dimension an axis, in the order the reference stores them. */
function broadcastDims(axes: readonly Axis[], reference: Value | null): readonly Axis[] {
  if (reference === null) return axes;
  const flat = reference.stored.flat();
  const place = (axis: Axis): number => (axis[0] === undefined ? -1 : flat.indexOf(axis[0]));
  const contiguous = axes.every((axis) => {
    const start = place(axis);
    return axis.every((factor, index) => flat[start + index] === factor);
  });
  if (!contiguous) return axes;
  return axes.filter((axis) => axis.length > 0).toSorted((a, b) => place(a) - place(b));
}

/** Whether a tensor stored so needs no other form: its dimensions, aligned at the last, are those wanted. */
function broadcastsTo(stored: readonly Axis[], wanted: readonly Axis[]): boolean {
  return stored.length <= wanted.length && sameAxes(trimLeadingOnes(stored), trimLeadingOnes(wanted));
}

function trimLeadingOnes(dims: readonly Axis[]): readonly Axis[] {
  const first = dims.findIndex((axis) => axis.length > 0);
  return first === -1 ? [] : dims.slice(first);
}
