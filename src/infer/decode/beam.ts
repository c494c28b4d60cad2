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
  /** Characters with a lower log-probability at a step are not looked at there. Default: all are looked at. */
  readonly least?: number;
}

const BEAM_OPTIONS: OptionNames<BeamOptions> = { width: true, languageModel: true, count: true, least: true };

/** A text so far. It is stored as its last character and the text before that character. */
interface Prefix<State> {
  readonly before: Prefix<State> | null;
  /** -1 of the empty text. */
  readonly symbol: number;
  readonly state: State;
  readonly languageState: unknown;
  /** Log-probability that the language model adds. */
  readonly language: number;
  /** Longer texts; null where the constraint allows none. */
  readonly longer: Map<number, Prefix<State> | null>;
  /** Log-probability of all paths up to the last step that spell it and end with a blank, and with its last character. */
  blank: number;
  character: number;
  /** The same up to the step `reached`. */
  nextBlank: number;
  nextCharacter: number;
  reached: number;
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
  const { width = 16, languageModel, count = 1, least = NEVER } = options;
  const blank = log.classes - 1;
  let touched: Prefix<State>[] = [];
  const reach = (prefix: Prefix<State>, step: number): Prefix<State> => {
    if (prefix.reached !== step) {
      prefix.reached = step;
      prefix.nextBlank = NEVER;
      prefix.nextCharacter = NEVER;
      touched.push(prefix);
    }
    return prefix;
  };
  const extended = (from: Prefix<State>, symbol: number): Prefix<State> | null => {
    const known = from.longer.get(symbol);
    if (known !== undefined) return known;
    const state = constraint.next(from.state, symbol);
    const said = state === null ? undefined : languageModel?.next(from.languageState, symbol);
    const made = state === null ? null : prefixOf(from, symbol, state, said?.state, from.language + (said?.score ?? 0));
    from.longer.set(symbol, made);
    return made;
  };
  let beam: Prefix<State>[] = [{ ...prefixOf(null, -1, constraint.start, languageModel?.start, 0), blank: 0 }];
  for (let step = 0; step < log.steps; step++) {
    const candidates = symbolsAbove(log, step, least);
    touched = [];
    for (const prefix of beam) {
      const total = logAdd(prefix.blank, prefix.character);
      const same = reach(prefix, step);
      same.nextBlank = logAdd(same.nextBlank, total + scoreAt(log, step, blank));
      if (prefix.symbol >= 0) {
        same.nextCharacter = logAdd(same.nextCharacter, prefix.character + scoreAt(log, step, prefix.symbol));
      }
      for (const symbol of candidates) {
        // Twice the same character needs a blank between.
        const before = symbol === prefix.symbol ? prefix.blank : total;
        const longer = before === NEVER ? null : extended(prefix, symbol);
        if (longer === null) continue;
        reach(longer, step).nextCharacter = logAdd(longer.nextCharacter, before + scoreAt(log, step, symbol));
      }
    }
    for (const prefix of touched) {
      prefix.blank = prefix.nextBlank;
      prefix.character = prefix.nextCharacter;
    }
    beam = touched.length > width ? touched.toSorted((a, b) => weightOf(b) - weightOf(a)).slice(0, width) : touched;
  }
  return beam
    .filter(({ state }) => constraint.accepts(state))
    .map((prefix) => ({ prefix, weight: weightOf(prefix) + (languageModel?.end?.(prefix.languageState) ?? 0) }))
    .filter(({ weight }) => weight !== NEVER)
    .toSorted((a, b) => b.weight - a.weight)
    .slice(0, count)
    .map(({ prefix }) => ({
      characters: alignLabel(log, symbolsOf(prefix)),
      confidence: Math.exp(logAdd(prefix.blank, prefix.character)),
    }));
}

function prefixOf<State>(
  before: Prefix<State> | null,
  symbol: number,
  state: State,
  languageState: unknown,
  language: number,
): Prefix<State> {
  return {
    before,
    symbol,
    state,
    languageState,
    language,
    longer: new Map(),
    blank: NEVER,
    character: NEVER,
    nextBlank: NEVER,
    nextCharacter: NEVER,
    reached: -1,
  };
}

/** The characters with at least this log-probability at a step; none has less than that of never. */
function symbolsAbove(log: Steps, step: number, least: number): number[] {
  const symbols: number[] = [];
  for (let symbol = 0; symbol < log.classes - 1; symbol++) {
    const score = scoreAt(log, step, symbol);
    if (score >= least && score !== NEVER) symbols.push(symbol);
  }
  return symbols;
}

function symbolsOf<State>(prefix: Prefix<State>): number[] {
  const symbols: number[] = [];
  for (let at: Prefix<State> | null = prefix; at !== null && at.symbol >= 0; at = at.before) symbols.push(at.symbol);
  return symbols.toReversed();
}

function weightOf<State>({ blank, character, language }: Prefix<State>): number {
  return logAdd(blank, character) + language;
}
