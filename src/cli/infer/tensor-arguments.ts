import { extname } from "node:path";

import { UsageError } from "../../errors.ts";

/** A raw input as the command line names it. */
export interface GivenTensor {
  readonly name: string;
  readonly file: string;
}

/** @throws {UsageError} when an argument is not NAME=file.npy, or a name comes twice */
export function parseTensors(given: readonly string[]): GivenTensor[] {
  const tensors = given.map((text) => {
    const cut = text.indexOf("=");
    if (cut < 1 || extname(text) !== ".npy") throw new UsageError(`--tensor takes NAME=file.npy; got "${text}"`);
    return { name: text.slice(0, cut), file: text.slice(cut + 1) };
  });
  const twice = tensors.find(({ name }, index) => tensors.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw new UsageError(`--tensor names "${twice.name}" twice; each input takes one file`);
  return tensors;
}
