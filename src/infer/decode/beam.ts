import { checkOptions, type OptionNames } from "../../options.ts";

import { alignLabel } from "./align.ts";
import { ANYTHING, type Constraint, type LanguageModel } from "./constraint.ts";
import type { ReadLine } from "./greedy.ts";
import { logAdd, NEVER, scoreAt, type Steps } from "./matrix.ts";

/** How a beam search decodes. */
export interface BeamOptions {
  /** Texts that are kept after each step. Default 16. */
  readonly width?: number;
  readonly languageModel?: LanguageModel;
  /** How many texts to give at most. Default 1. */
  readonly count?: number;
}

const BEAM_OPTIONS: OptionNames<BeamOptions> = { width: true, languageModel: true, count: true };

/** A text so far, and the log-probability of all paths that spell it. */
interface Prefix<State> {
  readonly symbols: readonly number[];
  readonly state: State;
  /** Of the language model. */
  readonly language: number;
  /** Of the paths that end with a blank, and with the last character. */
  blank: number;
  character: number;
}

/**
 * The likeliest texts, by prefix beam search (Graves 2012; Hannun et al., arXiv:1408.2873): paths that spell one text are
 * added up. With a beam as wide as there are texts it is exact.
 *
 * @param log log-probabilities
 * @returns best first
 */
export function decodeBeam(log: Steps, options: BeamOptions = {}): ReadLine[] {
  return decodeWithin(log, ANYTHING, options);
}

/**
 * The likeliest of the texts that a constraint allows.
 *
 * @param log log-probabilities
 * @returns best first; none when no text that is allowed fits into the steps or into the beam
 */
export function decodeWithin<State>(log: Steps, constraint: Constraint<State>, options: BeamOptions = {}): ReadLine[] {
  checkOptions("decodeBeam and decodeWithin", options, BEAM_OPTIONS);
  const { width = 16, languageModel, count = 1 } = options;
  const blank = log.classes - 1;
  const first: Prefix<State> = { symbols: [], state: constraint.start, language: 0, blank: 0, character: NEVER };
  let beam: Prefix<State>[] = [first];
  for (let step = 0; step < log.steps; step++) {
    const next = new Map<string, Prefix<State>>();
    const at = (from: Prefix<State>, symbol: number | undefined): Prefix<State> | undefined => {
      const key = symbol === undefined ? from.symbols.join() : [...from.symbols, symbol].join();
      const known = next.get(key);
      if (known !== undefined) return known;
      const made = symbol === undefined ? { ...from, blank: NEVER, character: NEVER } : longer(from, symbol);
      if (made !== undefined) next.set(key, made);
      return made;
    };
    const longer = (from: Prefix<State>, symbol: number): Prefix<State> | undefined => {
      const state = constraint.next(from.state, symbol);
      if (state === null) return undefined;
      const language = from.language + (languageModel?.score(from.symbols, symbol) ?? 0);
      return { symbols: [...from.symbols, symbol], state, language, blank: NEVER, character: NEVER };
    };
    for (const prefix of beam) {
      const total = logAdd(prefix.blank, prefix.character);
      const last = prefix.symbols.at(-1);
      const same = at(prefix, undefined);
      if (same !== undefined) {
        same.blank = logAdd(same.blank, total + scoreAt(log, step, blank));
        if (last !== undefined) same.character = logAdd(same.character, prefix.character + scoreAt(log, step, last));
      }
      for (let symbol = 0; symbol < blank; symbol++) {
        const score = scoreAt(log, step, symbol);
        // Twice the same character needs a blank between.
        const reached = symbol === last ? prefix.blank : total;
        if (score === NEVER || reached === NEVER) continue;
        const extended = at(prefix, symbol);
        if (extended !== undefined) extended.character = logAdd(extended.character, reached + score);
      }
    }
    beam = [...next.values()].toSorted((a, b) => weightOf(b) - weightOf(a)).slice(0, width);
  }
  return beam
    .filter(({ state }) => constraint.accepts(state))
    .map((prefix) => ({ prefix, weight: weightOf(prefix) + (languageModel?.end?.(prefix.symbols) ?? 0) }))
    .filter(({ weight }) => weight !== NEVER)
    .toSorted((a, b) => b.weight - a.weight)
    .slice(0, count)
    .map(({ prefix }) => ({
      characters: alignLabel(log, prefix.symbols),
      confidence: Math.exp(logAdd(prefix.blank, prefix.character)),
    }));
}

function weightOf<State>({ blank, character, language }: Prefix<State>): number {
  return logAdd(blank, character) + language;
}
