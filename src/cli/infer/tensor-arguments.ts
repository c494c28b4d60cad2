import { extname } from "node:path";

import { UsageError } from "../../errors.ts";

/** A raw input as the command line names it. */
export interface GivenTensor {
  readonly name: string;
  readonly source: TensorSource;
}

/** Where the values come from; dims of random ones are null where the model's own shape is taken. */
export type TensorSource =
  | { readonly kind: "npy"; readonly file: string }
  | { readonly kind: "json"; readonly file: string }
  | { readonly kind: "random"; readonly dims: readonly number[] | null };

const EXPECTED = "NAME=file.npy, NAME=file.json or NAME=random";

/**
 * Inputs as `--tensor` gives them: `NAME=file.npy`, `NAME=file.json`, `NAME=random` or `NAME=random:1,28,28,1`. A name may hold `=`
 * too: of the names that an argument begins with, the longest of the model's counts.
 *
 * @throws {UsageError} when an argument has another form, or a name comes twice
 */
export function parseTensors(given: readonly string[], names: readonly string[]): GivenTensor[] {
  const tensors = given.map((text) => {
    assertTensor(text);
    const known = names.filter((name) => text.startsWith(`${name}=`)).map(({ length }) => length);
    const cut = known.length === 0 ? text.indexOf("=") : Math.max(...known);
    return { name: text.slice(0, cut), source: sourceOf(text.slice(cut + 1), text) };
  });
  const twice = tensors.find(({ name }, index) => tensors.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw new UsageError(`--tensor names "${twice.name}" twice; each input takes one value`);
  return tensors;
}

/** @throws {UsageError} when an argument has none of the forms of {@link parseTensors} */
export function assertTensor(text: string): void {
  if (text.indexOf("=") < 1) throw wrong(text);
  sourceOf(text.slice(text.lastIndexOf("=") + 1), text);
}

function sourceOf(value: string, text: string): TensorSource {
  const extension = extname(value);
  if (extension === ".npy") return { kind: "npy", file: value };
  if (extension === ".json") return { kind: "json", file: value };
  const sizes = /^random(?::(?<dims>\d*(?:,\d+)*))?$/u.exec(value)?.groups;
  if (sizes === undefined) throw wrong(text);
  const { dims } = sizes;
  if (dims === undefined) return { kind: "random", dims: null };
  return { kind: "random", dims: dims === "" ? [] : dims.split(",").map(Number) };
}

function wrong(text: string): UsageError {
  return new UsageError(`--tensor takes ${EXPECTED}; got "${text}"`);
}
