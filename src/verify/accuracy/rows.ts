import { InternalError } from "../../errors.ts";
import type { Tensors } from "../../infer/runtime.ts";
import { first } from "../../require.ts";
import { sizeOf, tensorOver, type Tensor } from "../../tensor.ts";

/** Rows `start` to `start + count - 1` along the first axis, copied. */
export function rowsOf(tensor: Tensor, start: number, count: number): Tensor {
  const [rows, ...rest] = tensor.dims;
  if (rows === undefined || start + count > rows) {
    throw new InternalError(`there are no rows ${start} to ${start + count - 1} in [${tensor.dims.join(", ")}]`);
  }
  const dims = [count, ...rest];
  const [from, to] = [start * sizeOf(rest), (start + count) * sizeOf(rest)];
  if (tensor.dtype === "string") return { dtype: "string", dims, data: tensor.data.slice(from, to) };
  const { buffer } = tensor.data.slice(from, to);
  if (!(buffer instanceof ArrayBuffer)) throw new InternalError("a copy of rows shares its memory");
  return tensorOver(tensor.dtype, dims, buffer);
}

/** The first sample of a batch, where all inputs begin with a free axis of samples; else the batch. */
export function firstSample(
  inputs: readonly { readonly name: string; readonly dims: readonly (number | string | null)[] }[],
  feeds: Tensors,
): Tensors {
  const isFree = inputs.every(({ dims }) => dims.length > 0 && typeof first(dims) !== "number");
  if (!isFree) return feeds;
  return Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, rowsOf(tensor, 0, 1)]));
}
