import type { DType } from "../tensor.ts";

/** `TensorProto.DataType` of each element type that JavaScript has an array for. */
export const ELEMENT_TYPE: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
};

/** Bytes of one element. */
export const ELEMENT_BYTES: Readonly<Record<Exclude<DType, "string">, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
  uint32: 4,
  uint64: 8,
};

/** The other element types of ONNX 1.19. Those of 4 bits or fewer share bytes. */
const WITHOUT_ARRAY: ReadonlyMap<number, string> = new Map([
  [14, "complex64"],
  [15, "complex128"],
  [16, "bfloat16"],
  [17, "float8e4m3fn"],
  [18, "float8e4m3fnuz"],
  [19, "float8e5m2"],
  [20, "float8e5m2fnuz"],
  [21, "uint4"],
  [22, "int4"],
  [23, "float4e2m1"],
  [24, "float8e8m0"],
  [25, "uint2"],
  [26, "int2"],
]);

const DTYPES: ReadonlyMap<number, DType> = new Map(
  Object.keys(ELEMENT_TYPE)
    .filter(isDType)
    .map((dtype) => [ELEMENT_TYPE[dtype], dtype]),
);

export function isDType(name: string): name is DType {
  return Object.hasOwn(ELEMENT_TYPE, name);
}

/** `TensorProto.DataType` of int4. */
export const INT4 = 22;

/** The element type with this number; null when JavaScript has no array for it, or ONNX does not define it. */
export function dtypeOf(elementType: number): DType | null {
  return DTYPES.get(elementType) ?? null;
}

/** A name for messages: `float32`, `bfloat16`, `element type 99`. */
export function elementTypeName(elementType: number): string {
  return DTYPES.get(elementType) ?? WITHOUT_ARRAY.get(elementType) ?? `element type ${elementType}`;
}
