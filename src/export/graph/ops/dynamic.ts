import { ExportError } from "../../../errors.ts";
import { int, ints } from "../../../onnx/model.ts";
import { at } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { cast } from "../../build/ops/elementwise.ts";
import { nonMaxSuppression, topK } from "../../build/ops/neural.ts";
import { gather, nonZero, pad, reshape, slice, squeeze, shapeOf } from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { dimOf, insertAxis, viewOf, type Value } from "../../ir/value.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";

import { defineOp } from "./define.ts";
import { number, sameTypes } from "./operands.ts";
import { softSuppression } from "./soft-suppression.ts";

// TF.js: operations/executors/dynamic_executor.js, evaluation_executor.js, tfjs-core backends/non_max_suppression_impl.js.

function single(context: OpContext, index: number, dtype: "int64" | "float32"): GraphTensor {
  const { graph } = context;
  return reshape(graph, cast(graph, graph.plain(context.tensor(index)), dtype), graph.int64s([1]));
}

/** The largest float32 below a number. */
function below(value: number): number {
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, value);
  const raw = bits.getInt32(0);
  bits.setInt32(0, raw + (raw > 0 ? -1 : 1));
  return bits.getFloat32(0);
}

/** How many boxes to keep. Where any overlap is too much, every box overlaps every other: 0 is enough. */
function countOf(context: OpContext): GraphTensor {
  const count = single(context, 2, "int64");
  return nothingMayOverlap(context) ? context.graph.op("Min", [count, context.graph.int64s([1])]) : count;
}

function nothingMayOverlap(context: OpContext): boolean {
  const known = context.constant(3);
  return known !== null && known.dtype === "float32" && Number(known.data[0]) <= 0;
}

/** TF.js drops boxes whose overlap is the threshold or more, ONNX those whose overlap is more. */
function overlapInput(context: OpContext, index: number): GraphTensor {
  const known = context.constant(index);
  if (known === null || known.dtype !== "float32" || nothingMayOverlap(context))
    return single(context, index, "float32");
  const data = Float32Array.of(below(Number(known.data[0])));
  return context.graph.constant("overlap", { dtype: "float32", dims: [1], data });
}

interface Suppressed {
  /** int64 [S] */
  readonly indices: GraphTensor;
}

function suppress(context: OpContext, hasScore: boolean): Suppressed {
  const { graph } = context;
  const boxes = graph.plain(graph.reshape(context.tensor(0), [1, ...context.tensor(0).dims]));
  const scores = graph.plain(graph.reshape(context.tensor(1), [1, 1, ...context.tensor(1).dims]));
  const selected = nonMaxSuppression(graph, boxes, scores, {
    count: countOf(context),
    overlap: overlapInput(context, 3),
    score: hasScore ? single(context, 4, "float32") : null,
  });
  const column = slice(graph, selected, { axes: [1], starts: [2], ends: [3] });
  return { indices: squeeze(graph, column, [1]) };
}

const OPS = ["NonMaxSuppression", "Slice", "Squeeze", "Cast", "Reshape"];

const plainSuppression = defineOp(["NonMaxSuppressionV2", "NonMaxSuppressionV3"], OPS, (context, { op }) => {
  const { indices } = suppress(context, op === "NonMaxSuppressionV3");
  return viewOf(cast(context.graph, indices, "int32"));
});

/** Indices, padded by zeros when the attribute says so, and how many are valid. */
const paddedSuppression = defineOp(
  ["NonMaxSuppressionV4"],
  [...OPS, "Pad", "Shape", "Sub"],
  (context, { attributes }) => {
    const { graph } = context;
    const { indices } = suppress(context, true);
    const found = shapeOf(graph, indices);
    const valid = squeeze(graph, cast(graph, found, "int32"), [0]);
    if (!attributes.bool("pad_to_max_output_size", false))
      return [viewOf(cast(graph, indices, "int32")), viewOf(valid)];
    // TF.js pads to the number of boxes where there are fewer.
    const boxes = graph.runtimeDim(dimOf(context.tensor(0), 0));
    const missing = graph.op("Sub", [graph.op("Min", [single(context, 2, "int64"), boxes]), found]);
    const pads = graph.op("Concat", [graph.int64s([0]), missing], { axis: { type: "int", value: 0 } });
    return [viewOf(cast(graph, pad(graph, indices, pads), "int32")), viewOf(valid)];
  },
);

const scoredSuppression = defineOp(["NonMaxSuppressionV5"], [...OPS, "Gather", "Loop"], (context) => {
  const { graph } = context;
  const sigma = context.constant(5);
  if (sigma === null) throw new ExportError("sigma (input 5) must be constant; it depends on the model's inputs");
  if (Number(sigma.data[0]) > 0) return softSuppression(context, Number(sigma.data[0]));
  const { indices } = suppress(context, true);
  const scores = gather(graph, graph.plain(context.tensor(1)), indices);
  return [viewOf(cast(graph, indices, "int32")), viewOf(scores)];
});

/** Places of what is true: [n, rank]. */
const where = defineOp(["Where"], ["NonZero", "Transpose", "Cast"], (context) => {
  const { graph } = context;
  const places = nonZero(graph, graph.plain(graph.cast(context.tensor(0), "bool")));
  return viewOf(cast(graph, graph.op("Transpose", [places], { perm: ints([1, 0]) }), "int32"));
});

const largest = defineOp(["TopKV2"], ["TopK", "Cast", "Reshape"], (context) => {
  const { graph } = context;
  const input = context.tensor(0);
  // Sorted is one of the orders that unsorted may have.
  const { values, indices } = topK(graph, graph.plain(input), countInput(graph, context));
  return [viewOf(values), viewOf(cast(graph, indices, "int32"))];
});

function countInput(graph: GraphBuilder, context: OpContext): GraphTensor {
  const value: Value = context.tensor(1);
  const known = context.constant(1);
  if (known !== null && known.dtype !== "string") return graph.int64s([Number(known.data[0])]);
  return reshape(graph, cast(graph, graph.plain(value), "int64"), graph.int64s([1]));
}

/** The elements of the first list that the second lacks, and their places. */
const listDiff = defineOp(["ListDiff"], ["Equal", "Cast", "ReduceSum", "NonZero", "Gather"], (context) => {
  const { graph } = context;
  const values = sameTypes(graph, [context.tensor(0), context.tensor(1)]);
  const [x, y] = [at(values, 0), at(values, 1)];
  const equal = graph.binary("Equal", insertAxis(x, 1), insertAxis(y, 0));
  const marks = graph.plain(graph.cast(equal, "int32"));
  const hits = graph.op("ReduceSum", [marks, graph.int64s([1])], { keepdims: int(0) });
  const missing = graph.op("Equal", [hits, number(graph, 0, "int32")]);
  const places = squeeze(graph, nonZero(graph, missing), [0]);
  return [viewOf(gather(graph, graph.plain(x), places)), graph.cast(viewOf(places), "int32")];
});

export const dynamics: readonly GraphOpConverter[] = [
  plainSuppression,
  paddedSuppression,
  scoredSuppression,
  where,
  largest,
  listDiff,
];
