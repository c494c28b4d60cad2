import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";

import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";

import { DataError, InferenceError } from "../../src/errors.ts";
import type { ImageInput } from "../../src/metadata.ts";
import type { PictureWorkerStart } from "../../src/node/picture-messages.ts";
import { PicturePool } from "../../src/node/picture-pool.ts";
import { prepareFile } from "../../src/node/prepare-file.ts";

const FILES = 60;
const built = resolve(import.meta.dirname, "../../dist/bundle/picture-worker.js");
const startWorker = (workerData: PictureWorkerStart): Worker => new Worker(built, { workerData });
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-pool-"));
const digits: ImageInput = { kind: "image", fit: "mnist", height: 28, width: 28, channels: 1, range: [0, 1] };
const colours: ImageInput = { kind: "image", fit: "stretch", height: 20, width: 30, channels: 3, range: [-1, 1] };

function pathOf(index: number): string {
  return join(folder, `${index}.${index % 3 === 0 ? "jpg" : "png"}`);
}

/** Bars of many sizes and colours; JPEGs among PNGs. */
beforeAll(async () => {
  for (let index = 0; index < FILES; index++) {
    const background = { r: (index * 37) % 90, g: (index * 11) % 90, b: 40 };
    const bar = { create: { width: 8 + (index % 9), height: 40 + (index % 7), channels: 3 as const, background } };
    await sharp({ create: { width: 90, height: 70 + index, channels: 3, background: "white" } })
      .composite([{ input: await sharp(bar).png().toBuffer(), left: 20 + (index % 30), top: 12 }])
      .toFile(pathOf(index));
  }
  writeFileSync(join(folder, "bad.png"), "no picture");
});

afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ["digits", digits],
  ["pictures in colour", colours],
])("%s come out of threads as out of this one, to the bit", async (_, input) => {
  const paths = Array.from({ length: FILES }, (_value, index) => pathOf(index));
  let started = 0;
  const pool = new PicturePool({ input, workers: 2, startWorker: (start) => (started++, startWorker(start)) });
  // The first ones are prepared here, while threads start.
  const early = await Promise.all(paths.map((path) => pool.prepare(path)));
  const late = await Promise.all(paths.map((path) => pool.prepare(path)));
  await pool.close();
  const here = await Promise.all(paths.map((path) => prepareFile(path, input)));
  expect(started).toBe(2);
  expect(new Set(here.map((image) => image.reduce((sum, value) => sum + value, 0))).size).toBeGreaterThan(10);
  expect(early).toEqual(here);
  expect(late).toEqual(here);
});

test("threads do the work once they are there", async () => {
  // Says 0.5 for whatever it is asked.
  const half = `const { parentPort: port } = require("node:worker_threads");
    port.on("message", (order) => order === null ? port.close()
      : port.postMessage({ kind: "image", id: order.id, image: new Float32Array([0.5]) }));
    port.postMessage({ kind: "ready" });`;
  const pool = new PicturePool({ input: digits, workers: 1, startWorker: () => new Worker(half, { eval: true }) });
  const images: Float32Array[] = [];
  for (let index = 0; index < 400 && images.at(-1)?.length !== 1; index++) images.push(await pool.prepare(pathOf(1)));
  await pool.close();
  expect(images.at(-1)).toEqual(new Float32Array([0.5]));
  expect(images.slice(0, 16).every(({ length }) => length === 28 * 28)).toBe(true);
});

test("no thread for a few pictures, or when none is wanted", async () => {
  const startNone = (): Worker => {
    throw new Error("started");
  };
  const few = new PicturePool({ input: digits, workers: 2, startWorker: startNone });
  for (let index = 0; index < 16; index++) await few.prepare(pathOf(index));
  await expect(few.prepare(pathOf(0))).rejects.toThrow("started");
  const none = new PicturePool({ input: digits, workers: 0, startWorker: startNone });
  for (let index = 0; index < 40; index++) await none.prepare(pathOf(index));
  await Promise.all([few.close(), none.close()]);
});

test("no thread where pictures take too little time for it", async () => {
  let started = 0;
  const startCounted = (start: PictureWorkerStart): Worker => (started++, startWorker(start));
  const quick = new PicturePool({ input: digits, workers: 1, worthMs: 60_000, startWorker: startCounted });
  for (let index = 0; index < 40; index++) await quick.prepare(pathOf(index));
  await quick.close();
  expect(started).toBe(0);
  const slow = new PicturePool({ input: digits, workers: 1, worthMs: 1e-3, startWorker: startCounted });
  for (let index = 0; index < 20; index++) await slow.prepare(pathOf(index));
  await slow.close();
  expect(started).toBe(1);
});

test("a bad file is told from a fault of the whole run, in threads too", async () => {
  const pool = new PicturePool({ input: digits, workers: 1, startWorker });
  const unfit: ImageInput = { ...digits, fit: "stretch", width: null };
  const other = new PicturePool({ input: unfit, workers: 1, startWorker });
  for (let index = 0; index < 60; index++) {
    await expect(pool.prepare(join(folder, "bad.png"))).rejects.toThrow(DataError);
    await expect(pool.prepare(join(folder, "bad.png"))).rejects.toThrow("not an image: not a valid PNG");
    await expect(other.prepare(pathOf(1))).rejects.toThrow(InferenceError);
  }
  expect((await pool.prepare(pathOf(1))).length).toBe(28 * 28);
  await Promise.all([pool.close(), other.close()]);
});

test("a thread that dies costs the pictures it had, and another takes its place", async () => {
  const mortal = `const { parentPort: port } = require("node:worker_threads");
    port.on("message", (order) => {
      if (order === null) port.close();
      else if (order.picture.endsWith("0.jpg")) throw new Error("out of luck");
      else port.postMessage({ kind: "image", id: order.id, image: new Float32Array([0.5]) });
    });
    port.postMessage({ kind: "ready" });`;
  let started = 0;
  const startMortal = (): Worker => (started++, new Worker(mortal, { eval: true }));
  const pool = new PicturePool({ input: digits, workers: 1, startWorker: startMortal });
  const inThread = async (): Promise<void> => {
    while ((await pool.prepare(pathOf(1))).length !== 1);
  };
  await inThread();
  await expect(pool.prepare(pathOf(0))).rejects.toThrow("not read: the thread that prepared it ended (out of luck)");
  await expect(pool.prepare(pathOf(0))).resolves.toHaveLength(28 * 28);
  await inThread();
  expect(started).toBe(2);
  await pool.close();
});

test("closing waits for what is under work", async () => {
  const pool = new PicturePool({ input: digits, workers: 2, startWorker });
  for (let index = 0; index < FILES; index++) await pool.prepare(pathOf(index));
  copyFileSync(pathOf(1), join(folder, "late.png"));
  const late = Array.from({ length: 4 }, () => pool.prepare(join(folder, "late.png")));
  await pool.close();
  const images = await Promise.all(late);
  expect(images.every(({ length }) => length === 28 * 28)).toBe(true);
});
