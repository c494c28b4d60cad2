import { maskedCrc32c } from "./crc32c.ts";

/**
 * One record of a TFRecord file: length (uint64), masked CRC-32C of the length, data, masked CRC-32C of the data; all
 * little-endian.
 */
export function encodeRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(data.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return record;
}
