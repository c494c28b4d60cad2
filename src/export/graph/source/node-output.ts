import { ModelFormatError } from "../../../errors.ts";
import { quoted } from "../../source/json.ts";

import type { NodeOutput } from "./node.ts";

/** Operators whose outputs functions name, and the places of those names. TF.js takes the number in all other names. */
const NAMED_OUTPUTS: Readonly<Record<string, readonly string[]>> = {
  StringNGrams: ["ngrams", "ngrams_splits"],
  StringSplit: ["indices", "values", "shape"],
};

/**
 * `node`, `node:1`, or in a function `node:output_name:1`.
 *
 * @param opOf The operator of a node, by which outputs are named.
 * @throws {ModelFormatError} when the number is none.
 */
export function parseOutput(text: string, opOf?: (node: string) => string | undefined): NodeOutput {
  const [node = "", ...rest] = text.split(":");
  const number = rest.at(-1);
  if (number === undefined) return { node, output: 0 };
  const output = Number(number);
  if (rest.length > 2 || !/^\d{1,6}$/.test(number)) {
    throw new ModelFormatError(`${quoted(text)} must name an output of a node: NODE or NODE:NUMBER`);
  }
  const [name] = rest.length === 2 ? rest : [];
  if (name === undefined) return { node, output };
  const named = NAMED_OUTPUTS[opOf?.(node) ?? ""]?.indexOf(name) ?? -1;
  return { node, output: named === -1 ? output : named };
}
