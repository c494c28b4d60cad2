import $protobuf from "protobufjs/minimal.js";

import { InferenceError } from "../errors.ts";

import { onnx } from "./generated/decode.js";

/**
 * Fields of all messages of a file together. A model of 100,000 nodes has about 2 million. Without a limit, a hostile file of
 * 100 MB could fill the memory, because an empty message of 2 bytes becomes an object of more than 100.
 */
const MOST_FIELDS = 5_000_000;

/**
 * The messages of an ONNX file. Weights are views of `bytes`. Fields that the schema does not list are kept, so that the messages
 * can be written again without loss.
 *
 * @throws {InferenceError} when the bytes are not an ONNX file, or are cut short
 */
export function decodeModel(bytes: Uint8Array): onnx.ModelProto {
  if (bytes.length === 0) throw notOnnx("0 bytes");
  const model = decode(bytes);
  if (model.graph == null) throw notOnnx("it has no graph");
  if (integer(model.irVersion) < 1) throw notOnnx("it has no IR version");
  return model;
}

function decode(bytes: Uint8Array): onnx.ModelProto {
  try {
    return onnx.ModelProto.decode(new BoundedReader(bytes));
  } catch (cause) {
    throw notOnnx(cause instanceof Error ? reasonOf(cause) : String(cause), cause);
  }
}

/** protobufjs's messages in plain words. */
function reasonOf({ message }: Error): string {
  const short = /^index out of range: (?<at>\d+) \+ (?<length>\d+) > (?<end>\d+)$/u.exec(message)?.groups;
  if (short !== undefined) {
    return `a value of ${short["length"]} bytes begins at byte ${short["at"]}, but its message ends at byte ${short["end"]}`;
  }
  if (message === "max depth exceeded") {
    return `its messages are nested more than ${$protobuf.util.recursionLimit} deep, which ONNX Runtime refuses as well`;
  }
  return message;
}

/** The error for bytes that are not an ONNX file. */
export function notOnnx(reason: string, cause?: unknown): InferenceError {
  return new InferenceError(`not an ONNX file, or one cut short: ${reason}`, {
    hint: "give a whole .onnx file; `tfjs-to-onnx export` makes one from a TF.js model",
    cause,
  });
}

/** Reads at most {@link MOST_FIELDS} fields, and keeps those that the schema does not list. */
class BoundedReader extends $protobuf.Reader {
  #fields = 0;

  constructor(bytes: Uint8Array) {
    super(bytes);
    this.discardUnknown = false;
  }

  override tag(): number {
    this.#count();
    return super.tag();
  }

  /** Counts each number of a packed field, since 1 byte becomes an object. */
  override int64s(array: ReturnType<$protobuf.Reader["int64s"]> = []): ReturnType<$protobuf.Reader["int64s"]> {
    const packed = new $protobuf.Reader(this.bytes());
    while (packed.pos < packed.len) {
      this.#count();
      array.push(packed.int64());
    }
    return array;
  }

  #count(): void {
    if (++this.#fields > MOST_FIELDS)
      throw new RangeError(`it has more than ${MOST_FIELDS.toLocaleString("en")} fields`);
  }
}

/** What protobufjs reads a 64-bit integer as. */
export type Integer = number | { readonly low: number; readonly high: number; readonly unsigned: boolean };

/**
 * A field of 64 bits as a number, which is rounded beyond 2^53. The default of protocol buffers, 0, stands for an absent field.
 */
export function integer(value: Integer | null | undefined): number {
  if (value === null || value === undefined) return 0;
  if (typeof value === "number") return value;
  const { low, high, unsigned } = value;
  return (unsigned ? high >>> 0 : high) * 2 ** 32 + (low >>> 0);
}

/** As {@link integer}, for what must be exact. @throws {InferenceError} beyond 2^53 */
export function exactInteger(value: Integer | null | undefined): number {
  const number = integer(value);
  if (!Number.isSafeInteger(number)) throw notOnnx(`a number is out of range: ${number}`);
  return number;
}
