import { InferenceError } from "../errors.ts";

/** Wire types: https://protobuf.dev/programming-guides/encoding/#structure */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
/** Bytes of the longest varint, a negative int64. */
const LONGEST_VARINT = 10;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The values of one message, in their order. A file's header is all that inference reads by itself, and protobufjs takes
 * longer to load than that takes.
 *
 * @throws {RangeError} from each method when the message ends too early, or a value is malformed
 */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at;
  }

  /** A tag, a length or an enumeration's value; 0 to 2^32 - 1. */
  uint32(): number {
    let value = 0;
    for (let index = 0; index < LONGEST_VARINT; index++) {
      const byte = this.#next();
      if (index < 5) value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value >>> 0;
    }
    throw new RangeError("a number of more than 10 bytes");
  }

  int64(): bigint {
    let value = 0n;
    for (let index = 0; index < LONGEST_VARINT; index++) {
      const byte = this.#next();
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new RangeError("a number of more than 10 bytes");
  }

  /** A view into the message, not a copy. */
  bytes(): Uint8Array {
    const length = this.uint32();
    const start = this.#at;
    this.#skip(length);
    return this.#bytes.subarray(start, this.#at);
  }

  string(): string {
    return utf8.decode(this.bytes());
  }

  /** Step over the value of a field. */
  skip(wireType: number): void {
    switch (wireType) {
      case VARINT:
        this.int64();
        return;
      case FIXED64:
        this.#skip(8);
        return;
      case LENGTH_DELIMITED:
        this.#skip(this.uint32());
        return;
      case FIXED32:
        this.#skip(4);
        return;
      default:
        throw new RangeError(`a field has wire type ${wireType}`);
    }
  }

  #next(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new RangeError(`it ends at byte ${this.#at}, within a value`);
    this.#at++;
    return byte;
  }

  #skip(length: number): void {
    const left = this.#bytes.length - this.#at;
    if (length > left) throw new RangeError(`a value of ${length} bytes where ${left} are left`);
    this.#at += length;
  }
}

/** What to do with each field of a message, by its number. */
export type FieldReaders = Readonly<Record<number, (reader: Reader, wireType: number) => unknown>>;

/** Hand each field that has a reader to it, step over the others. A field of an unexpected wire type is a fault. */
export function readFields(bytes: Uint8Array, readers: FieldReaders): void {
  const reader = new Reader(bytes);
  while (!reader.atEnd) {
    const tag = reader.uint32();
    const wireType = tag & 7;
    const read = readers[tag >>> 3];
    if (read === undefined) {
      reader.skip(wireType);
    } else if (wireType === LENGTH_DELIMITED || wireType === VARINT) {
      read(reader, wireType);
    } else {
      throw notOnnx(`field ${tag >>> 3} has wire type ${wireType}`);
    }
  }
}

/** What to make of each value of a field of bytes, by the field's number: the same, other bytes, or null to leave it out. */
export type FieldRewriters = Readonly<Record<number, (value: Uint8Array) => Uint8Array | null>>;

/** A message with some of its fields rewritten, the others as they were; `bytes` itself when nothing has changed. */
export function rewriteFields(bytes: Uint8Array, rewriters: FieldRewriters): Uint8Array {
  const reader = new Reader(bytes);
  const parts: Uint8Array[] = [];
  let copied = 0;
  while (!reader.atEnd) {
    const start = reader.position;
    const tag = reader.uint32();
    const rewrite = (tag & 7) === LENGTH_DELIMITED ? rewriters[tag >>> 3] : undefined;
    if (rewrite === undefined) {
      reader.skip(tag & 7);
      continue;
    }
    const value = reader.bytes();
    const rewritten = rewrite(value);
    if (rewritten === value) continue;
    parts.push(bytes.subarray(copied, start));
    if (rewritten !== null) parts.push(bytesField(tag >>> 3, rewritten));
    copied = reader.position;
  }
  return parts.length === 0 ? bytes : concat([...parts, bytes.subarray(copied)]);
}

/** A field of bytes: its tag, their number, and the bytes. */
export function bytesField(number: number, value: Uint8Array): Uint8Array {
  return concat([varint(number * 8 + LENGTH_DELIMITED), varint(value.length), value]);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.of(...bytes, rest);
}

/** Integers of a repeated field, packed into one value or one of them, as numbers. */
export function readIntegers(reader: Reader, wireType: number): number[] {
  if (wireType === VARINT) return [Number(reader.int64())];
  const values: number[] = [];
  for (const packed = new Reader(reader.bytes()); !packed.atEnd;) values.push(Number(packed.int64()));
  return values;
}

/** The fault of bytes that are no ONNX file. */
export function notOnnx(reason: string): InferenceError {
  return new InferenceError(`not an ONNX file, or one cut short: ${reason}`, {
    hint: "give a whole .onnx file; `tfjs-to-onnx export` makes one from a TF.js model",
  });
}
