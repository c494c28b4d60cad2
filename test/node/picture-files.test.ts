import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { pictureFiles } from "../../src/node/picture-files.ts";
import type { Listed } from "../../src/node/list-entry.ts";
import { readList, type ListEntry, type ReadListOptions } from "../../src/node/read-list.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-files-"));

const files = [
  "b.png",
  "a.JPG",
  "a/z.png",
  "a/deep/er/x.webp",
  "a-1.png",
  "notes.txt",
  "unread.bmp",
  ".hidden.png",
  ".git/y.png",
  "c[1].png",
  "with space/ü\n.png",
];

beforeAll(() => {
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), "");
  }
  mkdirSync(join(folder, "empty"));
  symlinkSync(".", join(folder, "a", "loop"));
  symlinkSync("nowhere", join(folder, "broken.png"));
});

afterAll(() => rmSync(folder, { recursive: true }));

async function* list(...entries: readonly string[]): AsyncGenerator<Listed> {
  yield* entries.map((input) => ({ input }));
}

/** What the arguments name, below the test's folder; a fault after an exclamation mark. */
async function named(...inputs: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const below = inputs.map((input) => (input === "-" ? input : join(folder, input)));
  for await (const file of pictureFiles(below, list("one", "two"))) {
    const name = file.input.replace(`${folder}/`, "");
    found.push("error" in file ? `${name} ! ${file.error}` : name);
  }
  return found;
}

test("a folder's pictures at any depth, by path, without hidden ones and without going in circles", async () => {
  const all = [
    "a-1.png",
    "a.JPG",
    "a/deep/er/x.webp",
    "a/z.png",
    "b.png",
    "broken.png",
    "c[1].png",
    "with space/ü\n.png",
  ];
  expect(await named(".")).toEqual(all.toSorted());
  expect(await named("a/")).toEqual(["a/deep/er/x.webp", "a/z.png"]);
});

test("globs, by path", async () => {
  expect(await named("*.png")).toEqual(["a-1.png", "b.png", "broken.png", "c[1].png"]);
  expect(await named("a/**/*.{png,webp}")).toEqual(["a/deep/er/x.webp", "a/z.png"]);
  expect(await named("**/er/*")).toEqual(["a/deep/er/x.webp"]);
  expect(await named("a/*/*/x.*")).toEqual(["a/deep/er/x.webp"]);
  expect(await named("{a,with*}/*.png")).toEqual(["a/z.png", "with space/ü\n.png"]);
  expect(await named("c[[]*")).toEqual(["c[1].png"]);
  expect(await named("[!b]*.png")).toEqual(["a-1.png", "c[1].png"]);
  expect(await named("c[[][[:digit:]]].png")).toEqual(["c[1].png"]);
});

test("files as they are named, those of a list and those that look like globs too", async () => {
  expect(await named("c[1].png", "-", "b.png", "b.png")).toEqual(["c[1].png", "one", "two", "b.png", "b.png"]);
  expect(await named("nothere.png")).toEqual(["nothere.png"]);
});

test("says what names nothing", async () => {
  expect(await named("empty")).toEqual([
    "empty ! no pictures in this folder: PNG, JPEG, WebP, GIF, TIFF and AVIF are looked for",
  ]);
  expect(await named("*.gif", "none/*.png", "**/", "*/")).toEqual([
    "*.gif ! no file matches this pattern",
    "none/*.png ! no file matches this pattern",
    "**/ ! no file matches this pattern",
    "*/ ! no file matches this pattern",
  ]);
});

async function listed(options: ReadListOptions, ...pieces: readonly Uint8Array[]): Promise<string[]> {
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    yield* pieces;
  };
  const entries: string[] = [];
  for await (const entry of readList(stream(), options)) {
    entries.push("error" in entry ? `${entry.text} ! ${entry.error}` : entry.text);
  }
  return entries;
}

test("a list keeps blanks and letters that came in two pieces", async () => {
  const bytes = Buffer.from(" ü.png \r\n\nb.png");
  expect(await listed({ separator: "\n" }, bytes.subarray(0, 2), bytes.subarray(2))).toEqual([" ü.png ", "b.png"]);
  expect(await listed({ separator: "\0" }, Buffer.from("a\nb\0c\0"))).toEqual(["a\nb", "c"]);
  // A letter that is cut off at the end is no letter, but its line is one.
  expect(await listed({ separator: "\n" }, bytes.subarray(0, 2))).toEqual([" \uFFFD"]);
});

test("a list of find -print0 without --null, and a picture itself, are refused with what to do", async () => {
  const png = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
  for (const bytes of [Buffer.from("a.png\0b.png\0"), png]) {
    await expect(listed({ separator: "\n" }, bytes)).rejects.toMatchObject({
      name: "DataError",
      message: expect.stringContaining("is no list") as unknown,
      hint: "for find -print0 add --null; give a picture by its path",
    });
  }
});

test("every line comes back where that is asked for: empty ones, those with a NUL and those that are too long", async () => {
  const text = `a\n\nb\0c\n${"x".repeat(300)}\n${"y".repeat(20)}\r\n`;
  const pieces = [text.slice(0, 100), text.slice(100, 320), text.slice(320)].map((piece) => Buffer.from(piece));
  expect(await listed({ separator: "\n", every: true, longest: 250 }, ...pieces)).toEqual([
    "a",
    " ! the line is empty",
    "b\0c ! the line holds a NUL, which no path and no JSON line has",
    `${"x".repeat(200)} ! the line has more than 250 characters`,
    "y".repeat(20),
  ]);
});

test("an entry that is too long is not held in memory", async () => {
  const block = Buffer.alloc(1 << 20, "x");
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 600; count++) yield block;
    yield Buffer.from("\nb.png");
  };
  const entries: ListEntry[] = [];
  const before = process.memoryUsage.rss();
  for await (const entry of readList(stream(), { separator: "\n", longest: 1 << 22 })) entries.push(entry);
  expect(entries).toEqual([
    { text: "x".repeat(200), error: "the line has more than 4,194,304 characters" },
    { text: "b.png" },
  ]);
  expect(process.memoryUsage.rss() - before).toBeLessThan(300 * 2 ** 20);
});
