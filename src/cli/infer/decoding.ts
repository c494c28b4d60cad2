import { readFile } from "node:fs/promises";

import { DataError, UsageError } from "../../errors.ts";
import { decodeBeam, decodeWithin } from "../../infer/decode/beam.ts";
import { decodeGreedy, type ReadLine } from "../../infer/decode/greedy.ts";
import { lexicon } from "../../infer/decode/lexicon.ts";
import type { Steps } from "../../infer/decode/matrix.ts";
import { pattern } from "../../infer/decode/pattern.ts";
import type { Decode } from "../../infer/read-lines.ts";
import type { Recognizer } from "../../metadata.ts";
import { fileFault } from "../../node/file-fault.ts";

export interface DecodingOptions {
  readonly beam?: number;
  readonly pattern?: string;
  readonly lexicon?: string;
  readonly greedy?: boolean;
}

/** Texts that are kept after each step where nobody says how many. */
const WIDTH = 32;

/**
 * How lines are read, by the options of `infer`; undefined as the model's metadata says.
 *
 * @throws {UsageError} when the options do not fit together or the model does not read lines
 * @throws {DataError} when the lexicon cannot be read
 */
export async function decodingOf(options: DecodingOptions, { output }: Recognizer): Promise<Decode | undefined> {
  const { beam, pattern: expression, lexicon: file, greedy = false } = options;
  const isSearched = beam !== undefined || expression !== undefined || file !== undefined;
  if (!isSearched && !greedy) return undefined;
  if (isSearched && greedy) throw new UsageError("give --greedy alone, without --beam, --pattern and --lexicon");
  if (output.kind !== "ctc") {
    throw new UsageError(
      "--greedy, --beam, --pattern and --lexicon are for models that read lines; this one classifies",
    );
  }
  if (expression !== undefined && file !== undefined) throw new UsageError("give --pattern or --lexicon, not both");
  if (greedy) return decodeGreedy;
  const { characters } = output;
  const width = beam ?? WIDTH;
  const bestOf = (lines: readonly ReadLine[]): ReadLine => lines[0] ?? { characters: [], confidence: 0 };
  if (expression !== undefined) {
    const constraint = pattern(expression, characters);
    return (log: Steps) => bestOf(decodeWithin(log, constraint, { width }));
  }
  if (file !== undefined) {
    const words = await wordsIn(file);
    const constraint = lexicon(words, characters);
    return (log: Steps) => bestOf(decodeWithin(log, constraint, { width }));
  }
  return (log: Steps) => bestOf(decodeBeam(log, { width }));
}

async function wordsIn(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new DataError(`--lexicon ${file}: ${fileFault(cause)}`, { cause });
  });
  return text.split(/\r?\n/).filter((word) => word !== "");
}
