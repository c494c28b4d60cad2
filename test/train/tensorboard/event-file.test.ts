import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { ToolError } from "../../../src/errors.ts";
import { encodeGreyPng } from "../../../src/node/png.ts";
import { crc32c, maskedCrc32c } from "../../../src/train/tensorboard/crc32c.ts";
import { EventFile } from "../../../src/train/tensorboard/event-file.ts";
import { readByTensorBoard, tensorboard } from "../../helpers/tensorboard.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-events-"));

afterAll(() => rmSync(folder, { recursive: true }));

/** The records of a TFRecord file, with the checksums verified; its own arithmetic, not the writer's. */
function readRecords(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(offset));
    const data = bytes.subarray(offset + 12, offset + 12 + length);
    expect(unmasked(bytes.readUInt32LE(offset + 8))).toBe(bitwiseCrc(bytes.subarray(offset, offset + 8)));
    expect(unmasked(bytes.readUInt32LE(offset + 12 + length))).toBe(bitwiseCrc(data));
    records.push(data);
    offset += length + 16;
  }
  return records;
}

function unmasked(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

function bitwiseCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test("the checksum is that of RFC 3720", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(unmasked(maskedCrc32c(Buffer.from("123456789")))).toBe(0xe3069283);
});

const PIXELS = Uint8Array.from({ length: 6 }, (_, index) => index * 40);

function writeRun(into: string): EventFile {
  const file = new EventFile(into, 0, () => 1_700_000_000_500);
  file.scalars(128, { loss: 0.25, learning_rate: 1e-3 });
  file.scalars(300, { loss: 0.125 });
  file.image(300, "mistakes", { height: 2, width: 3, png: encodeGreyPng(PIXELS, 2, 3) });
  file.close();
  return file;
}

test("an event file is whole records, the first of which gives the version", () => {
  const { path } = writeRun(join(folder, "framing"));
  const records = readRecords(readFileSync(path));
  expect(records).toHaveLength(5);
  const [version, start, first] = records;
  // Field 1, a double: the wall time; then field 3, a string.
  expect(version?.readDoubleLE(1)).toBe(1_700_000_000.5);
  expect(version?.toString("latin1").endsWith("brain.Event:2")).toBe(true);
  // Field 7, a message of two bytes: field 1 is 1, START.
  expect(start?.subarray(-4)).toEqual(Buffer.from([0x3a, 2, 8, 1]));
  expect(first?.includes("learning_rate")).toBe(true);
});

test("a second run into the same folder makes a file of its own", () => {
  const into = join(folder, "twice");
  writeRun(into);
  new EventFile(into, 300, () => 1_700_000_000_500).close();
  expect(readdirSync(into)).toHaveLength(2);
});

test("a folder that cannot be written is an error that says so", () => {
  const file = join(folder, "a-file");
  writeFileSync(file, "");
  expect(() => new EventFile(join(file, "logs"), 0)).toThrow(ToolError);
});

describe.skipIf(typeof tensorboard === "string")("TensorBoard itself", () => {
  test("reads scalars and images, and forgets what a resumed run does again", () => {
    const into = join(folder, "board");
    const first = writeRun(into);
    const again = new EventFile(into, 200, () => 1_700_000_010_000);
    again.scalars(300, { loss: 0.5 });
    again.close();
    expect(first.path).not.toBe(again.path);
    expect(readByTensorBoard(into)).toEqual({
      scalars: {
        loss: [
          [128, 0.25],
          [300, 0.5],
        ],
        learning_rate: [[128, expect.closeTo(1e-3, 9)]],
      },
      images: { mistakes: [] },
    });
    const picture = Buffer.from(encodeGreyPng(PIXELS, 2, 3)).toString("base64");
    expect(readByTensorBoard(first.path)).toMatchObject({ images: { mistakes: [[300, 3, 2, picture]] } });
  });
});
