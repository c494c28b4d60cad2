import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, createDeflate, deflateSync } from "node:zlib";

import sharp, { type Sharp } from "sharp";
import { afterAll, expect, test } from "vitest";

import { DataError } from "../../src/errors.ts";
import { flatten, pixelsOf, toGrey } from "../../src/infer/preprocess/image.ts";
import { decodeImage } from "../../src/node/decode-image.ts";
import { encodeGreyPng } from "../../src/node/png.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-decode-"));
const WIDTH = 40;
const HEIGHT = 24;

afterAll(() => rmSync(folder, { recursive: true }));

/** Dark above on the left, light elsewhere: shows turns, flips and negatives. */
const grey = Buffer.from(
  Array.from({ length: WIDTH * HEIGHT }, (_, at) => (at % WIDTH < 16 && at < (WIDTH * HEIGHT) / 2 ? 20 : 230)),
);

function picture(): Sharp {
  return sharp(grey, { raw: { width: WIDTH, height: HEIGHT, channels: 1 } });
}

function colours(): Sharp {
  const data = Buffer.from(Array.from({ length: grey.length * 3 }, (_, at) => grey[Math.floor(at / 3)] ?? 0));
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });
}

/** The drawing in the alpha alone, black or white. */
function ink(level: number): Sharp {
  const data = Buffer.from(
    Array.from({ length: grey.length * 4 }, (_, at) => (at % 4 < 3 ? level : 255 - (grey[Math.floor(at / 4)] ?? 0))),
  );
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 4 } });
}

const forms: Readonly<Record<string, () => Sharp>> = {
  "grey.png": () => picture().png(),
  "grey16.png": () => picture().toColourspace("grey16").png(),
  "rgb16.png": () => colours().toColourspace("rgb16").png(),
  "palette.png": () => colours().png({ palette: true }),
  "interlaced.png": () => colours().png({ progressive: true }),
  "cmyk.jpg": () => colours().toColourspace("cmyk").jpeg({ quality: 100 }),
  "progressive.jpg": () => colours().jpeg({ quality: 100, progressive: true }),
  "x.webp": () => colours().webp({ lossless: true }),
  "x.gif": () => colours().gif(),
  "x.tiff": () => colours().tiff({ compression: "lzw" }),
  "x.avif": () => colours().avif({ quality: 100 }),
  "dark ink on nothing.png": () => ink(0).png(),
  "turned.jpg": () => picture().rotate(270).jpeg({ quality: 100 }).withMetadata({ orientation: 6 }),
  "upside down.jpg": () => picture().rotate(180).jpeg({ quality: 100 }).withMetadata({ orientation: 3 }),
  "mirrored.jpg": () => picture().flop().jpeg({ quality: 100 }).withMetadata({ orientation: 2 }),
};

async function levels(name: string, make: () => Sharp): Promise<number[]> {
  const path = join(folder, name);
  await make().toFile(path);
  const { width, height, data } = toGrey(pixelsOf(flatten(await decodeImage(path, 512))));
  expect([width, height]).toEqual([WIDTH, HEIGHT]);
  const at = (x: number, y: number): number => data[y * WIDTH + x] ?? Number.NaN;
  return [at(6, 5), at(30, 5), at(6, 18), at(30, 18)];
}

test.each(Object.entries(forms))("%s comes out upright and alike", async (name, make) => {
  const [upLeft = Number.NaN, ...others] = await levels(name, make);
  expect(upLeft).toBeLessThan(0.15);
  for (const level of others) expect(level).toBeGreaterThan(0.8);
});

test("light ink on nothing lies on black", async () => {
  const [upLeft = Number.NaN, ...others] = await levels("light ink on nothing.png", () => ink(255).png());
  expect(upLeft).toBeGreaterThan(0.85);
  for (const level of others) expect(level).toBeLessThan(0.2);
});

test("large pictures come smaller", async () => {
  const path = join(folder, "large.png");
  await picture().resize(2000, 1200).png().toFile(path);
  expect(await decodeImage(path, 512)).toMatchObject({ width: 512, height: 307 });
});

/** A grey PNG whose header and compressed rows need not fit together. */
function encodePng(width: number, height: number, packed: Uint8Array): Uint8Array {
  const file = encodeGreyPng(new Uint8Array(1), 1, 1);
  const head = Buffer.alloc(17);
  head.write("IHDR");
  head.writeUInt32BE(width, 4);
  head.writeUInt32BE(height, 8);
  head[12] = 8;
  const data = Buffer.concat([Buffer.from("IDAT"), packed]);
  const chunk = (body: Buffer): Buffer => {
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(body.length - 4);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  return Buffer.concat([file.subarray(0, 8), chunk(head), chunk(data), chunk(Buffer.from("IEND"))]);
}

function svg(side: number): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><path d="M3 2H7"/></svg>`;
}

const DAMAGED = /^not an image: it is damaged or cut short$/;
const BAD_HEADER = /^not an image: its header is damaged$/;

test("half a megabyte that unpacks to half a gigabyte is not unpacked", async () => {
  const zeros = Buffer.alloc(2 ** 22);
  const packed = createDeflate();
  const pieces: Uint8Array[] = [];
  packed.on("data", (piece: Uint8Array) => pieces.push(piece));
  for (let count = 0; count < 128; count++) if (!packed.write(zeros)) await once(packed, "drain");
  packed.end();
  await once(packed, "end");
  const path = join(folder, "unpacks.png");
  writeFileSync(path, encodePng(28, 28, Buffer.concat(pieces)));
  const before = process.resourceUsage().maxRSS;
  expect(await decodeImage(path, 512)).toMatchObject({ width: 28, height: 28 });
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(128 * 1024);
});

test.each([
  ["drawing.bmp", `424df65d00000000000036000000280000006400000050000000010018${"00".repeat(60)}`, "a BMP"],
  ["photo.heic", `00000018${Buffer.from("ftypheic").toString("hex")}000000006d69663168656963`, "a HEIC"],
  ["photo.jxl", "0000000c4a584c200d0a870a", "a JPEG XL"],
  ["scan.pdf", Buffer.from("%PDF-1.7\n").toString("hex"), "a PDF"],
  ["layers.psd", `384250530001${"00".repeat(6)}0003000000640000`, "a Photoshop"],
  ["page.ico", "00000100010010100000010020006804000016000000", "an icon"],
])("%s is refused by what it is, with what to do", async (name, hex, form) => {
  const path = join(folder, name);
  writeFileSync(path, Buffer.from(hex, "hex"));
  await expect(decodeImage(path, 512)).rejects.toMatchObject({
    name: "DataError",
    message: `${form} file, which is not read: save it as a PNG or JPEG and give that`,
  });
});

test("one plain error for what is no picture", async () => {
  const png = await picture().png().toBuffer();
  const jpeg = await picture().jpeg().toBuffer();
  const half = async (form: Sharp): Promise<Uint8Array> => {
    const whole = await form.toBuffer();
    return whole.subarray(0, whole.length / 2);
  };
  const write = (name: string, content: Uint8Array | string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const huge = join(folder, "huge.png");
  await sharp({ create: { width: 10_000, height: 10_000, channels: 3, background: "white" }, limitInputPixels: false })
    .png({ compressionLevel: 1 })
    .toFile(huge);
  const faults: readonly (readonly [string, RegExp])[] = [
    [write("zero.png", ""), /^not an image: the file is empty$/],
    [write("text.png", "hello"), /^not an image: not a valid PNG, JPEG, WebP, GIF, TIFF, AVIF or SVG$/],
    [write("short.png", png.subarray(0, png.length - 30)), DAMAGED],
    [write("short.jpg", jpeg.subarray(0, jpeg.length - 100)), DAMAGED],
    [write("head.png", png.subarray(0, 12)), /^not an image: /],
    [
      write(
        "damaged.png",
        Uint8Array.from(png, (byte, at) => (at === png.length - 30 ? byte ^ 1 : byte)),
      ),
      DAMAGED,
    ],
    [write("half.gif", await half(colours().gif())), DAMAGED],
    [write("half.webp", await half(colours().webp())), BAD_HEADER],
    [write("half.tiff", await half(colours().tiff())), /^not an image: not a valid PNG, JPEG/],
    [write("half.avif", await half(colours().avif())), BAD_HEADER],
    [write("old.bmp", "BM0000"), /^not an image: not a valid PNG, JPEG/],
    [write("none.png", encodePng(0, 10, deflateSync(Buffer.alloc(10)))), BAD_HEADER],
    [write("none2.png", encodePng(10, 0, deflateSync(Buffer.alloc(10)))), BAD_HEADER],
    [
      write("bomb.png", encodePng(30_000, 30_000, deflateSync(Buffer.alloc(2 ** 20)))),
      /^the image is too large: 30000 x 30000/,
    ],
    [write("wide.svg", svg(100_000)), /^the image is too large: 100000 x 100000/],
    [huge, /^the image is too large: 10000 x 10000 pixels are 100 megapixels; at most 64 are read$/],
    [folder, /^cannot be read: it is a folder$/],
    [join(folder, "nothere.png"), /^cannot be read: there is no such file$/],
    ["/dev/null", /^cannot be read: it is not a file$/],
  ];
  for (const [path, message] of faults) {
    await expect(decodeImage(path, 512)).rejects.toMatchObject({ name: "DataError", message });
  }
});

test("bad pictures decoded side by side are told apart as they are one by one", async () => {
  const png = await picture().png().toBuffer();
  const jpeg = await picture().jpeg().toBuffer();
  const bad = {
    "side.png": png.subarray(0, png.length - 30),
    "side.jpg": jpeg.subarray(0, jpeg.length - 100),
    "head.png": encodePng(0, 10, deflateSync(Buffer.alloc(10))),
  };
  const paths = Object.entries(bad).map(([name, bytes]) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  });
  const fault = (path: string): Promise<string> =>
    decodeImage(path, 512).then(
      () => "none",
      (error: unknown) => (error instanceof DataError ? error.message : String(error)),
    );
  const alone: string[] = [];
  for (const path of paths) alone.push(await fault(path));
  const rounds = Array.from({ length: 40 }, () => paths).flat();
  const together = await Promise.all(rounds.map(fault));
  expect(together).toEqual(Array.from({ length: 40 }, () => alone).flat());
});
