import type { LanguageData, SequenceOutput } from "../../metadata.ts";
import { at } from "../../require.ts";

import { decodeBeam } from "./beam.ts";
import type { LanguageModel } from "./constraint.ts";
import { decodeGreedy, type ReadLine } from "./greedy.ts";
import { labelProbability } from "./label-probability.ts";
import { logAdd, type Steps } from "./matrix.ts";
import { Grams } from "./n-gram.ts";
import { unpackGrams } from "./packed-grams.ts";

/** Texts that are kept after each step. */
const WIDTH = 4;
/** Characters of a log-probability below this are not looked at. */
const LEAST = -6;
/** Share of each character's probability that all characters have alike: a text may be like nothing that was counted. */
const ANYTHING_ELSE = 0.01;

/**
 * How a model's lines are read: with the language model of its metadata where it has one, else greedily.
 *
 * @throws {InferenceError} when the language model is damaged
 */
export function decoderOf(output: SequenceOutput): (log: Steps) => ReadLine {
  const known = decoders.get(output);
  if (known !== undefined) return known;
  const made = makeDecoder(output);
  decoders.set(output, made);
  return made;
}

const decoders = new WeakMap<SequenceOutput, (log: Steps) => ReadLine>();

function makeDecoder({ characters, language }: SequenceOutput): (log: Steps) => ReadLine {
  if (language === undefined) return decodeGreedy;
  const languageModel = mixtureOf(language, characters);
  return (log) => {
    const read = decodeBeam(log, { width: WIDTH, least: LEAST, languageModel })[0]?.characters ?? [];
    const label = read.map(({ symbol }) => symbol);
    return { characters: read, confidence: Math.exp(labelProbability(log, label)) };
  };
}

interface MixtureState {
  /** The characters that count for the next one, of each part. */
  readonly histories: readonly (readonly number[])[];
  /** Log-probability of the text so far, of each part. */
  readonly logs: readonly number[];
  /** Of the mixture. */
  readonly log: number;
}

/**
 * A mixture of n-gram models: the probability of a text is the mean of what they give it, by their shares. A line that is like one kind
 * of text is soon weighed by the model of that kind alone.
 */
export function mixtureOf(
  { weight, bonus, parts }: LanguageData,
  characters: readonly string[],
): LanguageModel<MixtureState> {
  const models = parts.map(({ share, table }) => ({
    share: Math.log(share),
    grams: new Grams(unpackGrams(table, characters.length)),
  }));
  const space = characters.indexOf(" ");
  const begin = space < 0 ? [] : [space];
  const even = ANYTHING_ELSE / characters.length;
  return {
    start: { histories: models.map(() => begin), logs: models.map(({ share }) => share), log: 0 },
    next: ({ histories, logs, log }, symbol) => {
      const after = models.map(({ grams }, part) => {
        const probability = Math.exp(grams.logProbability(at(histories, part), symbol));
        return at(logs, part) + Math.log((1 - ANYTHING_ELSE) * probability + even);
      });
      const total = after.reduce(logAdd);
      const state = {
        histories: models.map(({ grams }, part) => grams.historyOf(at(histories, part), symbol)),
        logs: after,
        log: total,
      };
      return { state, score: weight * (total - log) + bonus };
    },
  };
}
