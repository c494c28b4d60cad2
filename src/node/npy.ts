import { DataError } from "../errors.ts";
import { sizeOf, tensorOver, type DType, type Tensor } from "../tensor.ts";
import { at } from "../require.ts";

import { fileFault } from "./file-fault.ts";
import { readWhole } from "./read-whole.ts";

/** Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
const MAGIC = "\u0093NUMPY";

/**
 * A tensor of a .npy file: numbers and booleans of every size ONNX has, and fixed-width strings; versions 1 to 3 of the
 * format, either byte order, C or Fortran order. It comes out row-major.
 *
 * @throws {DataError} when the file cannot be read, is no .npy, or holds something else
 */
export async function readNpy(path: string): Promise<Tensor> {
  const bytes = await readWhole(path).catch((cause: unknown) => {
    throw new DataError(`${path} ${fileFault(cause)}`, { cause });
  });
  return decodeNpy(bytes, path);
}

/** @throws {DataError} see {@link readNpy} */
export function decodeNpy(bytes: Buffer, name: string): Tensor {
  const { descr, isFortran, dims, start } = readHeader(bytes, name);
  const type = TYPES.get(descr.slice(1)) ?? stringType(descr);
  if (type === undefined) throw unsupported(name, descr);
  const size = sizeOf(dims);
  if (type.width === 0 && size > MOST_OF_NO_WIDTH) {
    throw new DataError(`${name} is said to hold ${size} strings of no letters; at most ${MOST_OF_NO_WIDTH} are read`);
  }
  const expected = size * type.width;
  if (bytes.length - start !== expected) {
    throw new DataError(
      `${name} holds ${bytes.length - start} bytes of values; its shape [${dims.join(", ")}] of ${descr} needs ${expected}`,
      { hint: "it was cut short, or written to after it was saved: save it again" },
    );
  }
  const body = new Uint8Array(bytes.subarray(start));
  if (descr.startsWith(">")) reverseEach(body, type.unit);
  const rows = isFortran && dims.length > 1 ? rowMajor(body, dims, type.width) : body;
  return tensorOf(type.dtype, dims, rows, type.width);
}

/** NPY_MAXDIMS of NumPy 2. */
const MOST_AXES = 64;

/** A file of a few bytes can claim any number of these. */
const MOST_OF_NO_WIDTH = 2 ** 24;

interface Header {
  readonly descr: string;
  readonly isFortran: boolean;
  readonly dims: readonly number[];
  /** Where the values begin. */
  readonly start: number;
}

function readHeader(bytes: Buffer, name: string): Header {
  if (bytes.length < 12 || bytes.toString("latin1", 0, 6) !== MAGIC) {
    throw new DataError(`${name} is not a .npy file`, { hint: "write it with numpy.save(FILE, array)" });
  }
  const version = bytes[6] ?? 0;
  if (version < 1 || version > 3) throw new DataError(`${name} is of .npy version ${version}; expected 1, 2 or 3`);
  const from = version === 1 ? 10 : 12;
  const start = from + (version === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8));
  if (start > bytes.length) throw new DataError(`${name} is cut short: it ends within its header`);
  const text = bytes.toString(version === 3 ? "utf8" : "latin1", from, start);
  const descr = /['"]descr['"]\s*:\s*['"]([^'"]*)['"]/.exec(text)?.[1];
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /['"]shape['"]\s*:\s*\(([\d,\sL]*)\)/.exec(text)?.[1];
  if (descr === undefined && /['"]descr['"]\s*:\s*\[/.test(text))
    throw unsupported(name, "several fields (a structured array)");
  if (descr === undefined || order === undefined || shape === undefined) {
    throw new DataError(`${name} has no valid .npy header`, { hint: "write it with numpy.save(FILE, array)" });
  }
  const dims = shape.split(",").flatMap((dim) => (dim.trim() === "" ? [] : [Number.parseInt(dim, 10)]));
  if (dims.length > MOST_AXES) {
    throw new DataError(`${name} is said to have ${dims.length} axes; NumPy writes at most ${MOST_AXES}`);
  }
  return { descr, isFortran: order === "True", dims, start };
}

interface ElementType {
  readonly dtype: DType;
  /** Bytes of an element. */
  readonly width: number;
  /** Bytes whose order the file chooses. */
  readonly unit: number;
}

function numeric(dtype: DType, width: number): ElementType {
  return { dtype, width, unit: width };
}

/** By NumPy's letter and width; the byte order comes before it. */
const TYPES: ReadonlyMap<string, ElementType> = new Map([
  ["f2", numeric("float16", 2)],
  ["f4", numeric("float32", 4)],
  ["f8", numeric("float64", 8)],
  ["i1", numeric("int8", 1)],
  ["i2", numeric("int16", 2)],
  ["i4", numeric("int32", 4)],
  ["i8", numeric("int64", 8)],
  ["u1", numeric("uint8", 1)],
  ["u2", numeric("uint16", 2)],
  ["u4", numeric("uint32", 4)],
  ["u8", numeric("uint64", 8)],
  ["b1", numeric("bool", 1)],
]);

/** `<U5`: five code points of 4 bytes. */
function stringType(descr: string): ElementType | undefined {
  const letters = /^[<>=|]U(\d+)$/.exec(descr)?.[1];
  return letters === undefined ? undefined : { dtype: "string", width: 4 * Number(letters), unit: 4 };
}

function unsupported(name: string, found: string): DataError {
  return new DataError(`${name} holds elements of type ${found}; expected numbers, booleans or strings (U)`, {
    hint: "save array.astype(numpy.float32), or the type the model takes",
  });
}

function reverseEach(bytes: Uint8Array, unit: number): void {
  if (unit === 1) return;
  for (let start = 0; start < bytes.length; start += unit) bytes.subarray(start, start + unit).reverse();
}

/** Elements of `width` bytes, the first axis running fastest, as elements whose last axis does. */
function rowMajor(bytes: Uint8Array, dims: readonly number[], width: number): Uint8Array<ArrayBuffer> {
  const rows = new Uint8Array(bytes.length);
  const position = dims.map(() => 0);
  const strides = dims.map((_, axis) => sizeOf(dims.slice(0, axis)));
  for (let to = 0; to < bytes.length; to += width) {
    const from = width * position.reduce((sum, index, axis) => sum + index * at(strides, axis), 0);
    rows.set(bytes.subarray(from, from + width), to);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      position[axis] = at(position, axis) + 1;
      if (at(position, axis) < at(dims, axis)) break;
      position[axis] = 0;
    }
  }
  return rows;
}

function tensorOf(dtype: DType, dims: readonly number[], body: Uint8Array<ArrayBuffer>, width: number): Tensor {
  switch (dtype) {
    case "uint8":
      return { dtype, dims, data: body };
    case "bool":
      return { dtype, dims, data: body.map((value) => (value === 0 ? 0 : 1)) };
    case "string":
      return { dtype, dims, data: stringsOf(body, sizeOf(dims), width / 4) };
    case "float32":
    case "float64":
    case "float16":
    case "uint16":
    case "int8":
    case "int16":
    case "int32":
    case "uint32":
    case "int64":
    case "uint64":
      return tensorOver(dtype, dims, body.buffer);
    default:
      return dtype satisfies never;
  }
}

function stringsOf({ buffer }: Uint8Array<ArrayBuffer>, count: number, letters: number): string[] {
  const points = new Uint32Array(buffer);
  return Array.from({ length: count }, (_, index) => {
    const own = points.subarray(index * letters, (index + 1) * letters);
    const end = own.findLastIndex((point) => point !== 0) + 1;
    return Array.from(own.subarray(0, end), (point) => String.fromCodePoint(Math.min(point, 0x10ffff))).join("");
  });
}

const DESCR: ReadonlyMap<DType, string> = new Map(
  Array.from(TYPES, ([letters, { dtype, width }]) => [dtype, `${width === 1 ? "|" : "<"}${letters}`]),
);

/**
 * The bytes of a .npy file, version 1.0, little-endian, row-major; strings as wide as the longest.
 *
 * @throws {DataError} when strings are too many and too long for that
 */
export function encodeNpy(tensor: Tensor): Uint8Array {
  const { dims } = tensor;
  const { descr, body } = tensor.dtype === "string" ? encodeStrings(tensor.data) : encodeNumbers(tensor);
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(", ");
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const padding = 64 - ((10 + header.length + 1) % 64);
  const text = `${header}${" ".repeat(padding)}\n`;
  const lead = Buffer.alloc(10);
  lead.write(MAGIC, "latin1");
  lead.set([1, 0], 6);
  lead.writeUInt16LE(text.length, 8);
  return Buffer.concat([lead, Buffer.from(text, "latin1"), body]);
}

interface Encoded {
  readonly descr: string;
  readonly body: Uint8Array;
}

function encodeNumbers({ dtype, data }: Exclude<Tensor, { dtype: "string" }>): Encoded {
  return { descr: DESCR.get(dtype) ?? dtype, body: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

/** 2 GiB of them; a typed array has a limit of its own. */
const MOST_LETTERS = 2 ** 29;

function encodeStrings(strings: readonly string[]): Encoded {
  const letters = strings.map((text) => Array.from(text, (letter) => letter.codePointAt(0) ?? 0));
  const longest = letters.reduce((most, { length }) => Math.max(most, length), 1);
  const size = strings.length * longest;
  if (size > MOST_LETTERS) {
    throw new DataError(
      `${strings.length} strings, each as wide as the longest of ${longest} letters, are too much for a .npy file: ` +
        `at most ${MOST_LETTERS} letters are written`,
      { hint: "run the model on fewer rows at once" },
    );
  }
  const points = new Uint32Array(size);
  for (const [index, own] of letters.entries()) points.set(own, index * longest);
  return { descr: `<U${longest}`, body: new Uint8Array(points.buffer) };
}
