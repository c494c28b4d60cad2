import { InferenceError } from "../errors.ts";

import { describeValue } from "./check-feeds.ts";
import type { Tensors } from "./runtime.ts";
import type { MixedTensors } from "./device-tensor.ts";

/** What ONNX Runtime 1.30 ends the whole process on (its CPU and WebAssembly) when a tensor has no elements. */
const FATAL_WITHOUT_ELEMENTS: readonly string[] = ["GRU", "InstanceNormalization", "LSTM"];

/** The same, where it is given rows and there are none; a list without elements is no matter. */
const FATAL_WITHOUT_ROWS: readonly string[] = ["TopK"];

/** What its WebGPU ends the process on when a tensor's last size is 0. */
const FATAL_WITHOUT_LAST: readonly string[] = ["MatMul", "Softmax"];

/** Those of a model's operators that may not meet a tensor without elements. */
export function needElements(operators: ReadonlySet<string>): string[] {
  return [...FATAL_WITHOUT_ELEMENTS, ...FATAL_WITHOUT_ROWS].filter((operator) => operators.has(operator));
}

/**
 * Refuse feeds without elements, e.g. of batch 0, for a model that has such operators.
 *
 * @throws {InferenceError} naming the input.
 */
export function checkElements(operators: readonly string[], feeds: Tensors): void {
  for (const [name, tensor] of Object.entries(feeds)) {
    if (tensor.data.length > 0) continue;
    const fatal = tensor.dims.length > 1 ? operators : operators.filter((each) => !FATAL_WITHOUT_ROWS.includes(each));
    if (fatal.length === 0) continue;
    throw new InferenceError(
      `input "${name}" has no elements: ${describeValue(tensor)}; ONNX Runtime cannot run ${fatal.join(" and ")} on none`,
      { hint: "where there is nothing to compute, leave the run out" },
    );
  }
}

/**
 * Refuse feeds whose last size is 0, for a model on WebGPU that multiplies along it.
 *
 * @throws {InferenceError} naming the input.
 */
export function checkLastSizes(operators: ReadonlySet<string>, feeds: MixedTensors): void {
  const fatal = FATAL_WITHOUT_LAST.filter((operator) => operators.has(operator));
  if (fatal.length === 0) return;
  for (const [name, tensor] of Object.entries(feeds)) {
    if (tensor.dims.at(-1) !== 0) continue;
    throw new InferenceError(
      `input "${name}" has a last size of 0: ${describeValue(tensor)}; ONNX Runtime's WebGPU cannot run ${fatal.join(" and ")} on that`,
      { hint: "run the model on the provider cpu or wasm" },
    );
  }
}
