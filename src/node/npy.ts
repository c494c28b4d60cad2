import { readFile } from "node:fs/promises";

import { DataError } from "../errors.ts";
import { sizeOf, type Tensor } from "../tensor.ts";

/** Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
const MAGIC = "\u0093NUMPY";

/**
 * A tensor of a .npy file: float32, float64, int32, int64, uint8 or bool, little-endian, C order.
 *
 * @throws {DataError} when the file cannot be read, is no .npy, or of another form
 */
export async function readNpy(path: string): Promise<Tensor> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new DataError(`cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  return decodeNpy(bytes, path);
}

/** @throws {DataError} see {@link readNpy} */
export function decodeNpy(bytes: Buffer, name: string): Tensor {
  if (bytes.length < 12 || bytes.toString("latin1", 0, 6) !== MAGIC) {
    throw new DataError(`${name} is not a .npy file`, { hint: "write it with numpy.save(FILE, array)" });
  }
  const wide = (bytes[6] ?? 1) > 1;
  const start = wide ? 12 : 10;
  const end = start + (wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  const header = bytes.toString("latin1", start, end);
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (descr === undefined || shape === undefined) throw new DataError(`${name} has no sound .npy header`);
  const dims = shape.split(",").flatMap((dim) => (dim.trim() === "" ? [] : [Number(dim)]));
  if (header.includes("'fortran_order': True") && dims.length > 1) {
    throw new DataError(`${name} is in Fortran order`, { hint: "save numpy.ascontiguousarray(array)" });
  }
  return tensorOf(name, descr, dims, new Uint8Array(bytes.subarray(end)));
}

function tensorOf(name: string, descr: string, dims: readonly number[], body: Uint8Array<ArrayBuffer>): Tensor {
  const width = Number(descr.slice(2));
  const expected = sizeOf(dims) * width;
  if (body.length !== expected) {
    throw new DataError(
      `${name} holds ${body.length} bytes of values; its shape [${dims.join(", ")}] needs ${expected}`,
    );
  }
  const { buffer } = body;
  switch (descr) {
    case "<f4":
      return { dtype: "float32", dims, data: new Float32Array(buffer) };
    case "<f8":
      return { dtype: "float64", dims, data: new Float64Array(buffer) };
    case "<i4":
      return { dtype: "int32", dims, data: new Int32Array(buffer) };
    case "<i8":
      return { dtype: "int64", dims, data: new BigInt64Array(buffer) };
    case "|u1":
      return { dtype: "uint8", dims, data: body };
    case "|b1":
      return { dtype: "bool", dims, data: body };
    default:
      throw new DataError(`${name} has elements of type ${descr}`, {
        hint: "save float32, float64, int32, int64, uint8 or bool: array.astype(numpy.float32)",
      });
  }
}

const DESCR: ReadonlyMap<string, string> = new Map([
  ["float32", "<f4"],
  ["float64", "<f8"],
  ["int32", "<i4"],
  ["int64", "<i8"],
  ["uint8", "|u1"],
  ["bool", "|b1"],
]);

/** The bytes of a .npy file (version 1.0). @throws {DataError} when NumPy's format has no such elements here */
export function encodeNpy({ dtype, dims, data }: Tensor): Uint8Array {
  const descr = DESCR.get(dtype);
  if (descr === undefined || !ArrayBuffer.isView(data)) throw new DataError(`cannot write ${dtype} as .npy`);
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(", ");
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const padding = 64 - ((10 + header.length + 1) % 64);
  const text = `${header}${" ".repeat(padding)}\n`;
  const lead = Buffer.alloc(10);
  lead.write(MAGIC, "latin1");
  lead.set([1, 0], 6);
  lead.writeUInt16LE(text.length, 8);
  return Buffer.concat([
    lead,
    Buffer.from(text, "latin1"),
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
}
