import type { GraphBuilder } from "../onnx/builder.ts";
import { type Value } from "../onnx/value.ts";

const BEFORE_THE_FIRST = -(2 ** 31);

/** The value (axes N T …) with its steps in the opposite order. */
export function reverseTime(graph: GraphBuilder, input: Value): Value {
  if (input.axes[1]?.length === 0) return input;
  const { value, dim } = graph.isolate(input, 1);
  const bounds = [[-1], [BEFORE_THE_FIRST], [dim], [-1]].map((each) => graph.int64s(each));
  return { ...value, name: graph.op("Slice", [value.name, ...bounds]) };
}
