import { ExportError } from "../../errors.ts";
import { add, asNumber, showShape } from "../../onnx/dim.ts";
import { int } from "../../onnx/model.ts";
import { at as elementAt } from "../../require.ts";
import { dimOf, dimsOf, newAxis, removeAxis, sameFactors, Value, type Axis } from "../ir/value.ts";

import type { GraphBuilder } from "./builder.ts";

/** @throws {ExportError} when the inputs have different numbers of axes */
export function concat(graph: GraphBuilder, values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (first === undefined) throw new ExportError("it has no inputs");
  const rank = first.axes.length;
  if (values.some((value) => value.axes.length !== rank)) {
    throw new ExportError(
      `inputs must have as many axes; they have ${values.map(({ axes }) => axes.length).join(", ")}`,
    );
  }
  if (axis >= rank || axis < -rank) throw new ExportError(`axis ${axis} is not one of inputs with ${rank} axes`);
  if (values.length === 1) return first;
  const at = axis < 0 ? rank + axis : axis;
  if (at < 0 || at >= rank) throw new ExportError(`axis ${axis} is not one of the ${rank} its inputs have`);
  if (values.some((value) => !sameShape(removeAxis(value, at), removeAxis(first, at)))) {
    const shapes = values.map((value) => showShape(value.dims));
    throw new ExportError(`inputs must have equal sizes on all axes but ${axis}; they have ${shapes.join(" and ")}`);
  }
  const pattern = cheapestPattern(graph, values, at);
  const stored = values.map((value) => graph.store(value, arrange(value, pattern)));
  const along = add(...values.map((value) => dimOf(value, at)));
  const axes = dimsOf(first).with(at, along).map(newAxis);
  return new Value(
    graph.op("Concat", stored, { axis: int(pattern.indexOf(at)) }),
    axes,
    pattern.map((place) => (place === null ? [] : elementAt(axes, place))),
  );
}

/** Which axis each stored dimension is; null for a dimension of size 1 that is none. */
type Pattern = readonly (number | null)[];

/** A Transpose that moves the innermost dimension copies elements one by one, others copy rows: it counts as more than two nodes. */
const MOVED_ELEMENTS = 1.5;

/** How to store the values alike with the fewest nodes: as one of them is stored, or in the order of axes. */
function cheapestPattern(graph: GraphBuilder, values: readonly Value[], at: number): Pattern {
  const plain: Pattern = values[0]?.axes.map((_, axis) => axis) ?? [];
  const patterns = [...values.flatMap((value) => [...patternOf(value, at), ...orderOf(value)]), plain];
  const [best] = patterns
    .map((pattern) => ({
      pattern,
      cost: values.reduce((sum, value) => sum + costOf(graph, value, arrange(value, pattern)), 0),
    }))
    .toSorted((a, b) => a.cost - b.cost);
  return best?.pattern ?? plain;
}

function costOf(graph: GraphBuilder, value: Value, dims: readonly Axis[]): number {
  const nodes = graph.storeCost(value, dims);
  const movesElements = nodes > 0 && value.stored.flat().at(-1) !== dims.flat().at(-1);
  return movesElements ? nodes + MOVED_ELEMENTS : nodes;
}

/** How a value is stored, when each dimension is one axis; the axis `at` is among them even where it has size 1. */
function patternOf({ axes, stored }: Value, at: number): Pattern[] {
  const pattern = stored.map((dim) =>
    dim.length === 0 ? null : axes.findIndex((axis) => axis.length > 0 && sameFactors(axis, dim)),
  );
  if (pattern.includes(-1)) return [];
  if (pattern.includes(at)) return [pattern];
  const free = pattern.indexOf(null);
  return free === -1 ? [] : [pattern.with(free, at)];
}

/** The order in which a value's axes are stored, however they are cut. */
function orderOf({ axes, stored }: Value): Pattern[] {
  const flat = stored.flat();
  const places = axes.map((axis) => (axis[0] === undefined ? -1 : flat.indexOf(axis[0])));
  const order = axes.map((_, axis) => axis).toSorted((a, b) => elementAt(places, a) - elementAt(places, b));
  const kept = order.flatMap((axis) => elementAt(axes, axis));
  return sameFactors(kept, flat) ? [order] : [];
}

function arrange(value: Value, pattern: Pattern): readonly Axis[] {
  return pattern.map((axis) => (axis === null ? [] : elementAt(value.axes, axis)));
}

/** Whether two shapes can be the same: free sizes may be. */
export function sameShape(a: Value, b: Value): boolean {
  const [left, right] = [dimsOf(a), dimsOf(b)];
  return left.every((size, axis) => {
    const other = elementAt(right, axis);
    return size === other || (asNumber(size) === null && asNumber(other) === null);
  });
}
