import { InferenceError } from "../errors.ts";
import { first } from "../require.ts";
import { sizeOf, type Tensor } from "../tensor.ts";

/** Samples `start` to `end` of a tensor; a view, but for strings. */
export function sliceBatch(tensor: Tensor, start: number, end: number): Tensor {
  const [, ...rest] = tensor.dims;
  const size = sizeOf(rest);
  const dims = [end - start, ...rest];
  const [from, to] = [start * size, end * size];
  switch (tensor.dtype) {
    case "float32":
      return { dtype: tensor.dtype, dims, data: tensor.data.subarray(from, to) };
    case "int32":
      return { dtype: tensor.dtype, dims, data: tensor.data.subarray(from, to) };
    case "bool":
      return { dtype: tensor.dtype, dims, data: tensor.data.subarray(from, to) };
    case "string":
      return { dtype: tensor.dtype, dims, data: tensor.data.slice(from, to) };
    case "float64":
    case "float16":
    case "int8":
    case "uint8":
    case "int16":
    case "uint16":
    case "uint32":
    case "int64":
    case "uint64":
      throw new InferenceError(`tensors of ${tensor.dtype} cannot be cut into batches`);
    default:
      return tensor satisfies never;
  }
}

/** Tensors one after the other along the first axis. @throws {InferenceError} when their other sizes differ */
export function concatenateBatches(tensors: readonly Tensor[]): Tensor {
  const { dtype, dims } = first(tensors);
  const [, ...rest] = dims;
  for (const tensor of tensors) {
    if (tensor.dtype === dtype && tensor.dims.slice(1).join() === rest.join() && tensor.dims.length > 0) continue;
    throw new InferenceError(
      `the batches give outputs of shapes [${dims.join(", ")}] and [${tensor.dims.join(", ")}], which do not make one tensor`,
      { hint: "run all samples at once: predictOnBatch" },
    );
  }
  const samples = tensors.reduce((sum, tensor) => sum + first(tensor.dims), 0);
  const all = [samples, ...rest];
  switch (dtype) {
    case "float32":
      return { dtype, dims: all, data: joined(new Float32Array(sizeOf(all)), tensors) };
    case "int32":
      return { dtype, dims: all, data: joined(new Int32Array(sizeOf(all)), tensors) };
    case "bool":
      return { dtype, dims: all, data: joined(new Uint8Array(sizeOf(all)), tensors) };
    case "string":
      return { dtype, dims: all, data: tensors.flatMap(({ data }) => Array.from(data, String)) };
    case "float64":
    case "float16":
    case "int8":
    case "uint8":
    case "int16":
    case "uint16":
    case "uint32":
    case "int64":
    case "uint64":
      throw new InferenceError(`tensors of ${dtype} cannot be put together from batches`);
    default:
      return dtype satisfies never;
  }
}

function joined<Data extends Float32Array | Int32Array | Uint8Array>(whole: Data, tensors: readonly Tensor[]): Data {
  let offset = 0;
  for (const { data } of tensors) {
    if (!(data instanceof whole.constructor) || !isNumbers(data))
      throw new InferenceError("the batches differ in their type");
    whole.set(data, offset);
    offset += data.length;
  }
  return whole;
}

function isNumbers(data: Tensor["data"]): data is Float32Array | Int32Array | Uint8Array {
  return data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array;
}
