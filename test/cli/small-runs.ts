import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { idxFile } from "../helpers/idx-file.ts";

export const bin: string = resolve(import.meta.dirname, "../../dist/bundle/bin.js");

/** What a command left. */
export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run the built command in a folder of the test's own. */
export function cliIn(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Outcome {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return { status, signal, stdout, stderr };
}

/**
 * Files as MNIST's, of so many rendered digits; both splits hold the same.
 *
 * @returns the arguments that train on them
 */
export function writeDigits(folder: string, count: number): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const set = renderedDigits({ split: "train", seed: 3, count });
  const pixels = new Uint8Array(count * 784);
  for (let index = 0; index < count; index++) pixels.set(set.pixels(index), index * 784);
  for (const prefix of ["train", "t10k"]) {
    writeFileSync(join(folder, `${prefix}-images-idx3-ubyte`), idxFile([count, 28, 28], pixels));
    writeFileSync(join(folder, `${prefix}-labels-idx1-ubyte`), idxFile([count], set.labels));
  }
  return ["train", "--dataset", "mnist", "--data", folder];
}
