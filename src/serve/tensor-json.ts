import { shown } from "../export/source/json.ts";
import { sizeOf, type DType } from "../tensor.ts";

import { RequestFault } from "./fault.ts";
import { joinStrings, toTensor, type TensorBytes } from "./tensor-bytes.ts";

/** Range of the whole numbers of each type; those of 64 bits are exact in JSON up to 2^53 only. */
const RANGES = {
  int8: [-(2 ** 7), 2 ** 7 - 1],
  uint8: [0, 2 ** 8 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  uint16: [0, 2 ** 16 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
} as const;

/**
 * A tensor from JSON: nested or flat lists, row-major.
 *
 * @throws {RequestFault} invalid, where the values are none of the type, or not as many as the shape has
 */
export function fromJson(name: string, dtype: DType, dims: readonly number[], data: unknown): TensorBytes {
  const size = sizeOf(dims);
  const values: unknown[] = [];
  flatten(data, values, size, dims.length, name);
  if (values.length !== size) {
    throw new RequestFault(
      "invalid",
      `input "${name}": shape [${dims.join(", ")}] has ${size} elements; got ${values.length} in "data"`,
    );
  }
  return { name, dtype, dims, bytes: bytesOf(name, dtype, values) };
}

function flatten(data: unknown, values: unknown[], most: number, depth: number, name: string): void {
  if (!Array.isArray(data) || (depth < 0 && data.length > 0)) {
    throw new RequestFault("invalid", `input "${name}": "data" is a list of values, nested as the shape or flat`);
  }
  for (const item of data as readonly unknown[]) {
    if (Array.isArray(item)) flatten(item, values, most, depth - 1, name);
    else values.push(item);
    if (values.length > most) return;
  }
}

function bytesOf(name: string, dtype: DType, values: readonly unknown[]): Uint8Array {
  const wrong = (value: unknown, expected: string): RequestFault =>
    new RequestFault("invalid", `input "${name}": expected ${expected}; got ${shown(value)}`);
  const finite = (round: (value: number) => number, type: string) => {
    return (value: unknown): number => {
      if (typeof value !== "number") throw wrong(value, "numbers");
      // JSON has no infinity: it comes from a number that is too large, 1e400 or 1e39 for FP32.
      if (Number.isFinite(round(value))) return value;
      throw wrong(value, `numbers that ${type} can hold`);
    };
  };
  const whole = (type: keyof typeof RANGES) => {
    const [least, most] = RANGES[type];
    return (value: unknown): number => {
      if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
      throw wrong(value, `whole numbers from ${least} to ${most}${type.endsWith("64") ? " (more in binary)" : ""}`);
    };
  };
  const over = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  switch (dtype) {
    case "float32":
      return over(Float32Array.from(values, finite(Math.fround, "FP32")));
    case "float64":
      return over(Float64Array.from(values, finite(Number, "FP64")));
    case "float16":
      throw new RequestFault("invalid", `input "${name}": JSON has no FP16; send it in the binary form`);
    case "int8":
      return over(Int8Array.from(values, whole(dtype)));
    case "uint8":
      return over(Uint8Array.from(values, whole(dtype)));
    case "int16":
      return over(Int16Array.from(values, whole(dtype)));
    case "uint16":
      return over(Uint16Array.from(values, whole(dtype)));
    case "int32":
      return over(Int32Array.from(values, whole(dtype)));
    case "uint32":
      return over(Uint32Array.from(values, whole(dtype)));
    case "int64":
      return over(BigInt64Array.from(values.map(whole(dtype)), BigInt));
    case "uint64":
      return over(BigUint64Array.from(values.map(whole(dtype)), BigInt));
    case "bool":
      return Uint8Array.from(values, (value) => {
        if (typeof value === "boolean") return Number(value);
        if (value === 0 || value === 1) return value;
        throw wrong(value, "true or false");
      });
    case "string":
      return joinStrings(
        values.map((value) => {
          if (typeof value === "string") return Buffer.from(value, "utf8");
          throw wrong(value, "strings");
        }),
      );
    default:
      return dtype satisfies never;
  }
}

/**
 * The text of a JSON list of a tensor's elements, row-major and flat, which reads back as the same numbers.
 *
 * @throws {RequestFault} notAcceptable, for what JSON cannot hold: NaN, infinities, FP16
 */
export function toJson(tensor: TensorBytes): string {
  const { dtype, data } = toTensor(tensor);
  switch (dtype) {
    case "float16":
      throw notInJson(tensor.name, "FP16");
    case "float32":
    case "float64":
      if (!data.every(Number.isFinite)) throw notInJson(tensor.name, "a value that is not finite");
      // As text, -0 is "0".
      if (data.some((value) => Object.is(value, -0))) {
        return `[${Array.from(data, (value) => (Object.is(value, -0) ? "-0" : String(value))).join(",")}]`;
      }
      return `[${data.join(",")}]`;
    case "bool":
      return JSON.stringify(Array.from(data, Boolean));
    case "string":
      return JSON.stringify(data);
    case "int64":
    case "uint64":
    case "int8":
    case "uint8":
    case "int16":
    case "uint16":
    case "int32":
    case "uint32":
      return `[${data.join(",")}]`;
    default:
      return dtype satisfies never;
  }
}

function notInJson(name: string, what: string): RequestFault {
  return new RequestFault("notAcceptable", `output "${name}" holds ${what}, which JSON cannot`, {
    hint: "ask for the binary form: binary_data_output",
  });
}
