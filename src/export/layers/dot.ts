import { ExportError } from "../../errors.ts";
import { asNumber } from "../../onnx/dim.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { reduce } from "../build/reduce.ts";
import { defineConverter, type LayerConverter } from "../converter.ts";
import { dimOf, insertAxis, permuteAxes, removeAxis, viewOf, type Value } from "../ir/value.ts";
import type { ConfigReader } from "../source/config.ts";

/** TF.js: merge.ts, `batchDot`, and `K.l2Normalize` before it. */
export const dot: LayerConverter = defineConverter({
  className: "Dot",
  ops: ["MatMul", "Mul", "ReduceSum"],
  parse: (config) => ({ axes: dotAxes(config), normalize: config.boolean("normalize", false) }),
  integers: ({ normalize }) => !normalize,
  emit({ graph }, { axes, normalize }, inputs) {
    const [x, y] = inputs.map(({ value }) => value);
    if (x === undefined || y === undefined || inputs.length > 2) {
      throw new ExportError(`it merges 2 inputs; it has ${inputs.length}`);
    }
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
    if (a !== b)
      throw new ExportError(`axes [${a}, ${b}] of matrices: TF.js computes them for batches of one size only`);
    const sum = reduce(graph, "ReduceSum", graph.binary("Mul", x, y), [a]);
    return insertAxis(sum, 1);
  }
  // TF.js knows two axes: the last, and the one before it. It takes every other axis for the second of them, axis 0 (the samples) too.
  const left = x.axes.length === 2 ? insertAxis(x, 1) : permuteAxes(x, a === 2 ? [0, 1, 2] : [0, 2, 1]);
  const right = y.axes.length === 2 ? insertAxis(y, 2) : permuteAxes(y, b === 2 ? [0, 2, 1] : [0, 1, 2]);
  const [columns, rows] = [asNumber(dimOf(left, 2)), asNumber(dimOf(right, 1))];
  if (columns !== null && rows !== null && columns !== rows) {
    throw new ExportError(`axes ${a} and ${b} to multiply over have ${columns} and ${rows} elements`);
  }
  const product = viewOf(graph.op("MatMul", [graph.plain(left), graph.plain(right)]));
  if (x.axes.length === 2) return removeAxis(product, 1);
  return y.axes.length === 2 ? removeAxis(product, 2) : product;
}
