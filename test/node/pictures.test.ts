import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import sharp from "sharp";
import { afterAll, expect, test } from "vitest";

import { DataError } from "../../src/errors.ts";
import { readPictures } from "../../src/node/datasets/pictures.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-pictures-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A black bar on white. */
async function drawBar(path: string, width: number, height: number): Promise<void> {
  const bar = { create: { width, height, channels: 3 as const, background: "black" } };
  await sharp({ create: { width: 100, height: 100, channels: 3, background: "white" } })
    .composite([{ input: await sharp(bar).png().toBuffer() }])
    .png()
    .toFile(path);
}

test("pictures in folders of digits become centred digits, light on dark; others are named and left out", async () => {
  for (const digit of ["1", "7"]) mkdirSync(join(folder, "some", digit), { recursive: true });
  await drawBar(join(folder, "some", "1", "b.png"), 10, 60);
  await drawBar(join(folder, "some", "1", "a.png"), 12, 60);
  await drawBar(join(folder, "some", "7", "c.png"), 60, 12);
  writeFileSync(join(folder, "some", "7", "broken.png"), "no picture");
  writeFileSync(join(folder, "some", "7", "notes.txt"), "passed over");
  const { set, faults } = await readPictures(join(folder, "some"), "train");
  expect(set).toMatchObject({ images: 3, height: 28, width: 28, split: "train" });
  expect([...set.labels]).toEqual([1, 1, 7]);
  expect(set.pixels(0)[14 * 28 + 13]).toBeGreaterThan(200);
  expect(set.pixels(0)[0]).toBe(0);
  expect(set.pixels(2)[14 * 28 + 6]).toBeGreaterThan(200);
  expect(set.pixels(0)[14 * 28 + 6]).toBe(0);
  expect(faults.filter((fault) => fault.includes("broken.png"))).toHaveLength(1);
  expect(faults.filter((fault) => fault.includes("notes.txt"))).toHaveLength(0);
  expect(() => set.pixels(3)).toThrow(RangeError);
});

test("a folder without pictures is an error that says what is looked for", async () => {
  await expect(readPictures(join(folder, "none"), "train")).rejects.toThrow(DataError);
  await expect(readPictures(join(folder, "none"), "train")).rejects.toMatchObject({
    hint: "put them into folders named after the digit: DIR/0/any.png to DIR/9/any.png",
  });
});

test.each(["10/a.png", "x/a.png", "a.png", "1a/7/a.png"])(
  "a picture without a label, at %s, is an error",
  async (path) => {
    const into = join(folder, `stray-${path.replaceAll("/", "-")}`);
    for (const file of ["1/a.png", path]) {
      mkdirSync(dirname(join(into, file)), { recursive: true });
      await drawBar(join(into, file), 10, 60);
    }
    mkdirSync(join(into, "notes"));
    writeFileSync(join(into, "notes", "read.me"), "");
    await expect(readPictures(into, "train")).rejects.toThrow(`${join(into, path)} has no label`);
    rmSync(join(into, path));
    expect([...(await readPictures(into, "train")).set.labels]).toEqual([1]);
  },
);
