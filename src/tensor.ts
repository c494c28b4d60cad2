/** Array type that holds each element type; float16 as raw bits, bool as 0 and 1. */
export interface TensorData {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly float16: Uint16Array;
  readonly int8: Int8Array;
  readonly uint8: Uint8Array;
  readonly int16: Int16Array;
  readonly uint16: Uint16Array;
  readonly int32: Int32Array;
  readonly uint32: Uint32Array;
  readonly int64: BigInt64Array;
  readonly uint64: BigUint64Array;
  readonly bool: Uint8Array;
  readonly string: readonly string[];
}

/** Element type of a tensor, by its ONNX name in lower case. */
export type DType = keyof TensorData;

/** A dense tensor, row-major: `data.length` is the product of `dims`. */
export type Tensor = {
  readonly [D in DType]: {
    readonly dtype: D;
    readonly dims: readonly number[];
    readonly data: TensorData[D];
  };
}[DType];

/** Number of elements of a tensor of shape `dims`; 1 for a scalar. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((size, dim) => size * dim, 1);
}

/** A float32 tensor. @throws {RangeError} when data and dims disagree. */
export function float32(data: Float32Array, dims: readonly number[]): Extract<Tensor, { dtype: "float32" }> {
  if (data.length !== sizeOf(dims)) {
    throw new RangeError(`${data.length} values do not fill a tensor of shape [${dims.join(", ")}]`);
  }
  return { dtype: "float32", dims, data };
}

/** The tensor whose elements a buffer holds, in this machine's byte order. A view: nothing is copied. */
export function tensorOver(dtype: Exclude<DType, "string">, dims: readonly number[], buffer: ArrayBuffer): Tensor {
  switch (dtype) {
    case "float32":
      return { dtype, dims, data: new Float32Array(buffer) };
    case "float64":
      return { dtype, dims, data: new Float64Array(buffer) };
    case "float16":
    case "uint16":
      return { dtype, dims, data: new Uint16Array(buffer) };
    case "int8":
      return { dtype, dims, data: new Int8Array(buffer) };
    case "uint8":
    case "bool":
      return { dtype, dims, data: new Uint8Array(buffer) };
    case "int16":
      return { dtype, dims, data: new Int16Array(buffer) };
    case "int32":
      return { dtype, dims, data: new Int32Array(buffer) };
    case "uint32":
      return { dtype, dims, data: new Uint32Array(buffer) };
    case "int64":
      return { dtype, dims, data: new BigInt64Array(buffer) };
    case "uint64":
      return { dtype, dims, data: new BigUint64Array(buffer) };
    default:
      return dtype satisfies never;
  }
}
