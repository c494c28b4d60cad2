import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";

import { glob, isDynamicPattern } from "tinyglobby";

const PICTURES = "**/*.{png,jpg,jpeg,webp,gif,bmp,tif,tiff,avif}";

/**
 * Files that arguments name, in order: files as they are, folders' pictures and globs sorted by name, `-` for one path
 * a line on stdin. A name that matches nothing comes back as it is, for the reader to complain of.
 */
export async function* imageFiles(inputs: readonly string[]): AsyncGenerator<string> {
  for (const input of inputs) {
    if (input === "-") {
      for await (const line of createInterface({ input: process.stdin })) if (line.trim() !== "") yield line.trim();
    } else {
      yield* await expanded(input);
    }
  }
}

async function expanded(input: string): Promise<string[]> {
  const found = await stat(input).catch(() => null);
  if (found?.isDirectory() === true) {
    const names = await glob(PICTURES, { cwd: input, caseSensitiveMatch: false });
    return names.toSorted().map((name) => `${input.replace(/\/+$/, "")}/${name}`);
  }
  if (found !== null || !isDynamicPattern(input)) return [input];
  const matches = await glob(input);
  return matches.length === 0 ? [input] : matches.toSorted();
}
