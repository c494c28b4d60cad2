import { Reader } from "protobufjs/minimal.js";

import { InferenceError } from "../errors.ts";

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** What to do with each field of a message, by its number. */
export type FieldReaders = Readonly<Record<number, (reader: Reader) => unknown>>;

/** Hand each field that has a reader to it, step over the others. A field of an unexpected wire type is a fault. */
export function readFields(bytes: Uint8Array, readers: FieldReaders): void {
  const reader = Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const wireType = tag & 7;
    const read = readers[tag >>> 3];
    if (read === undefined) {
      reader.skipType(wireType, 0, tag >>> 3);
    } else if (wireType === LENGTH_DELIMITED || wireType === VARINT) {
      read(reader);
    } else {
      throw notOnnx(`field ${tag >>> 3} has wire type ${wireType}`);
    }
  }
}

/** The fault of bytes that are no ONNX file. */
export function notOnnx(reason: string): InferenceError {
  return new InferenceError(`not an ONNX file, or one cut short: ${reason}`, {
    hint: "give a whole .onnx file; `tfjs-to-onnx export` makes one from a TF.js model",
  });
}
