import { ExportError } from "../errors.ts";
import { asNumber, showShape, type Dim } from "../onnx/dim.ts";
import { at } from "../require.ts";

/** TF.js keeps a tensor in one typed array, which cannot have more elements. */
const MAX_ELEMENTS = 2 ** 32;
/** TF.js computes with up to 6 axes; models with more that only move data still load, up to this many. */
const MAX_RANK = 32;

/** @throws {ExportError} when no runtime could hold a tensor of this shape. */
export function expectSaneShape(dims: readonly Dim[]): void {
  if (dims.length > MAX_RANK) throw new ExportError(`a tensor would have ${dims.length} axes`);
  const known = dims.map(asNumber).filter((size) => size !== null);
  if (known.some((size) => size < 0)) throw new ExportError(`a tensor would have the shape ${showShape(dims)}`);
  // Free sizes count as 1, and what they are multiplied by as it is.
  const least = dims.map(({ terms }) => (terms.length === 1 ? at(terms, 0).coefficient : 1));
  if (known.includes(0) || least.reduce((size, each) => size * Math.max(each, 1), 1) <= MAX_ELEMENTS) return;
  throw new ExportError(`a tensor of shape ${showShape(dims)} would be larger than any that TF.js can hold`);
}
