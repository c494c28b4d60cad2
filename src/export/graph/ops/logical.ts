import { at } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { expectOpset } from "../../build/ops/shape.ts";
import type { Value } from "../../ir/value.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";

import { defineOp } from "./define.ts";
import { choose, sameTypes } from "./operands.ts";

const COMPARISONS = [
  ["Greater", "Greater"],
  ["GreaterEqual", "GreaterOrEqual"],
  ["Less", "Less"],
  ["LessEqual", "LessOrEqual"],
] as const;

function operands(context: OpContext): readonly [Value, Value] {
  const { graph } = context;
  const values = sameTypes(graph, [context.tensor(0), context.tensor(1)]);
  return [at(values, 0), at(values, 1)];
}

/** ONNX has no order of bools. */
function ordered(graph: GraphBuilder, value: Value): Value {
  return value.dtype === "bool" ? graph.cast(value, "int32") : value;
}

function equal(context: OpContext): Value {
  const [a, b] = operands(context);
  if (a.dtype === "string") expectOpset(context.graph, 19, "Equal of strings");
  return context.graph.binary("Equal", a, b);
}

/** The condition is spread as numpy does, in Select as in SelectV2: TF.js makes no difference. */
function select(context: OpContext): Value {
  const { graph } = context;
  const condition = context.tensor(0);
  const values = sameTypes(graph, [context.tensor(1), context.tensor(2)]);
  const [yes, no] = [at(values, 0), at(values, 1)];
  if (yes.dtype !== "bool") return choose(graph, condition, yes, no);
  const chosen = graph.binary("And", condition, yes);
  return graph.binary("Or", chosen, graph.binary("And", graph.unary("Not", condition), no));
}

/** TF.js's executor asks this node for inputs that its own list of ops does not name: it never runs there. */
const bitwiseAnd = defineOp(["BitwiseAnd"], ["BitwiseAnd"], (context) => {
  expectOpset(context.graph, 18, "BitwiseAnd");
  return context.graph.binary("BitwiseAnd", context.tensor(0), context.tensor(1));
});

export const logical: readonly GraphOpConverter[] = [
  bitwiseAnd,
  ...COMPARISONS.map(([tfOp, op]) =>
    defineOp([tfOp], [op], (context) => {
      const [a, b] = operands(context);
      return context.graph.binary(op, ordered(context.graph, a), ordered(context.graph, b));
    }),
  ),
  defineOp(["Equal"], ["Equal"], equal),
  defineOp(["NotEqual"], ["Equal", "Not"], (context) => context.graph.unary("Not", equal(context))),
  defineOp(["LogicalAnd"], ["And"], (context) => context.graph.binary("And", context.tensor(0), context.tensor(1))),
  defineOp(["LogicalOr"], ["Or"], (context) => context.graph.binary("Or", context.tensor(0), context.tensor(1))),
  defineOp(["LogicalNot"], ["Not"], (context) => context.graph.unary("Not", context.tensor(0))),
  defineOp(["Select", "SelectV2"], ["Where"], select),
];
