import { ExportError } from "../../../errors.ts";
import { ELEMENT_TYPE } from "../../../onnx/element-type.ts";
import { float, int } from "../../../onnx/model.ts";
import { first } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { viewOf, type Value } from "../../ir/value.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";
import type { GraphDType } from "../source/dtype.ts";

import { defineOp } from "./define.ts";
import { number, withNumber } from "./operands.ts";

/** A shape as int64 [rank], from sizes where they are known. */
function shapeInput(context: OpContext, index: number): GraphTensor {
  const sizes = context.sizes(index);
  const { graph } = context;
  return sizes === null ? graph.plain(graph.cast(context.tensor(index), "int64")) : graph.shapeTensor(sizes);
}

type Numeric = "float32" | "int32" | "bool";

function numeric(dtype: GraphDType): Numeric {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw new ExportError(`it makes numbers; got ${dtype}`);
}

function scalarInput(context: OpContext, index: number, dtype: "float32" | "int32"): Value {
  return context.graph.reshape(context.graph.cast(context.tensor(index), dtype), []);
}

/** `start + i · (stop − start) / (num − 1)` */
const linSpace = defineOp(["LinSpace"], ["Range", "Sub", "Div", "Mul", "Add"], (context) => {
  const { graph } = context;
  const [start, stop] = [scalarInput(context, 0, "float32"), scalarInput(context, 1, "float32")];
  const count = scalarInput(context, 2, "int32");
  const steps = graph.op("Range", [number(graph, 0, "int32"), graph.plain(count), number(graph, 1, "int32")]);
  const gaps = withNumber(graph, "Sub", graph.cast(count, "float32"), 1);
  // A single value is the start: any divisor will do.
  const divisor = gaps.replacedBy(graph.op("Max", [gaps.tensor, graph.scalar(1)]));
  const step = graph.binary("Div", graph.binary("Sub", stop, start), divisor);
  return graph.binary("Add", graph.binary("Mul", graph.cast(viewOf(steps), "float32"), step), start);
});

// Random numbers are others at every run, as in TF.js.

/** Numbers of the shape that input 0 gives. */
function random(
  context: OpContext,
  opType: "RandomNormal" | "RandomUniform",
  attributes: Parameters<GraphBuilder["op"]>[2],
  lead: readonly number[] = [],
): GraphTensor {
  const { graph } = context;
  const shape = shapeInput(context, 0);
  const whole = lead.length === 0 ? shape : graph.op("Concat", [graph.int64s(lead), shape], { axis: int(0) });
  return graph.op(`${opType}Like`, [graph.op("ConstantOfShape", [whole])], attributes ?? {});
}

function cutTo(graph: GraphBuilder, tensor: GraphTensor, dtype: GraphDType): Value {
  return graph.cast(viewOf(tensor), numeric(dtype));
}

const FLOAT = { dtype: int(ELEMENT_TYPE.float32) };

const standardNormal = defineOp(["RandomStandardNormal"], ["RandomNormalLike"], (context, { attributes }) =>
  cutTo(context.graph, random(context, "RandomNormal", FLOAT), attributes.dtype("dtype", "float32")),
);

const uniform = defineOp(["RandomUniform"], ["RandomUniformLike"], (context, { attributes }) => {
  const limits = { low: float(attributes.float("minval", 0)), high: float(attributes.float("maxval", 1)) };
  const made = random(context, "RandomUniform", { ...FLOAT, ...limits });
  return cutTo(context.graph, made, attributes.dtype("dtype", "float32"));
});

/** Whole numbers from the least up to, and without, the largest. TF.js reads both from attributes. */
const uniformInt = defineOp(["RandomUniformInt"], ["RandomUniformLike", "Floor"], (context, { attributes }) => {
  const limits = { low: float(attributes.int("minval", 0)), high: float(attributes.int("maxval", 0)) };
  const made = random(context, "RandomUniform", { ...FLOAT, ...limits });
  return context.graph.cast(viewOf(context.graph.op("Floor", [made])), "int32");
});

/** Draws for each number; all of eight lie beyond two deviations once in 10^11 times. */
const DRAWS = 8;

/** Numbers beyond two deviations are drawn again: the first of several draws that is within is taken. */
const truncatedNormal = defineOp(
  ["TruncatedNormal"],
  ["RandomNormalLike", "Abs", "Less", "Cast", "ArgMax", "GatherElements", "Squeeze", "Mul", "Add"],
  (context, { attributes }) => {
    const { graph } = context;
    const draws = random(context, "RandomNormal", FLOAT, [DRAWS]);
    const within = graph.op("Less", [graph.op("Abs", [draws]), graph.scalar(2)]);
    const marks = graph.op("Cast", [within], { to: int(ELEMENT_TYPE.int32) });
    const place = graph.op("ArgMax", [marks], { axis: int(0), keepdims: int(1) });
    const picked = viewOf(
      graph.op("Squeeze", [graph.op("GatherElements", [draws, place], { axis: int(0) }), graph.int64s([0])]),
    );
    const spread = withNumber(graph, "Mul", picked, attributes.float("stddev", 1));
    const moved = withNumber(graph, "Add", spread, attributes.float("means", 0));
    return graph.cast(moved, numeric(attributes.dtype("dtype", "float32")));
  },
);

const multinomial = defineOp(["Multinomial"], ["Multinomial"], (context) => {
  const { graph } = context;
  const count = first(context.integers(1, "the number of samples"));
  const logits = graph.cast(context.tensor(0), "float32");
  if (logits.rank !== 2) throw new ExportError(`its logits must have 2 axes; they have ${logits.rank}`);
  return viewOf(
    graph.op("Multinomial", [graph.plain(logits)], { sample_size: int(count), dtype: int(ELEMENT_TYPE.int32) }),
  );
});

export const randomOps: readonly GraphOpConverter[] = [
  linSpace,
  standardNormal,
  uniform,
  uniformInt,
  truncatedNormal,
  multinomial,
];
