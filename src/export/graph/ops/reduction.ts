import { ExportError } from "../../../errors.ts";
import { dim, isNumber } from "../../../onnx/dim.ts";
import { at, first } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { cumSum, range } from "../../build/ops/shape.ts";
import { argument, type ReductionOp } from "../../build/ops/reduction.ts";
import { reduce } from "../../build/reduce.ts";
import { scan } from "../../build/regions.ts";
import { dimOf, insertAxis, viewOf, Value } from "../../ir/value.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";
import type { GraphNode } from "../source/node.ts";

import { defineOp } from "./define.ts";
import { expectNumbers, keepWhere, number, withNumber } from "./operands.ts";

/** The axes that a reduction names. TF.js reduces nothing when there are none. */
function reducedAxes(context: OpContext): readonly number[] {
  return context.integers(1, "the axes");
}

function keeps({ attributes }: GraphNode): boolean {
  return attributes.bool("keep_dims", false);
}

function reduction(
  tfOp: string,
  op: ReductionOp,
  prepare: (graph: GraphBuilder, input: Value) => Value = (_graph, input) => expectNumbers(input),
): GraphOpConverter {
  return defineOp([tfOp], [op], (context, node) => {
    const axes = reducedAxes(context);
    return reduce(context.graph, op, prepare(context.graph, context.tensor(0)), axes, keeps(node));
  });
}

/** TF.js adds bools up as integers. */
function counted(graph: GraphBuilder, input: Value): Value {
  return input.dtype === "bool" ? graph.cast(input, "int32") : expectNumbers(input);
}

function floats(graph: GraphBuilder, input: Value): Value {
  return graph.cast(input, "float32");
}

/** ONNX reduces no bools. Of nothing, a product is 1 and a sum 0, as All and Any have it. */
function truth(tfOp: string, op: "ReduceProd" | "ReduceSum"): GraphOpConverter {
  return defineOp([tfOp], [op, "Cast"], (context, node) => {
    const { graph } = context;
    const axes = reducedAxes(context);
    return graph.cast(reduce(graph, op, graph.cast(context.tensor(0), "int32"), axes, keeps(node)), "bool");
  });
}

/** The place of the first of the largest or smallest, as an int32. */
function extreme(op: "ArgMax" | "ArgMin"): GraphOpConverter {
  return defineOp([op], [op, "Cast"], (context) => {
    const { graph } = context;
    const axis = first(context.integers(1, "the axis"));
    const { value, dim: stored } = graph.isolate(expectNumbers(context.tensor(0)), axis);
    const place = axis < 0 ? axis + value.rank : axis;
    const found = argument(graph, op, value.tensor, stored);
    const axes = value.axes.toSpliced(place, 1);
    return graph.cast(new Value(found, axes, value.stored.toSpliced(stored, 1)), "int32");
  });
}

function flags({ attributes }: GraphNode): { readonly exclusive: boolean; readonly reverse: boolean } {
  return { exclusive: attributes.bool("exclusive", false), reverse: attributes.bool("reverse", false) };
}

const cumulativeSum = defineOp(["Cumsum"], ["CumSum"], (context, node) => {
  const { graph } = context;
  const axis = first(context.integers(1, "the axis"));
  const { value, dim: stored } = graph.isolate(expectNumbers(context.tensor(0)), axis);
  return value.replacedBy(cumSum(graph, value.tensor, stored, flags(node)));
});

/** ONNX has no cumulative product: a Scan multiplies slice by slice. */
const cumulativeProduct = defineOp(["Cumprod"], ["Scan", "Mul"], (context, node) => {
  const { graph } = context;
  const input = expectNumbers(context.tensor(0));
  const given = first(context.integers(1, "the axis"));
  const axis = given < 0 ? given + input.rank : given;
  const { exclusive, reverse } = flags(node);
  // ONNX Runtime's Scan must run at least once.
  if (isNumber(dimOf(input, axis), 0)) return input;
  const order = [axis, ...Array.from(input.axes.keys()).filter((each) => each !== axis)];
  const slices = graph.inOrder(input, order);
  const rest = input.dims.toSpliced(axis, 1);
  const one = graph.constant("one", oneOf(input.dtype));
  const start = graph.op("Expand", [one, graph.shapeTensor(rest)]);
  const { outputs } = scan(graph, { states: [start], scanned: [slices], reverse }, (body, states, elements) => {
    const product = body.op("Mul", [first(states), first(elements)]);
    return { states: [product], outputs: [exclusive ? first(states) : product] };
  });
  const made = viewOf(at(outputs, 0));
  return made.seenAs(order.map((_, place) => at(made.axes, order.indexOf(place))));
});

function oneOf(dtype: Value["dtype"]): Parameters<GraphBuilder["constant"]>[1] {
  return dtype === "int32"
    ? { dtype, dims: [], data: Int32Array.of(1) }
    : { dtype: "float32", dims: [], data: Float32Array.of(1) };
}

/**
 * How often, or with which sum of weights, each of the numbers 0 to size - 1 occurs along the last axis; others are left out.
 * Without weights (an empty tensor) each counts as 1, in the type of the weights. TF.js has 1 for any count (`binary`) where the
 * input has rows.
 */
function bincount(context: OpContext, binary: boolean): Value {
  const { graph } = context;
  const input = context.tensor(0);
  if (input.dtype !== "int32") throw new ExportError(`it counts int32; got ${input.dtype}`);
  const weights = context.tensor(2);
  const bins = binsOf(context);
  const hits = graph.binary("Equal", insertAxis(input, input.rank), input.rank === 1 ? bins : insertAxis(bins, 0));
  const marks = binary && input.rank === 2;
  const isWeighted = weights.dims.every((each) => each !== dim(0));
  const each =
    isWeighted && !marks
      ? keepWhere(graph, hits, insertAxis(weights, weights.rank), 0)
      : graph.cast(hits, weights.dtype);
  const total = reduce(graph, "ReduceSum", each, [-2]);
  if (!marks) return total;
  return graph.cast(withNumber(graph, "Greater", total, 0), weights.dtype);
}

/** 0, 1, ... up to the size: [1, size]. */
function binsOf(context: OpContext): Value {
  const { graph } = context;
  const size = context.constant(1);
  if (size !== null && size.dtype !== "string") {
    const count = Number(size.data[0]);
    const data = Int32Array.from({ length: count }, (_, index) => index);
    return graph.constantValue("bins", { dtype: "int32", dims: [1, count], data });
  }
  const limit = graph.plain(graph.reshape(graph.cast(context.tensor(1), "int32"), []));
  return insertAxis(viewOf(range(graph, number(graph, 0, "int32"), limit, number(graph, 1, "int32"))), 0);
}

export const reductions: readonly GraphOpConverter[] = [
  reduction("Max", "ReduceMax"),
  reduction("Min", "ReduceMin"),
  reduction("Sum", "ReduceSum", counted),
  reduction("Prod", "ReduceProd", counted),
  reduction("Mean", "ReduceMean", floats),
  reduction("EuclideanNorm", "ReduceL2", floats),
  truth("All", "ReduceProd"),
  truth("Any", "ReduceSum"),
  extreme("ArgMax"),
  extreme("ArgMin"),
  cumulativeSum,
  cumulativeProduct,
  defineOp(["Bincount"], ["Equal", "Cast", "Where", "ReduceSum", "Range"], (context) => bincount(context, false)),
  defineOp(["DenseBincount"], ["Equal", "Cast", "Where", "ReduceSum", "Range", "Greater"], (context, { attributes }) =>
    bincount(context, attributes.bool("binary_output", false)),
  ),
];
