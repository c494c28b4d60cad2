import { isUtf8 } from "node:buffer";

import { ELEMENT_BYTES } from "../onnx/element-type.ts";
import { at } from "../require.ts";
import { sizeOf, tensorOver, type DType, type Tensor } from "../tensor.ts";

import { RequestFault } from "./fault.ts";

/** Name that the Open Inference Protocol gives each element type. */
export const DATATYPE: Readonly<Record<DType, string>> = {
  bool: "BOOL",
  uint8: "UINT8",
  uint16: "UINT16",
  uint32: "UINT32",
  uint64: "UINT64",
  int8: "INT8",
  int16: "INT16",
  int32: "INT32",
  int64: "INT64",
  float16: "FP16",
  float32: "FP32",
  float64: "FP64",
  string: "BYTES",
};

const DTYPES: ReadonlyMap<string, DType> = new Map(
  Object.keys(DATATYPE)
    .filter(isDType)
    .map((dtype) => [DATATYPE[dtype], dtype]),
);

function isDType(name: string): name is DType {
  return Object.hasOwn(DATATYPE, name);
}

/** The element type that the protocol names so. @throws {RequestFault} invalid, when it names none */
export function dtypeNamed(input: string, datatype: string): DType {
  const dtype = DTYPES.get(datatype);
  if (dtype !== undefined) return dtype;
  throw new RequestFault("invalid", `input "${input}" has the unknown datatype ${JSON.stringify(datatype)}`, {
    hint: `datatypes: ${[...DTYPES.keys()].join(", ")}`,
  });
}

/**
 * A tensor as the protocol's binary form has it: elements row-major in little-endian order, a bool as one byte, a string
 * as its length in 4 bytes and its UTF-8.
 */
export interface TensorBytes {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

/** Bytes before each string. */
const PREFIX = 4;

/**
 * Refuse bytes that are not the elements of the tensor.
 *
 * @throws {RequestFault} invalid
 */
export function checkBytes({ name, dtype, dims, bytes }: TensorBytes): void {
  const size = sizeOf(dims);
  if (dtype === "string") {
    const found = stringsOf(name, bytes).length;
    if (found !== size) throw wrongCount(name, dims, size, `${found} strings`);
    return;
  }
  if (bytes.length !== size * ELEMENT_BYTES[dtype]) {
    throw wrongCount(name, dims, size, `${bytes.length} bytes, which is not ${size * ELEMENT_BYTES[dtype]}`);
  }
  if (dtype === "bool" && bytes.some((byte) => byte > 1)) {
    throw new RequestFault("invalid", `input "${name}": a BOOL is a byte of 0 or 1; got another value`);
  }
}

function wrongCount(name: string, dims: readonly number[], size: number, found: string): RequestFault {
  return new RequestFault("invalid", `input "${name}": shape [${dims.join(", ")}] has ${size} elements; got ${found}`);
}

/** The strings, each without its length. @throws {RequestFault} when one is cut short or no UTF-8 */
export function stringsOf(name: string, bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const strings: Uint8Array[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const end = offset + PREFIX <= bytes.length ? offset + PREFIX + view.getUint32(offset, true) : Infinity;
    if (end > bytes.length) {
      throw new RequestFault("invalid", `input "${name}": string ${strings.length} is cut short at byte ${offset}`);
    }
    const string = bytes.subarray(offset + PREFIX, end);
    if (!isUtf8(string)) {
      throw new RequestFault("invalid", `input "${name}": string ${strings.length} is not UTF-8`);
    }
    strings.push(string);
    offset = end;
  }
  return strings;
}

/** Strings in the binary form. */
export function joinStrings(strings: readonly Uint8Array[]): Uint8Array {
  const joined = Buffer.allocUnsafe(strings.reduce((sum, { length }) => sum + PREFIX + length, 0));
  let offset = 0;
  for (const string of strings) {
    joined.writeUInt32LE(string.length, offset);
    joined.set(string, offset + PREFIX);
    offset += PREFIX + string.length;
  }
  return joined;
}

/** The tensor that the bytes hold, over a buffer of its own. */
export function toTensor({ name, dtype, dims, bytes }: TensorBytes): Tensor {
  if (dtype === "string") {
    return { dtype, dims, data: stringsOf(name, bytes).map((string) => Buffer.from(string).toString("utf8")) };
  }
  return tensorOver(dtype, dims, new Uint8Array(bytes).buffer);
}

/** The bytes of a tensor: a view where it holds numbers. */
export function ofTensor(name: string, { dtype, dims, data }: Tensor): TensorBytes {
  if (dtype === "string") {
    return { name, dtype, dims, bytes: joinStrings(data.map((string) => Buffer.from(string, "utf8"))) };
  }
  return { name, dtype, dims, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

/**
 * One tensor of the rows of several, in their order.
 *
 * @param parts Of equal name, element type and shape but for the first size; at least one.
 */
export function joinRows(parts: readonly TensorBytes[]): TensorBytes {
  const { name, dtype, dims } = at(parts, 0);
  if (parts.length === 1) return at(parts, 0);
  const rows = parts.reduce((sum, part) => sum + at(part.dims, 0), 0);
  return { name, dtype, dims: [rows, ...dims.slice(1)], bytes: Buffer.concat(parts.map(({ bytes }) => bytes)) };
}

/** The tensor cut into parts of so many rows each, which together are all of its rows. */
export function splitRows(tensor: TensorBytes, counts: readonly number[]): TensorBytes[] {
  const { name, dtype, dims, bytes } = tensor;
  const size = sizeOf(dims.slice(1));
  const ends = dtype === "string" ? stringEnds(name, bytes) : null;
  const end = (row: number): number => {
    if (row === 0) return 0;
    if (dtype === "string") return size === 0 ? 0 : at(ends ?? [], row * size - 1);
    return row * size * ELEMENT_BYTES[dtype];
  };
  let row = 0;
  return counts.map((count) => {
    const from = row;
    row += count;
    return { name, dtype, dims: [count, ...dims.slice(1)], bytes: bytes.subarray(end(from), end(row)) };
  });
}

/** Where each string ends. */
function stringEnds(name: string, bytes: Uint8Array): number[] {
  let offset = 0;
  return stringsOf(name, bytes).map(({ length }) => (offset += PREFIX + length));
}
