import type { Tensor as OrtTensor, TensorConstructor } from "onnxruntime-common";

import { InferenceError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";

/** The same elements as an ONNX Runtime tensor; no copy. */
export function toOrt(Constructor: TensorConstructor, tensor: Tensor): OrtTensor {
  switch (tensor.dtype) {
    case "float32":
      return new Constructor("float32", tensor.data, tensor.dims);
    case "float64":
      return new Constructor("float64", tensor.data, tensor.dims);
    case "float16":
      return new Constructor("float16", tensor.data, tensor.dims);
    case "int8":
      return new Constructor("int8", tensor.data, tensor.dims);
    case "uint8":
      return new Constructor("uint8", tensor.data, tensor.dims);
    case "int16":
      return new Constructor("int16", tensor.data, tensor.dims);
    case "uint16":
      return new Constructor("uint16", tensor.data, tensor.dims);
    case "int32":
      return new Constructor("int32", tensor.data, tensor.dims);
    case "uint32":
      return new Constructor("uint32", tensor.data, tensor.dims);
    case "int64":
      return new Constructor("int64", tensor.data, tensor.dims);
    case "uint64":
      return new Constructor("uint64", tensor.data, tensor.dims);
    case "bool":
      return new Constructor("bool", tensor.data, tensor.dims);
    case "string":
      return new Constructor("string", tensor.data, tensor.dims);
    default:
      return tensor satisfies never;
  }
}

/** The same elements as a tensor of ours; no copy. `name` is for the message. */
export function fromOrt(tensor: OrtTensor, name: string): Tensor {
  const { data, dims, type } = tensor;
  if (type === "float32" && data instanceof Float32Array) return { dtype: type, dims, data };
  if (type === "int64" && data instanceof BigInt64Array) return { dtype: type, dims, data };
  if (type === "int32" && data instanceof Int32Array) return { dtype: type, dims, data };
  if (type === "bool" && data instanceof Uint8Array) return { dtype: type, dims, data };
  if (type === "uint8" && data instanceof Uint8Array) return { dtype: type, dims, data };
  if (type === "int8" && data instanceof Int8Array) return { dtype: type, dims, data };
  if (type === "uint16" && data instanceof Uint16Array) return { dtype: type, dims, data };
  if (type === "int16" && data instanceof Int16Array) return { dtype: type, dims, data };
  if (type === "uint32" && data instanceof Uint32Array) return { dtype: type, dims, data };
  if (type === "uint64" && data instanceof BigUint64Array) return { dtype: type, dims, data };
  if (type === "float64" && data instanceof Float64Array) return { dtype: type, dims, data };
  if (type === "string" && Array.isArray(data)) return { dtype: type, dims, data };
  if (type === "float16" && ArrayBuffer.isView(data)) {
    return { dtype: type, dims, data: new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2) };
  }
  throw new InferenceError(`output "${name}" came back as ${type}; expected numbers, booleans or strings`);
}
