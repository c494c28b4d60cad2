import type { Json } from "../../source/json.ts";

/** Element types that TF.js has. complex64 is a pair of float32. */
export type GraphDType = "float32" | "int32" | "bool" | "string" | "complex64";

/** What TF.js takes each TensorFlow type as: name and number in tensorflow/core/framework/types.proto. */
const TYPES: readonly (readonly [name: string, id: number, dtype: GraphDType])[] = [
  ["DT_FLOAT", 1, "float32"],
  ["DT_DOUBLE", 2, "float32"],
  ["DT_INT32", 3, "int32"],
  ["DT_UINT8", 4, "int32"],
  ["DT_INT8", 6, "int32"],
  ["DT_STRING", 7, "string"],
  ["DT_COMPLEX64", 8, "complex64"],
  ["DT_INT64", 9, "int32"],
  ["DT_BOOL", 10, "bool"],
  ["DT_COMPLEX128", 18, "complex64"],
  ["DT_HALF", 19, "float32"],
];

const byName = new Map<Json | undefined, GraphDType>(TYPES.map(([name, , dtype]) => [name, dtype]));
const byId = new Map<Json | undefined, GraphDType>(TYPES.map(([, id, dtype]) => [id, dtype]));

/** The element type that TF.js reads from a TensorFlow type, given by name (`DT_FLOAT`) or by number (1). Null: it has none. */
export function dtypeOf(type: Json | undefined): GraphDType | null {
  return byName.get(type) ?? byId.get(type) ?? null;
}
