import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { DataError } from "../../../src/errors.ts";
import { charsetOf, readLineFolder, type ReadLines } from "../../../src/node/datasets/lines.ts";
import { encodeGreyPng } from "../../../src/node/png.ts";
import { digitLines } from "../../helpers/digit-lines.ts";

const samples = digitLines(4, [3]);
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-line-folder-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function picture(index: number): Uint8Array {
  const sample = samples[index];
  if (sample === undefined) throw new Error(`no sample ${index}`);
  return encodeGreyPng(sample.pixels, sample.height, sample.width);
}

function read(path = folder, characters?: readonly string[]): Promise<ReadLines> {
  const options = { height: 32, stepsOf: (width: number): number => Math.ceil(width / 4) };
  return readLineFolder(path, characters === undefined ? options : { ...options, characters });
}

const textsOf = ({ set }: ReadLines): (readonly [string, string])[] =>
  set.samples.map(({ name, text }) => [name, text]);

describe("a folder of lines", () => {
  test("is labelled by the names of its pictures", async () => {
    for (const name of ["ab1.png", "Zürich 5.png"]) writeFileSync(join(folder, name), picture(0));
    writeFileSync(join(folder, "notes.txt"), "no picture");
    const found = await read();
    expect(textsOf(found)).toEqual([
      ["Zürich 5.png", "Zürich 5"],
      ["ab1.png", "ab1"],
    ]);
    expect(found.bad).toEqual([]);
    expect(found.planes.map(({ height }) => height)).toEqual([32, 32]);
    expect(charsetOf(found.set.samples)).toEqual({
      characters: [" ", "1", "5", "Z", "a", "b", "c", "h", "i", "r", "ü"],
      rare: [" ", "1", "5", "Z", "a", "b", "c", "h", "i", "r", "ü"],
    });
  });

  test("is labelled by labels.tsv, with CR LF, a byte order mark and blank lines", async () => {
    for (const [index, name] of ["a.png", "b.png", "c.png"].entries())
      writeFileSync(join(folder, name), picture(index));
    writeFileSync(join(folder, "labels.tsv"), "\ufeffa.png\tone two\r\n\r\nb.png\tthree\r\nc.png\tfour\r\n");
    const found = await read();
    expect(textsOf(found)).toEqual([
      ["a.png", "one two"],
      ["b.png", "three"],
      ["c.png", "four"],
    ]);
    expect(found.bad).toEqual([]);
  });

  test("may have a table with a head and more columns beside a folder of its name", async () => {
    mkdirSync(join(folder, "train"));
    writeFileSync(join(folder, "train", "x.png"), picture(0));
    writeFileSync(join(folder, "train.tsv"), "file\tlabel\twidth\nx.png\t2250\t108\n");
    expect(textsOf(await read())).toEqual([["x.png", "2250"]]);
    expect(textsOf(await read(join(folder, "train.tsv")))).toEqual([["x.png", "2250"]]);
  });

  test("may hold links", async () => {
    writeFileSync(join(folder, "own.txt"), picture(0));
    symlinkSync(join(folder, "own.txt"), join(folder, "12.png"));
    expect(textsOf(await read())).toEqual([["12.png", "12"]]);
  });

  test("may be made of folders", async () => {
    for (const name of ["one", "two"]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "x.png"), picture(0));
      writeFileSync(join(folder, name, "labels.tsv"), `x.png\t${name}\n`);
    }
    expect(textsOf(await read())).toEqual([
      [join("one", "x.png"), "one"],
      [join("two", "x.png"), "two"],
    ]);
  });

  test("loses no good sample to a bad one, and says what is wrong with each", async () => {
    writeFileSync(join(folder, "good.png"), picture(0));
    writeFileSync(join(folder, "broken.png"), "no picture at all");
    writeFileSync(join(folder, "blank.png"), encodeGreyPng(new Uint8Array(20 * 60).fill(255), 20, 60));
    writeFileSync(join(folder, "low.png"), encodeGreyPng(new Uint8Array(60).fill(9), 1, 60));
    const lines: (string | Uint8Array)[] = [
      "good.png\tyes",
      "gone.png\ttext",
      "good.png\t",
      "no tab",
      "broken.png\tx",
      "blank.png\tx",
      "low.png\tx",
      Buffer.from("good.png\tcaf\xe9", "latin1"),
      `good.png\t${"long ".repeat(30)}`,
    ];
    writeFileSync(
      join(folder, "labels.tsv"),
      Buffer.concat(lines.flatMap((text) => [Buffer.from(text), Buffer.from("\n")])),
    );
    const found = await read();
    expect(textsOf(found)).toEqual([["good.png", "yes"]]);
    expect(found.bad.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      "labels.tsv:2: there is no picture gone.png",
      "labels.tsv:4: it has no tab between file and text",
      "labels.tsv:8: it is not in UTF-8",
      "good.png: its label is empty",
      expect.stringMatching(/^broken\.png: not an image: /),
      "blank.png: there is no line in the picture: it is blank",
      expect.stringMatching(/^low\.png: there is no line in the picture: it is 60 x 1 pixels/),
      expect.stringMatching(/^good\.png: it is too narrow: \d+ pixels at height 32 make \d+ steps; /),
    ]);
  });

  test("is read within a charset when one is given", async () => {
    for (const name of ["ab.png", "a€.png"]) writeFileSync(join(folder, name), picture(0));
    const found = await read(folder, ["a", "b"]);
    expect(textsOf(found)).toEqual([["ab.png", "ab"]]);
    expect(found.bad).toEqual([{ name: "a€.png", reason: 'its label has "€", which is not in the charset' }]);
  });

  test("that is missing, empty or has several tables is an error", async () => {
    await expect(read(join(folder, "none"))).rejects.toThrow(DataError);
    await expect(read()).rejects.toThrow("holds no labelled pictures of lines");
    for (const name of ["a.tsv", "b.tsv"]) writeFileSync(join(folder, name), "");
    await expect(read()).rejects.toThrow("holds several .tsv files: a.tsv, b.tsv");
  });
});
