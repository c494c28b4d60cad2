import { multiply, type Dim } from "../../../onnx/dim.ts";
import { squeeze } from "../../build/ops/shape.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { viewOf, type Value } from "../../ir/value.ts";
import { isComplex, type ComplexValue, type GraphOpConverter } from "../converter.ts";

import { defineOp } from "./define.ts";

function dimsOf(value: Value | ComplexValue): readonly Dim[] {
  return isComplex(value) ? value.real.dims : value.dims;
}

function shapeOf(graph: GraphBuilder, value: Value | ComplexValue): Value {
  return graph.cast(viewOf(graph.shapeTensor(dimsOf(value))), "int32");
}

export const shapeOps: readonly GraphOpConverter[] = [
  defineOp(["Shape"], ["Shape", "Cast"], (context) => shapeOf(context.graph, context.numeric(0))),
  // TF.js gives these as float32.
  defineOp(["ShapeN"], ["Shape", "Cast"], (context) =>
    context.inputs.map((_, index) => context.graph.cast(shapeOf(context.graph, context.numeric(index)), "float32")),
  ),
  defineOp(["Size"], ["Shape", "Mul", "Cast"], (context) => {
    const { graph } = context;
    const count = squeeze(graph, graph.runtimeDim(multiply(...dimsOf(context.numeric(0)))), [0]);
    return graph.cast(viewOf(count), "int32");
  }),
  defineOp(["Rank"], [], (context) => {
    const { graph } = context;
    const rank = dimsOf(context.numeric(0)).length;
    return graph.constantValue("rank", { dtype: "int32", dims: [], data: Int32Array.of(rank) });
  }),
];
