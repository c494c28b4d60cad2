import type { GraphBuilder } from "../build/builder.ts";
import { axisOf, type Value } from "../ir/value.ts";

const BEFORE_THE_FIRST = -(2 ** 31);

/** The value (axes N T …) with its steps in the opposite order. */
export function reverseTime(graph: GraphBuilder, input: Value): Value {
  if (axisOf(input, 1).length === 0) return input;
  const { value, dim } = graph.isolate(input, 1);
  const bounds = [[-1], [BEFORE_THE_FIRST], [dim], [-1]].map((each) => graph.int64s(each));
  return value.replacedBy(graph.op("Slice", [value.tensor, ...bounds]));
}
