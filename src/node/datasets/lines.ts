import type { Dirent } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";

import type { LineSample, LineSet } from "../../data/lines/line-set.ts";
import { DataError } from "../../errors.ts";
import { flatten, pixelsOf, toGrey } from "../../infer/preprocess/image.ts";
import { fitLine } from "../../infer/preprocess/line.ts";
import type { Plane } from "../../infer/preprocess/image.ts";
import { decodeImage } from "../decode-image.ts";
import { fileFault } from "../file-fault.ts";

/** Longer pictures are read at this size. */
const LONGEST_SIDE = 32_768;
const PICTURE = /\.(?:png|jpe?g|jfif|webp|gif|tiff?|avif)$/i;

/** A sample that was left out, and why. */
export interface BadLine {
  /** File of the picture, or file and line of the label. */
  readonly name: string;
  readonly reason: string;
}

export interface ReadLines {
  readonly set: LineSet;
  /** The lines as the network takes them, in the order of the set. */
  readonly planes: readonly Plane[];
  readonly bad: readonly BadLine[];
}

export interface ReadLinesOptions {
  /** Height of the lines, in pixels. */
  readonly height: number;
  /** How many times wider lines are made than their proportions. Default 1. */
  readonly widen?: number;
  /** Labels with other characters are left out. Default: all characters are taken. */
  readonly characters?: readonly string[];
  /** Steps that a width in pixels makes; labels that need more are left out. */
  readonly stepsOf: (width: number) => number;
}

/**
 * Pictures of lines with their labels: a file of `file<TAB>text` lines, or a folder with such a file (`labels.tsv`, or
 * the only .tsv), or a folder of such folders; without one the name of each picture, less its extension, is its label.
 * Samples that nothing can be learnt from are left out and listed.
 *
 * @throws {DataError} when there is no such folder, or nothing in it is left
 */
export async function readLineFolder(path: string, options: ReadLinesOptions): Promise<ReadLines> {
  const labelled = await labelsAt(path);
  const bad: BadLine[] = [...labelled.bad];
  const samples: LineSample[] = [];
  const planes: Plane[] = [];
  for (const { file, name, text } of labelled.labels) {
    const found = await readSample(file, name, text, options);
    if ("reason" in found) bad.push(found);
    else {
      samples.push(found.sample);
      planes.push(found.plane);
    }
  }
  if (samples.length > 0) return { set: { source: path, samples }, planes, bad };
  throw new DataError(`${path} holds no labelled pictures of lines${listed(bad)}`, { hint: LAYOUT });
}

const LAYOUT =
  "put pictures into a folder with labels.tsv, a line for each: its file, a tab, its text; or name each picture after its text";

/** The first few of the bad samples, a line each. */
export function listed(bad: readonly BadLine[], most = 5): string {
  const shown = bad.slice(0, most).map(({ name, reason }) => `\n  ${name}: ${reason}`);
  return `${shown.join("")}${bad.length > most ? `\n  and ${bad.length - most} more` : ""}`;
}

async function readSample(
  file: string,
  name: string,
  text: string,
  { height, widen, characters, stepsOf }: ReadLinesOptions,
): Promise<BadLine | { readonly sample: LineSample; readonly plane: Plane }> {
  if (text === "") return { name, reason: "its label is empty" };
  const outside =
    characters === undefined ? [] : Array.from(text).filter((character) => !characters.includes(character));
  if (outside.length > 0) return { name, reason: `its label has ${quoted(outside)}, which is not in the charset` };
  try {
    const pixels = pixelsOf(flatten(await decodeImage(file, LONGEST_SIDE)));
    const grey = toGrey(pixels);
    const plane = fitLine(pixels, height, widen);
    const [needed, given] = [stepsFor(text), stepsOf(plane.width)];
    if (needed > given) {
      return {
        name,
        reason: `it is too narrow: ${plane.width} pixels at height ${height} make ${given} steps; "${text}" needs ${needed}`,
      };
    }
    const bytes = Uint8Array.from(grey.data, (value) => Math.round(value * 255));
    return { sample: { name, text, width: grey.width, height: grey.height, pixels: bytes }, plane };
  } catch (error) {
    if (error instanceof DataError) return { name, reason: error.message };
    throw error;
  }
}

function stepsFor(text: string): number {
  const characters = Array.from(text);
  return characters.reduce((steps, character, index) => steps + (character === characters[index - 1] ? 2 : 1), 0);
}

function quoted(characters: readonly string[]): string {
  return [...new Set(characters)].map((character) => JSON.stringify(character)).join(", ");
}

/** The characters of all labels, sorted by code point, and those that only one line has. */
export function charsetOf(samples: readonly LineSample[]): { readonly characters: string[]; readonly rare: string[] } {
  const lines = new Map<string, number>();
  for (const { text } of samples) {
    for (const character of new Set(text)) lines.set(character, (lines.get(character) ?? 0) + 1);
  }
  const characters = [...lines.keys()].toSorted((a, b) => Number(a.codePointAt(0)) - Number(b.codePointAt(0)));
  return { characters, rare: characters.filter((character) => lines.get(character) === 1) };
}

interface Label {
  readonly file: string;
  readonly name: string;
  readonly text: string;
}

interface Labels {
  readonly labels: readonly Label[];
  readonly bad: readonly BadLine[];
}

async function labelsAt(path: string): Promise<Labels> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new DataError(`there is no folder ${path}`, { hint: LAYOUT });
  if (found.isFile()) return labelsOfTable(path);
  const entries = await readdir(path, { withFileTypes: true });
  const tables = entries.filter((entry) => isFileOrLink(entry) && /\.tsv$/i.test(entry.name)).map(({ name }) => name);
  const table =
    tables.find((name) => name.toLowerCase() === "labels.tsv") ?? (tables.length === 1 ? tables[0] : undefined);
  if (table !== undefined) return labelsOfTable(join(path, table));
  if (tables.length > 1) {
    throw new DataError(`${path} holds several .tsv files: ${tables.join(", ")}`, {
      hint: "name the one with the labels by --data, or call it labels.tsv",
    });
  }
  const pictures = entries.filter((entry) => isFileOrLink(entry) && PICTURE.test(entry.name));
  if (pictures.length > 0) {
    const names = pictures.map(({ name }) => name).toSorted();
    const labels = names.map((name) => ({
      file: join(path, name),
      name,
      text: basename(name, extname(name)).normalize(),
    }));
    return { labels, bad: [] };
  }
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
  const parts: Labels[] = [];
  for (const folder of folders) {
    const part = await labelsAt(join(path, folder));
    const within = <T extends { readonly name: string }>(each: T): T => ({ ...each, name: join(folder, each.name) });
    parts.push({ labels: part.labels.map(within), bad: part.bad.map(within) });
  }
  return { labels: parts.flatMap(({ labels }) => labels), bad: parts.flatMap(({ bad }) => bad) };
}

/** Links are followed when they are read. */
function isFileOrLink(entry: Dirent): boolean {
  return entry.isFile() || entry.isSymbolicLink();
}

async function labelsOfTable(path: string): Promise<Labels> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new DataError(`${path}: ${fileFault(cause)}`, { cause });
  });
  const folder = dirname(path);
  const own = join(folder, basename(path, extname(path)));
  const [beside, inside] = await Promise.all([namesIn(folder), namesIn(own)]);
  const labels: Label[] = [];
  const bad: BadLine[] = [];
  for (const [index, line] of linesOf(bytes).entries()) {
    const where = `${basename(path)}:${index + 1}`;
    if (line === null) bad.push({ name: where, reason: "it is not in UTF-8" });
    else if (line.trim() !== "") {
      const [file = "", text] = line.split("\t");
      const at = beside.has(file) ? folder : inside.has(file) ? own : dirname(file) === "." ? undefined : folder;
      if (text === undefined) bad.push({ name: where, reason: "it has no tab between file and text" });
      else if (at !== undefined) labels.push({ file: join(at, file), name: file, text: text.normalize() });
      else if (index > 0 || PICTURE.test(file)) bad.push({ name: where, reason: `there is no picture ${file}` });
    }
  }
  return { labels, bad };
}

async function namesIn(folder: string): Promise<ReadonlySet<string>> {
  return new Set(await readdir(folder).catch(() => []));
}

/** Lines of a text file in UTF-8, or in UTF-16 with a byte order mark; null for one that is not in UTF-8. */
function linesOf(bytes: Uint8Array): (string | null)[] {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes).split(/\r\n|\n|\r/);
  const lines: (string | null)[] = [];
  let start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const strict = new TextDecoder("utf-8", { fatal: true });
  while (start <= bytes.length) {
    const found = bytes.indexOf(0x0a, start);
    const end = found < 0 ? bytes.length : found;
    const line = bytes.subarray(start, bytes[end - 1] === 0x0d ? end - 1 : end);
    lines.push(decodedOrNull(strict, line));
    start = end + 1;
  }
  return lines;
}

function decodedOrNull(decoder: TextDecoder, bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
