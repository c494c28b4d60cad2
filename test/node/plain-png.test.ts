import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { crc32, deflateSync } from "node:zlib";

import sharp, { type Channels, type Sharp } from "sharp";
import { describe, expect, test } from "vitest";

import { decodePlainPng } from "../../src/node/plain-png.ts";
import { encodeGreyPng } from "../../src/node/png.ts";

const WIDTH = 37;
const HEIGHT = 23;
const FILTERS = { none: 0, sub: 1, up: 2, average: 3, paeth: 4 } as const;
const CHANNELS = { grey: 1, "grey and alpha": 2, rgb: 3, rgba: 4 } as const;
const COLOUR_TYPES = { 1: 0, 2: 4, 3: 2, 4: 6 } as const;

/** Slopes with noise on them, so that every filter has something to predict and to mend. */
function bytes(channels: Channels): Uint8Array {
  return Uint8Array.from(
    { length: WIDTH * HEIGHT * channels },
    (_, at) => at * 3 + ((at * at) % 61) + 90 * (at % channels),
  );
}

function chunk(type: string, data: Uint8Array): Buffer {
  const whole = Buffer.concat([Buffer.alloc(4), Buffer.from(type, "latin1"), data, Buffer.alloc(4)]);
  whole.writeUInt32BE(data.length, 0);
  whole.writeUInt32BE(crc32(whole.subarray(4, -4)), whole.length - 4);
  return whole;
}

function chunksOf(png: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 8; at < png.length; at += png.readUInt32BE(at) + 12) {
    chunks.push(png.subarray(at, at + png.readUInt32BE(at) + 12));
  }
  return chunks;
}

const typeOf = (one: Buffer): string => one.toString("latin1", 4, 8);

/** A PNG whose rows are all stored as this filter's number says, whatever that makes of them. */
function filtered(channels: Channels, filter: number, depth = 8): Buffer {
  const stride = Math.ceil((WIDTH * channels * depth) / 8);
  const rows = Buffer.alloc(HEIGHT * (1 + stride));
  for (let row = 0; row < HEIGHT; row++) {
    const start = row * (1 + stride);
    rows.set(bytes(channels).subarray(row * stride, (row + 1) * stride), start + 1);
    rows[start] = filter;
  }
  const png = Buffer.from(encodeGreyPng(new Uint8Array(WIDTH * HEIGHT), HEIGHT, WIDTH));
  const [header = Buffer.alloc(0)] = chunksOf(png);
  const body = Buffer.from(header.subarray(8, -4));
  body[8] = depth;
  body[9] = COLOUR_TYPES[channels];
  const [half, rest] = [deflateSync(rows).subarray(0, 50), deflateSync(rows).subarray(50)];
  return Buffer.concat([
    png.subarray(0, 8),
    chunk("IHDR", body),
    chunk("tEXt", Buffer.from("Title\0seven", "latin1")),
    chunk("IDAT", half),
    chunk("IDAT", rest),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** What sharp reads, with as many channels as the file has. */
async function bySharp(png: Buffer, channels: Channels): Promise<number[]> {
  const { data, info } = await sharp(png).toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
  const alpha = info.channels === 4;
  const wanted = channels < 3 ? [0, ...(alpha ? [3] : [])] : Array.from({ length: channels }, (_, index) => index);
  return [...data].filter((_, at) => wanted.includes(at % info.channels));
}

function picture(channels: Channels): Sharp {
  return sharp(bytes(channels), { raw: { width: WIDTH, height: HEIGHT, channels } });
}

describe("plain PNGs are read here, to the byte as sharp reads them", () => {
  const cases = Object.entries(CHANNELS).flatMap(([name, channels]) =>
    Object.entries(FILTERS).map(([filter, number]) => ({ name, channels, filter, number })),
  );
  test.each(cases)("$name, filter $filter", async ({ channels, number }) => {
    const png = filtered(channels, number);
    const image = await decodePlainPng(png, 512);
    expect(image).toMatchObject({ width: WIDTH, height: HEIGHT, channels });
    expect([...(image?.data ?? [])]).toEqual(await bySharp(png, channels));
  });

  test.each([1, 2, 4])("grey of %i bits, every filter", async (depth) => {
    for (const number of Object.values(FILTERS)) {
      const png = filtered(1, number, depth);
      const image = await decodePlainPng(png, 512);
      expect(image).toMatchObject({ width: WIDTH, height: HEIGHT, channels: 1 });
      expect([...(image?.data ?? [])]).toEqual(await bySharp(png, 1));
    }
  });

  test.each([1, 3, 4] as const)("%i channels as another writer filters them", async (channels) => {
    const made = channels === 1 ? picture(1).toColourspace("b-w") : picture(channels);
    const png = await made.png({ adaptiveFiltering: true }).toBuffer();
    expect([...((await decodePlainPng(png, 512))?.data ?? [])]).toEqual([...bytes(channels)]);
  });
});

describe("all else is left to sharp", () => {
  const whole = filtered(3, FILTERS.paeth);
  const without = (type: string): Buffer =>
    Buffer.concat([whole.subarray(0, 8), ...chunksOf(whole).filter((one) => typeOf(one) !== type)]);
  const changed = (at: number): Buffer => {
    const copy = Buffer.from(whole);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };
  const others: Readonly<Record<string, () => Buffer | Promise<Buffer>>> = {
    "a JPEG": () => picture(3).jpeg().toBuffer(),
    "16 bits": () => picture(3).toColourspace("rgb16").png().toBuffer(),
    "a palette": () => picture(3).png({ palette: true }).toBuffer(),
    interlaced: () => picture(3).png({ progressive: true }).toBuffer(),
    "a colour profile": () => picture(3).withIccProfile("p3").png().toBuffer(),
    turned: () => picture(3).withMetadata({ orientation: 6 }).png().toBuffer(),
    "too large": () => picture(3).resize(513, 4).png().toBuffer(),
    "colours of 4 bits": () => filtered(3, 0, 4),
    "an unknown filter": () => filtered(1, 5),
    "a wrong checksum": () => changed(whole.length - 20),
    "no header": () => without("IHDR"),
    "no data": () => without("IDAT"),
    "no end": () => without("IEND"),
    "cut short": () => whole.subarray(0, -40),
    "nothing at all": () => Buffer.alloc(0),
    "more rows than it says": () => {
      const [header = Buffer.alloc(0)] = chunksOf(whole);
      const shorter = Buffer.from(header.subarray(8, -4));
      shorter.writeUInt32BE(HEIGHT - 1, 4);
      return Buffer.concat([whole.subarray(0, 8), chunk("IHDR", shorter), ...chunksOf(whole).slice(1)]);
    },
  };
  test.each(Object.entries(others))("%s", async (_, make) => {
    expect(await decodePlainPng(await make(), 512)).toBeNull();
  });
});

test("real captchas, to the byte", async ({ skip }) => {
  const name = resolve(import.meta.dirname, "../../../shared/data/captcha-v2/bw44w.png");
  if (!existsSync(name)) skip("../shared/data/captcha-v2 is not here");
  const png = readFileSync(name);
  const image = await decodePlainPng(png, 512);
  expect(image).not.toBeNull();
  expect([...(image?.data ?? [])]).toEqual(await bySharp(png, image?.channels ?? 1));
});
