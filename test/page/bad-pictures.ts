import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Page } from "playwright-core";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";

import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { encodeGreyPng } from "../../src/node/png.ts";

import { choose, draw, expectAlert, expectAnswer, expectUsable } from "./hands.ts";

/** A rendered 4 in black on white, [side, side]. */
async function four(side: number): Promise<Sharp> {
  const set = renderedDigits({ split: "test", seed: 4, count: 40 });
  const ink = sharp(Buffer.from(set.pixels(set.labels.indexOf(4))), { raw: { width: 28, height: 28, channels: 1 } });
  const large = await ink.negate().resize(side, side).toColourspace("b-w").raw().toBuffer();
  return sharp(large, { raw: { width: side, height: side, channels: 1 } });
}

function svg(side: number, more = ""): Buffer {
  const line = '<path d="M50 15V85" stroke="black" stroke-width="8"/>';
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="${side}" height="${side}">`;
  return Buffer.from(`${head}${line}${more}</svg>`);
}

/** The heads of files of that size, without the pixels: whoever decodes them finds them damaged. */
function heads(width: number, height: number): Readonly<Record<string, Buffer>> {
  const png = Buffer.from(encodeGreyPng(new Uint8Array(1), 1, 1));
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  const gif = Buffer.from("GIF89a\0\0\0\0\0\0\0", "latin1");
  gif.writeUInt16LE(width, 6);
  gif.writeUInt16LE(height, 8);
  const bmp = Buffer.alloc(54);
  bmp.write("BM");
  bmp.writeUInt32LE(40, 14);
  bmp.writeInt32LE(width, 18);
  bmp.writeInt32LE(height, 22);
  return { "big.png": png, "big.gif": gif, "big.bmp": bmp };
}

async function jpegHead(width: number, height: number): Promise<Buffer> {
  const file = await sharp(encodeGreyPng(new Uint8Array(1), 1, 1))
    .jpeg()
    .toBuffer();
  const frame = file.indexOf(Buffer.from([0xff, 0xc0]));
  file.writeUInt16BE(height, frame + 5);
  file.writeUInt16BE(width, frame + 7);
  return file;
}

/** Drop it as another program does. */
async function dropFiles(page: Page, files: readonly string[]): Promise<void> {
  const browser = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    await browser.send("Input.dispatchDragEvent", { type, x: 100, y: 300, data });
  }
  await browser.detach();
}

/** Suite of the page: what of pictures is wrong is told in its words, and the page goes on. */
export function expectBadPicturesTold(open: () => Promise<Page>, folder: string): void {
  let large: Uint8Array = Buffer.alloc(0);
  let opened: Page | undefined;

  /** One page for all tests: it goes on after each, as it is to. */
  async function cleared(): Promise<Page> {
    opened ??= await open();
    await opened.getByRole("button", { name: "Clear" }).click();
    await expectAnswer(opened, "\\s");
    await opened.getByRole("alert").waitFor({ state: "hidden" });
    return opened;
  }

  afterAll(async () => {
    await opened?.close();
  });

  beforeAll(async () => {
    large = await (await four(5000)).jpeg({ quality: 60 }).toBuffer();
  });

  test("refuses pictures of more than 64 megapixels by their heads, and goes on", async () => {
    const page = await cleared();
    const files: readonly (readonly [string, Uint8Array, number])[] = [
      ...Object.entries(heads(10_000, 10_000)).map(([name, head]) => [name, head, 100] as const),
      ...Object.entries(heads(30_000, 30_000)).map(([name, head]) => [name, head, 900] as const),
      ["big.jpg", await jpegHead(10_000, 10_000), 100],
      ["big.svg", svg(10_000), 100],
    ];
    for (const [name, file, megapixels] of files) {
      await choose(page, name, file);
      const side = 1000 * Math.sqrt(megapixels);
      await expectAlert(
        page,
        new RegExp(
          `^${name}: the image is too large: ${side} x ${side} pixels are ${megapixels} megapixels; ` +
            "at most 64 are read\\s+make it smaller first$",
        ),
      );
    }
    await expectUsable(page);
    await choose(page, "four.png", await (await four(300)).png().toBuffer());
    await expectAnswer(page, "4");
  });

  test("reads a picture of 25 megapixels, an SVG, ink on nothing, and the first frame of an animation", async () => {
    const page = await cleared();
    const mask = await (await four(300)).negate().toColourspace("b-w").raw().toBuffer();
    const black = { create: { width: 300, height: 300, channels: 3, background: "black" } } as const;
    const ink = sharp(black).joinChannel(mask, { raw: { width: 300, height: 300, channels: 1 } });
    const frames = [
      await (await four(200)).png().toBuffer(),
      await sharp(svg(200)).flatten({ background: "white" }).png().toBuffer(),
    ];
    const files: readonly (readonly [string, Uint8Array, string])[] = [
      ["large.jpg", large, "4"],
      ["line.svg", svg(300), "1"],
      ["ink.png", await ink.png().toBuffer(), "4"],
      ["small.svg", svg(24), "1"],
      [
        "animated.gif",
        await sharp(frames, { join: { animated: true } })
          .gif()
          .toBuffer(),
        "4",
      ],
    ];
    for (const [name, file, digit] of files) {
      await choose(page, name, file);
      await expectAnswer(page, digit);
      expect(await page.getByRole("alert").isVisible()).toBe(false);
      await page.getByRole("button", { name: "Clear" }).click();
      await expectAnswer(page, "\\s");
    }
  });

  test("says what is wrong with a picture, in one message each, and goes on", async () => {
    const page = await cleared();
    const set = Uint8Array.from({ length: 200 * 200 }, (_, at) => (at * at * 7) % 251);
    const whole = await sharp(set, { raw: { width: 200, height: 200, channels: 1 } })
      .png()
      .toBuffer();
    const jpeg = await sharp(whole).jpeg().toBuffer();
    const html = '<foreignObject width="9" height="9"><p xmlns="http://www.w3.org/1999/xhtml">4</p></foreignObject>';
    const damaged = /: this browser cannot decode it: it is damaged or cut short\s+save or fetch it again$/;
    const unread = /: no picture that this browser can read\s+PNG and JPEG always are$/;
    const faults: readonly (readonly [string, Uint8Array, RegExp])[] = [
      ["cut.png", whole.subarray(0, whole.length / 2), damaged],
      [
        "flipped.png",
        Uint8Array.from(whole, (byte, at) => (at === Math.floor(whole.length / 2) ? byte ^ 1 : byte)),
        damaged,
      ],
      ["cut.jpg", jpeg.subarray(0, jpeg.length / 2), damaged],
      ["head.png", whole.subarray(0, 40), damaged],
      ["none.png", heads(0, 10)["big.png"] ?? whole, damaged],
      ["empty.png", Buffer.alloc(0), /: not an image: the file is empty$/],
      ["text.png", Buffer.from("no"), unread],
      ["page.png", Buffer.from("<!doctype html><p>Sign in"), unread],
      [
        "html.svg",
        svg(100, html),
        /: it holds more than a drawing, which this browser lets no page read\s+save it as a PNG/,
      ],
      ["none.svg", svg(0), /: not an image: it is 0 x 0 pixels$/],
      ["entities.svg", svg(100, "&nothing;"), unread],
      [
        "photo.heic",
        Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1"),
        /: a HEIC file, which this browser does not/,
      ],
      [
        "scan.pdf",
        Buffer.from("%PDF-1.7\n"),
        /: a PDF file, which this browser does not read\s+save it as a PNG or JPEG/,
      ],
      [
        "layers.psd",
        Buffer.from("8BPS\0\x01\0\0\0\0\0\0\0\x03", "latin1"),
        /: a Photoshop file, which this browser does not/,
      ],
    ];
    for (const [name, file, message] of faults) {
      await choose(page, name, file);
      await expectAlert(page, new RegExp(`^${name}${message.source}`));
      expect(await page.getByRole("alert").count()).toBe(1);
    }
    await expectUsable(page);
    await choose(page, "dot.png", encodeGreyPng(new Uint8Array(1), 1, 1));
    await expectAlert(page, /^the image is blank/);
    await expectAnswer(page, "\\s");
    await choose(page, "strip.png", encodeGreyPng(new Uint8Array(60_000), 1, 60_000));
    await expectAlert(page, /^the image is blank/);
    await expectUsable(page);
  });

  test("says that a folder, several files, a link or text is no picture, and goes on", async () => {
    const page = await cleared();
    const inside = join(folder, "drop");
    mkdirSync(join(inside, "pictures"), { recursive: true });
    writeFileSync(join(inside, "four.png"), await (await four(300)).png().toBuffer());
    writeFileSync(join(inside, "other.png"), encodeGreyPng(new Uint8Array(4), 2, 2));
    await dropFiles(page, [join(inside, "pictures")]);
    await expectAlert(page, /^pictures cannot be read: it is a folder\s+give a picture that is in it$/);
    await dropFiles(page, [join(inside, "four.png"), join(inside, "other.png")]);
    await expectAlert(page, /^2 files were dropped at once\s+give one picture at a time$/);
    const give = (kind: "drop" | "paste"): Promise<unknown> =>
      page.evaluate((type) => {
        const transfer = new DataTransfer();
        transfer.setData("text/uri-list", "https://example.org/four.png");
        const options = { bubbles: true, cancelable: true };
        document.body.dispatchEvent(
          type === "drop"
            ? new DragEvent(type, { ...options, dataTransfer: transfer })
            : new ClipboardEvent(type, { ...options, clipboardData: transfer }),
        );
      }, kind);
    await give("drop");
    await expectAlert(page, /^what was dropped is a link or text, not a picture file\s+save the picture and drop/);
    await give("paste");
    await expectAlert(page, /^what was pasted is a link or text, not a picture file/);
    await dropFiles(page, [join(inside, "four.png")]);
    await expectAnswer(page, "4");
    expect(await page.getByRole("alert").isVisible()).toBe(false);
  });

  test("says that a file changed since it was chosen", async () => {
    const page = await cleared();
    const path = join(folder, "changed.png");
    writeFileSync(path, encodeGreyPng(new Uint8Array(4), 2, 2));
    await page.evaluate(() => {
      addEventListener("change", (event) => event.stopImmediatePropagation(), { capture: true, once: true });
    });
    await page.locator("#file").setInputFiles(path);
    await page.locator("#file").evaluate((input: HTMLInputElement) => input.files?.[0]?.arrayBuffer());
    writeFileSync(path, encodeGreyPng(new Uint8Array(9), 3, 3));
    utimesSync(path, 0, 0);
    await page.locator("#file").dispatchEvent("change");
    await expectAlert(page, /^changed.png: cannot be read: it was moved or changed.*\s+choose it again$/);
    await expectUsable(page);
  });

  test("keeps the pad and its answer when a picture is refused, and says so", async () => {
    const page = await cleared();
    await draw(page, "7");
    await expectAnswer(page, "7");
    await choose(page, "text.png", Buffer.from("no"));
    await expectAlert(
      page,
      /^text.png: no picture .*\s+PNG and JPEG always are\s+The pad and its answer are as they were$/,
    );
    await expectAnswer(page, "7");
  });

  test("tells no answer of what was there before beside a new picture", async () => {
    const page = await cleared();
    await draw(page, "7");
    await expectAnswer(page, "7");
    const [worker] = page.workers();
    if (worker === undefined) throw new Error("no worker runs");
    const held = worker.evaluate(() => {
      const until = performance.now() + 2000;
      while (performance.now() < until);
    });
    await choose(page, "four.png", await (await four(300)).png().toBuffer());
    await expectAnswer(page, "\\s");
    await held;
    await expectAnswer(page, "4");
  });

  test("lets a picture that opens slowly take no place of what is drawn or given after it", async () => {
    const page = await cleared();
    await choose(page, "large.jpg", large);
    await choose(page, "line.svg", svg(300));
    await expectAnswer(page, "1");
    await page.locator('#pad:not([aria-busy="true"])').waitFor();
    await expectAnswer(page, "1");
  });
}
