import { promisify } from "node:util";
import { crc32, inflate } from "node:zlib";

import type { Image } from "../infer/preprocess/image.ts";
import { MOST_PIXELS } from "../infer/preprocess/picture-file.ts";

const inflated = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflate);

/** Of the PNG specification, third edition; so are the names below. */
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Chunks that change no pixel. */
const SILENT = new Set(["tEXt", "zTXt", "iTXt", "tIME", "pHYs", "bKGD", "sBIT", "hIST", "sRGB", "gAMA", "cHRM"]);
/** Samples of a pixel by colour type; palettes are left out. */
const CHANNELS = new Map<number, Image["channels"]>([
  [0, 1],
  [2, 3],
  [4, 2],
  [6, 4],
]);

interface Header {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample: 8, or of grey pictures 1, 2 or 4 too. */
  readonly depth: number;
  readonly channels: Image["channels"];
}

/**
 * The pixels of a PNG file of the commonest kind: 8 bits a sample, or 1, 2 or 4 in grey pictures, as scanned text often has; rows in
 * order, no palette, no colour profile, no turn. Small pictures are mostly that, and this takes a millisecond where starting a decoder
 * for all kinds takes a hundred.
 *
 * @param longestSide Larger pictures are left to that decoder, which makes them smaller or refuses them.
 * @returns Null for anything else: another kind of PNG, no PNG, a damaged one.
 */
export async function decodePlainPng(bytes: Uint8Array, longestSide: number): Promise<Image | null> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!file.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return null;
  const found = readChunks(file);
  if (found === null) return null;
  const { width, height, channels } = found.header;
  if (Math.max(width, height) > longestSide || width * height > MOST_PIXELS) return null;
  const length = height * (1 + bytesOfRow(found.header));
  const rows = await inflated(Buffer.concat(found.data), { maxOutputLength: length }).catch(() => null);
  if (rows?.length !== length) return null;
  const data = unfilter(rows, found.header);
  return data === null ? null : { width, height, channels, data: wholeBytes(data, found.header) };
}

function bytesOfRow({ width, channels, depth }: Header): number {
  return Math.ceil((width * channels * depth) / 8);
}

/** Samples of fewer bits, the first of a byte in its highest, as bytes from 0 to 255. */
function wholeBytes(packed: Uint8Array, header: Header): Uint8Array {
  const { width, height, depth } = header;
  if (depth === 8) return packed;
  const [stride, most] = [bytesOfRow(header), 2 ** depth - 1];
  const samples = new Uint8Array(width * height);
  for (let row = 0, at = 0; row < height; row++) {
    for (let bit = 0; bit < width * depth; bit += depth, at++) {
      const value = (byte(packed, row * stride + (bit >> 3)) >> (8 - depth - (bit & 7))) & most;
      samples[at] = (value * 255) / most;
    }
  }
  return samples;
}

/** The header and the compressed rows, or null unless every chunk is whole and known to change nothing. */
function readChunks(file: Buffer): { readonly header: Header; readonly data: readonly Buffer[] } | null {
  let header: Header | null = null;
  const data: Buffer[] = [];
  let at = SIGNATURE.length;
  while (at + 12 <= file.length) {
    const end = at + 8 + file.readUInt32BE(at);
    if (end + 4 > file.length || crc32(file.subarray(at + 4, end)) !== file.readUInt32BE(end)) return null;
    const type = file.toString("latin1", at + 4, at + 8);
    const body = file.subarray(at + 8, end);
    if ((type === "IHDR") !== (at === SIGNATURE.length)) return null;
    if (type === "IHDR") header = readHeader(body);
    else if (type === "IDAT") data.push(body);
    else if (type === "IEND") return header === null ? null : { header, data };
    else if (!SILENT.has(type)) return null;
    at = end + 4;
  }
  return null;
}

function readHeader(body: Buffer): Header | null {
  if (body.length !== 13) return null;
  const [depth, colourType, compression, filter, interlace] = body.subarray(8);
  const channels = CHANNELS.get(colourType ?? -1);
  if (channels === undefined || depth === undefined || compression !== 0 || filter !== 0 || interlace !== 0)
    return null;
  if (depth !== 8 && !(colourType === 0 && [1, 2, 4].includes(depth))) return null;
  const [width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)];
  return width === 0 || height === 0 ? null : { width, height, channels, depth };
}

/** Rows of a filter's number and filtered bytes as bytes alone, or null where a number is not that of a filter. */
function unfilter(rows: Uint8Array, header: Header): Uint8Array | null {
  const { height, channels } = header;
  const stride = bytesOfRow(header);
  const pixels = new Uint8Array(height * stride);
  for (let row = 0; row < height; row++) {
    const from = row * (stride + 1);
    const undo = UNDO[byte(rows, from)];
    if (undo === undefined) return null;
    const start = row * stride;
    pixels.set(rows.subarray(from + 1, from + 1 + stride), start);
    undo(pixels, start, stride, channels);
  }
  return pixels;
}

/** Turns the filtered bytes of a row back, in place; the row above is done already. Bytes wrap around. */
type Undo = (pixels: Uint8Array, start: number, stride: number, channels: number) => void;

/** By the filter's number: a loop for each, since one loop that asks for the filter of each byte takes five times as long. */
const UNDO: readonly Undo[] = [() => undefined, undoSub, undoUp, undoAverage, undoPaeth];

function undoSub(pixels: Uint8Array, start: number, stride: number, channels: number): void {
  for (let at = start + channels; at < start + stride; at++)
    pixels[at] = byte(pixels, at) + byte(pixels, at - channels);
}

function undoUp(pixels: Uint8Array, start: number, stride: number): void {
  if (start === 0) return;
  for (let at = start; at < start + stride; at++) pixels[at] = byte(pixels, at) + byte(pixels, at - stride);
}

function undoAverage(pixels: Uint8Array, start: number, stride: number, channels: number): void {
  for (let at = start; at < start + stride; at++) {
    const left = at < start + channels ? 0 : byte(pixels, at - channels);
    const above = start === 0 ? 0 : byte(pixels, at - stride);
    pixels[at] = byte(pixels, at) + ((left + above) >> 1);
  }
}

function undoPaeth(pixels: Uint8Array, start: number, stride: number, channels: number): void {
  if (start === 0) {
    undoSub(pixels, start, stride, channels);
    return;
  }
  for (let at = start; at < start + channels; at++) pixels[at] = byte(pixels, at) + byte(pixels, at - stride);
  for (let at = start + channels; at < start + stride; at++) {
    const left = byte(pixels, at - channels);
    const above = byte(pixels, at - stride);
    const corner = byte(pixels, at - stride - channels);
    const [a, b] = [above - corner, left - corner];
    const [fromLeft, fromAbove, fromCorner] = [Math.abs(a), Math.abs(b), Math.abs(a + b)];
    const nearest = fromLeft <= fromAbove && fromLeft <= fromCorner ? left : fromAbove <= fromCorner ? above : corner;
    pixels[at] = byte(pixels, at) + nearest;
  }
}

/** @throws {RangeError} when there is no such byte: the rows were measured before */
function byte(bytes: Uint8Array, index: number): number {
  const value = bytes[index];
  if (value === undefined) throw new RangeError(`no byte ${index} in a picture of ${bytes.length}`);
  return value;
}
