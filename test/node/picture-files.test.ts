import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { pictureFiles } from "../../src/node/picture-files.ts";
import { readList } from "../../src/node/read-list.ts";

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

async function* list(...entries: readonly string[]): AsyncGenerator<string> {
  yield* entries;
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

async function listed(separator: "\n" | "\0", ...pieces: readonly Uint8Array[]): Promise<string[]> {
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    yield* pieces;
  };
  const entries: string[] = [];
  for await (const entry of readList(stream(), separator)) entries.push(entry);
  return entries;
}

test("a list keeps blanks and letters that came in two pieces", async () => {
  const bytes = Buffer.from(" ü.png \r\n\nb.png");
  expect(await listed("\n", bytes.subarray(0, 2), bytes.subarray(2))).toEqual([" ü.png ", "b.png"]);
  expect(await listed("\0", Buffer.from("a\nb\0c\0"))).toEqual(["a\nb", "c"]);
});

test("a list of find -print0 without --null, and a picture itself, are refused with what to do", async () => {
  const png = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
  for (const bytes of [Buffer.from("a.png\0b.png\0"), png]) {
    await expect(listed("\n", bytes)).rejects.toMatchObject({
      name: "DataError",
      message: expect.stringContaining("no list of paths") as unknown,
      hint: "for find -print0 add --null; give a picture by its path",
    });
  }
});

test("a list without separators is refused before it fills the memory", async () => {
  const block = Buffer.alloc(1 << 18, "x");
  await expect(listed("\n", ...Array.from({ length: 8 }, () => block))).rejects.toThrow(
    "more than a million characters",
  );
});
