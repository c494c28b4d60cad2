import { InferenceError } from "../errors.ts";
import { MINIMUM_SIZES_KEY } from "../metadata.ts";

import { describeValue } from "./check-feeds.ts";
import type { ValueInfo } from "./runtime.ts";
import type { MixedTensors } from "./device-tensor.ts";

/**
 * The smallest value of each named input size, from an ONNX file's `metadata_props`; empty where the file gives none.
 *
 * @throws {InferenceError} when the entry is damaged
 */
export function readMinimumSizes(metadata: ReadonlyMap<string, string>): ReadonlyMap<string, number> {
  const text = metadata.get(MINIMUM_SIZES_KEY);
  if (text === undefined) return new Map();
  const sizes = parsed(text);
  if (sizes !== null) return sizes;
  throw new InferenceError(
    `the model's metadata ${MINIMUM_SIZES_KEY} must be an object of whole numbers; got ${text.slice(0, 200)}`,
    { hint: "export the model again" },
  );
}

function parsed(text: string): ReadonlyMap<string, number> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const sizes = Object.entries(value).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1]));
  return sizes.length === Object.keys(value).length ? new Map(sizes) : null;
}

/** @throws {InferenceError} for an input that is too small for the model's convolutions and poolings */
export function checkMinimumSizes(
  minimums: ReadonlyMap<string, number>,
  inputs: readonly ValueInfo[],
  feeds: MixedTensors,
): void {
  if (minimums.size === 0) return;
  for (const input of inputs) {
    const tensor = feeds[input.name];
    if (tensor === undefined) continue;
    for (const [axis, name] of input.dims.entries()) {
      const least = typeof name === "string" ? minimums.get(name) : undefined;
      const size = tensor.dims[axis];
      if (least === undefined || size === undefined || size >= least) continue;
      throw new InferenceError(
        `input "${input.name}": ${name} must be at least ${least}; got ${describeValue(tensor)}`,
        {
          hint: "no window of one of the model's convolutions or poolings fits into a smaller input",
        },
      );
    }
  }
}
