import sharp, { type Sharp } from "sharp";
import { expect, test } from "vitest";

import { pictureSize } from "../../web/src/picture-size.ts";

const WIDTH = 301;
const HEIGHT = 47;

const blank = (): Sharp =>
  sharp({ create: { width: WIDTH, height: HEIGHT, channels: 4, background: { r: 9, g: 80, b: 200, alpha: 0.5 } } });

/** A BMP's head: core (12 bytes) or information header (40). */
function bmpHead(headerSize: number, height: number): Uint8Array {
  const head = Buffer.alloc(54);
  head.write("BM");
  head.writeUInt32LE(headerSize, 14);
  if (headerSize === 12) {
    head.writeUInt16LE(WIDTH, 18);
    head.writeUInt16LE(height, 20);
  } else {
    head.writeInt32LE(WIDTH, 18);
    head.writeInt32LE(height, 22);
  }
  return head;
}

const forms: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  PNG: () => blank().png().toBuffer(),
  "interlaced PNG": () => blank().png({ progressive: true, palette: true }).toBuffer(),
  GIF: () => blank().gif().toBuffer(),
  JPEG: () => blank().jpeg().toBuffer(),
  "progressive JPEG with EXIF and a colour profile": () =>
    blank().jpeg({ progressive: true }).withMetadata({ orientation: 6, icc: "p3" }).toBuffer(),
  "lossy WebP": () => blank().flatten().webp().toBuffer(),
  "lossless WebP": () => blank().webp({ lossless: true }).toBuffer(),
  "extended WebP": () => blank().webp().withMetadata({ orientation: 6 }).toBuffer(),
  BMP: () => Promise.resolve(bmpHead(40, HEIGHT)),
  "BMP of rows from the top": () => Promise.resolve(bmpHead(40, -HEIGHT)),
  "BMP of OS/2": () => Promise.resolve(bmpHead(12, HEIGHT)),
};

test.each(Object.entries(forms))("%s: the head tells the size", async (_, make) => {
  const file = await make();
  expect(pictureSize(file)).toEqual({ width: WIDTH, height: HEIGHT });
});

test.each(Object.entries(forms))("%s: a head cut anywhere tells that size or none", async (_form, make) => {
  const file = await make();
  const cut = Array.from({ length: Math.min(file.length, 4096) }, (_, length) => pictureSize(file.subarray(0, length)));
  const told = cut.filter((size) => size !== null);
  expect(told.length).toBeLessThan(cut.length - 9);
  expect(told).toEqual(told.map(() => ({ width: WIDTH, height: HEIGHT })));
});

test("other forms and what is no picture tell none", async () => {
  const others = [
    await blank().avif().toBuffer(),
    await blank().tiff().toBuffer(),
    Buffer.from("<svg/>"),
    Buffer.alloc(64),
  ];
  expect(others.map((file) => pictureSize(file))).toEqual([null, null, null, null]);
});
