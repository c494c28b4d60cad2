import { ExportError } from "../../errors.ts";
import { defineConverter, type EmitContext, type Flow, type LayerConverter } from "../converter.ts";
import type { GraphBuilder } from "../onnx/builder.ts";
import { plus, type Dim } from "../onnx/dims.ts";
import { int } from "../onnx/graph.ts";
import { reduce } from "../onnx/reduce.ts";
import {
  dimOf,
  dimsOf,
  insertAxis,
  newValue,
  permuteAxes,
  removeAxis,
  sameFactors,
  type Value,
} from "../onnx/value.ts";
import type { ConfigReader } from "../source/config.ts";

/** Where a merge's inputs carry masks, the output's is their conjunction. TF.js: merge.ts, `computeMask`. */
function allMasks({ graph }: EmitContext, _: unknown, inputs: readonly Flow[]): Value | null {
  const masks = inputs.flatMap(({ mask }) => (mask === null ? [] : [mask]));
  const [first, ...others] = masks;
  if (first === undefined || masks.length < inputs.length) return null;
  return others.reduce((all, mask) => graph.binary("And", all, mask), first);
}

/** Operands of fewer axes get axes of size 1 after the batch. */
function sameRank(inputs: readonly Flow[]): Value[] {
  const rank = Math.max(...inputs.map(({ value }) => value.axes.length));
  return inputs.map(({ value }) => {
    let result = value;
    while (result.axes.length < rank) result = insertAxis(result, 1);
    return result;
  });
}

/** Elementwise over all inputs, with broadcasting. */
function elementwise(
  className: string,
  opType: "Add" | "Sub" | "Mul" | "Max" | "Min",
  finish: (graph: GraphBuilder, merged: Value, count: number) => Value = (_, merged) => merged,
): LayerConverter {
  return defineConverter({
    className,
    ops: [opType],
    parse: () => null,
    mask: allMasks,
    emit({ graph }, _, inputs) {
      if (inputs.length < 2) throw new ExportError(`it merges 2 inputs or more; it has ${inputs.length}`);
      const [first, ...others] = sameRank(inputs).map((value) => graph.cast(value, "float32"));
      if (first === undefined) throw new RangeError("no inputs");
      const merged = others.reduce((all, value) => graph.binary(opType, all, value), first);
      return finish(graph, merged, inputs.length);
    },
  });
}

const concatenate: LayerConverter = defineConverter({
  className: "Concatenate",
  ops: ["Concat"],
  parse: (config) => config.integer("axis", -1),
  mask: concatenatedMask,
  emit({ graph }, axis, inputs) {
    const values = inputs.map(({ value }) => graph.cast(value, "float32"));
    return concat(graph, values, axis);
  },
});

/** Along the steps masks are joined too; along another axis all must hold. */
function concatenatedMask(context: EmitContext, axis: number, inputs: readonly Flow[]): Value | null {
  if (inputs.every(({ mask }) => mask === null)) return null;
  const rank = inputs[0]?.value.axes.length ?? 0;
  if ((axis < 0 ? rank + axis : axis) !== 1) {
    const known = inputs.filter(({ mask }) => mask !== null);
    return allMasks(context, axis, known);
  }
  if (inputs.some(({ mask }) => mask === null)) {
    throw new ExportError("it joins masked and unmasked sequences along their steps");
  }
  return concat(
    context.graph,
    inputs.flatMap(({ mask }) => mask ?? []),
    1,
  );
}

/** @throws {ExportError} when the inputs have different numbers of axes */
function concat(graph: GraphBuilder, values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (first === undefined) throw new ExportError("it has no inputs");
  const rank = first.axes.length;
  if (values.some((value) => value.axes.length !== rank)) {
    throw new ExportError(
      `inputs must have as many axes; they have ${values.map(({ axes }) => axes.length).join(", ")}`,
    );
  }
  if (values.length === 1) return first;
  const at = axis < 0 ? rank + axis : axis;
  const order = storedOrder(first) ?? first.axes.map((_, index) => index);
  const stored = values.map((value) => graph.inOrder(value, order));
  const dims: Dim[] = dimsOf(first);
  for (const value of values.slice(1)) dims[at] = plus(dims[at] ?? 0, dimOf(value, at));
  const result = newValue(graph.op("Concat", stored, { axis: int(order.indexOf(at)) }), first.dtype, dims, order);
  graph.learnSymbols(result);
  return result;
}

/** The order of axes a value is stored in, when each stored dimension is one axis. */
function storedOrder({ axes, stored }: Value): number[] | null {
  if (stored.length !== axes.length || axes.some((axis) => axis.length === 0)) return null;
  const order = stored.map((dim) => axes.findIndex((axis) => sameFactors(axis, dim)));
  return order.includes(-1) ? null : order;
}

/** TF.js: merge.ts, `batchDot`, and `K.l2Normalize` before it. */
const dot: LayerConverter = defineConverter({
  className: "Dot",
  ops: ["MatMul", "Mul", "ReduceSum"],
  notes: "inputs of two or three axes",
  parse: (config) => ({ axes: dotAxes(config), normalize: config.boolean("normalize", false) }),
  emit({ graph }, { axes, normalize }, inputs) {
    const [x, y] = inputs.map(({ value }) => graph.cast(value, "float32"));
    if (x === undefined || y === undefined) throw new ExportError(`it merges 2 inputs; it has ${inputs.length}`);
    const ranks = [x.axes.length, y.axes.length];
    if (ranks.some((rank) => rank < 2 || rank > 3)) {
      throw new ExportError(`inputs must have 2 or 3 axes; they have ${ranks.join(" and ")}`);
    }
    const [a, b] = [fromStart(axes[0], x), fromStart(axes[1], y)];
    const [left, right] = normalize ? [unitLength(graph, x, a), unitLength(graph, y, b)] : [x, y];
    return contraction(graph, left, a, right, b);
  },
});

function dotAxes(config: ConfigReader): readonly [number, number] {
  const [first = -1, second = first] = config.integers("axes", null);
  return [first, second];
}

function fromStart(axis: number, { axes }: Value): number {
  return axis < 0 ? axes.length + axis : axis;
}

/** x / sqrt(max(sum(x²), 1e-7)) along an axis. */
function unitLength(graph: GraphBuilder, x: Value, axis: number): Value {
  const sum = reduce(graph, "ReduceSum", graph.binary("Mul", x, x), [axis], true);
  const atLeast = graph.withConstant("Max", sum, "epsilon", {
    dtype: "float32",
    dims: [1],
    data: Float32Array.of(1e-7),
  });
  return graph.binary("Div", x, graph.unary("Sqrt", atLeast));
}

function contraction(graph: GraphBuilder, x: Value, a: number, y: Value, b: number): Value {
  if (x.axes.length === 2 && y.axes.length === 2) {
    return reduce(graph, "ReduceSum", graph.binary("Mul", x, y), [1], true);
  }
  const left = x.axes.length === 2 ? insertAxis(x, 1) : permuteAxes(x, a === 2 ? [0, 1, 2] : [0, 2, 1]);
  const right = y.axes.length === 2 ? insertAxis(y, 2) : permuteAxes(y, b === 1 ? [0, 1, 2] : [0, 2, 1]);
  const dims = [dimOf(x, 0), dimOf(left, 1), dimOf(right, 2)];
  const product = newValue(graph.op("MatMul", [graph.plain(left), graph.plain(right)]), "float32", dims);
  graph.learnSymbols(product);
  if (x.axes.length === 2) return removeAxis(product, 1);
  return y.axes.length === 2 ? removeAxis(product, 2) : product;
}

export const merges: readonly LayerConverter[] = [
  elementwise("Add", "Add"),
  elementwise("Multiply", "Mul"),
  elementwise("Average", "Add", (graph, sum, count) =>
    graph.withConstant("Mul", sum, "share", { dtype: "float32", dims: [1], data: Float32Array.of(1 / count) }),
  ),
  elementwise("Maximum", "Max"),
  elementwise("Minimum", "Min"),
  concatenate,
  dot,
];
