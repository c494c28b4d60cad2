import { extname } from "node:path";

import { UsageError } from "../../errors.ts";

/** A raw input as the command line names it. */
export interface GivenTensor {
  readonly name: string;
  readonly file: string;
}

/**
 * Inputs as `NAME=file.npy` gives them. A name may hold `=` too: of the names that an argument begins with, the longest of the
 * model's counts.
 *
 * @throws {UsageError} when an argument is not NAME=file.npy, or a name comes twice
 */
export function parseTensors(given: readonly string[], names: readonly string[]): GivenTensor[] {
  const tensors = given.map((text) => {
    assertTensor(text);
    const known = names.filter((name) => text.startsWith(`${name}=`)).map(({ length }) => length);
    const cut = known.length === 0 ? text.indexOf("=") : Math.max(...known);
    return { name: text.slice(0, cut), file: text.slice(cut + 1) };
  });
  const twice = tensors.find(({ name }, index) => tensors.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw new UsageError(`--tensor names "${twice.name}" twice; each input takes one file`);
  return tensors;
}

/** @throws {UsageError} when an argument is not NAME=file.npy */
export function assertTensor(text: string): void {
  if (text.indexOf("=") < 1 || extname(text) !== ".npy") {
    throw new UsageError(`--tensor takes NAME=file.npy; got "${text}"`);
  }
}
