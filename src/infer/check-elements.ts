import { InferenceError } from "../errors.ts";

import { describeValue } from "./check-feeds.ts";
import type { Tensors } from "./runtime.ts";

/** What ONNX Runtime 1.30 ends the whole process on (its CPU and WebAssembly) when a tensor has no elements. */
const FATAL_WITHOUT_ELEMENTS: readonly string[] = ["GRU", "InstanceNormalization", "LSTM"];

/** Those of a model's operators that may not meet a tensor without elements. */
export function needElements(operators: ReadonlySet<string>): string[] {
  return FATAL_WITHOUT_ELEMENTS.filter((operator) => operators.has(operator));
}

/**
 * Refuse feeds without elements, e.g. of batch 0, for a model that has such operators.
 *
 * @throws {InferenceError} naming the input.
 */
export function checkElements(operators: readonly string[], feeds: Tensors): void {
  for (const [name, tensor] of Object.entries(feeds)) {
    if (tensor.data.length > 0) continue;
    throw new InferenceError(
      `input "${name}" has no elements: ${describeValue(tensor)}; ONNX Runtime cannot run ${operators.join(" and ")} on none`,
      { hint: "where there is nothing to compute, leave the run out" },
    );
  }
}
