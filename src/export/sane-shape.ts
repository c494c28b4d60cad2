import { ExportError } from "../errors.ts";

import type { Dim } from "./onnx/dims.ts";

/** TF.js keeps a tensor in one typed array, which cannot have more elements. */
const MAX_ELEMENTS = 2 ** 32;
/** TF.js computes with tensors of up to 6 axes. */
const MAX_RANK = 32;

/** @throws {ExportError} when no runtime could hold a tensor of this shape. */
export function expectSaneShape(dims: readonly Dim[]): void {
  if (dims.length > MAX_RANK) throw new ExportError(`a tensor would have ${dims.length} axes`);
  const shown = dims.join(", ");
  if (dims.some((dim) => typeof dim === "number" && (!Number.isSafeInteger(dim) || dim < 0))) {
    throw new ExportError(`a tensor would have the shape [${shown}]`);
  }
  const elements = dims.reduce<number>((size, dim) => size * (typeof dim === "number" ? dim : 1), 1);
  if (elements <= MAX_ELEMENTS) return;
  throw new ExportError(`a tensor of shape [${shown}] would be larger than any that TF.js can hold`);
}
