import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { runCommand, type Outcome } from "../helpers/command.ts";
import { idxFile } from "../helpers/idx-file.ts";

/** Run the built command in a folder of the test's own. */
export function cliIn(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Outcome {
  return runCommand(args, { cwd: folder, env: { ...process.env, ...env } });
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
