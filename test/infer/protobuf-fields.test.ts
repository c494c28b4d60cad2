import { Writer } from "protobufjs/minimal.js";
import { describe, expect, test } from "vitest";

import { InferenceError } from "../../src/errors.ts";
import { readFields, type Reader } from "../../src/infer/protobuf-fields.ts";

/** What protobufjs writes with the tag of field 1, read back. */
function readBack<Value>(write: (writer: Writer) => Writer, read: (reader: Reader) => Value): Value[] {
  const values: Value[] = [];
  readFields(write(Writer.create()).finish(), { 1: (reader) => values.push(read(reader)) });
  return values;
}

const VARINT_OF_1 = 8;
const BYTES_OF_1 = 10;

describe("values of protobufjs's writer", () => {
  test.each([0, 1, 127, 128, 300, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])("uint32 %d", (value) => {
    expect(
      readBack(
        (writer) => writer.uint32(VARINT_OF_1).uint32(value),
        (reader) => reader.uint32(),
      ),
    ).toEqual([value]);
  });

  test.each([0, 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER, -1, -(2 ** 31), -(2 ** 40), Number.MIN_SAFE_INTEGER])(
    "int64 %d",
    (value) => {
      const read = readBack(
        (writer) => writer.uint32(VARINT_OF_1).int64(value),
        (reader) => reader.int64(),
      );
      expect(read).toEqual([BigInt(value)]);
    },
  );

  test.each(["", "image", "Größe ☃ 🎉", "\uFEFFmarked", "x".repeat(300)])("string %j", (value) => {
    expect(
      readBack(
        (writer) => writer.uint32(BYTES_OF_1).string(value),
        (reader) => reader.string(),
      ),
    ).toEqual([value]);
  });

  test("steps over fields of every wire type that nobody asked for", () => {
    const write = (writer: Writer): Writer =>
      writer
        .uint32((2 << 3) | 0)
        .int64(-5)
        .uint32((3 << 3) | 1)
        .double(1.5)
        .uint32((4 << 3) | 2)
        .string("other")
        .uint32((5 << 3) | 5)
        .float(2.5)
        .uint32(BYTES_OF_1)
        .string("asked for");
    expect(readBack(write, (reader) => reader.string())).toEqual(["asked for"]);
  });
});

describe("a message that is malformed", () => {
  test.each([
    ["ends within a tag", [0x88]],
    ["ends within a number", [VARINT_OF_1, 0xff]],
    ["ends within bytes", [BYTES_OF_1, 5, 1, 2]],
    ["has a length beyond 2^31", [BYTES_OF_1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1]],
    ["has a number of 11 bytes", [VARINT_OF_1, ...Array.from({ length: 10 }, () => 0x80), 1]],
    ["ends within a field of 8 bytes", [(3 << 3) | 1, 1, 2, 3]],
    ["has an unknown wire type", [(3 << 3) | 7, 1]],
  ])("%s", (_, bytes) => {
    const read = (): void =>
      readFields(Uint8Array.from(bytes), {
        1: (reader) => (bytes[0] === BYTES_OF_1 ? reader.bytes() : reader.int64()),
      });
    expect(read).toThrow(RangeError);
  });

  test("has an asked field of a wire type that it cannot have", () => {
    expect(() => readFields(Uint8Array.of((1 << 3) | 5, 0, 0, 0, 0), { 1: (reader) => reader.bytes() })).toThrow(
      InferenceError,
    );
  });
});
