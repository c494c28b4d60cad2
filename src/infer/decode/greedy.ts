import { labelProbability } from "./label-probability.ts";
import { bestOf, scoreAt, type Steps } from "./matrix.ts";

/** A character that was read. */
export interface ReadCharacter {
  /** Its class. */
  readonly symbol: number;
  /** The highest probability that a step gives it, 0 to 1. */
  readonly confidence: number;
  /** The steps that it takes, `end` exclusive. */
  readonly start: number;
  readonly end: number;
}

/** What was read in one line. */
export interface ReadLine {
  readonly characters: readonly ReadCharacter[];
  /** The probability that the network gives this text, over all paths, 0 to 1. */
  readonly confidence: number;
}

/**
 * The best class of each step, repeats merged and blanks left out.
 *
 * @param log log-probabilities
 */
export function decodeGreedy(log: Steps): ReadLine {
  const characters = bestPath(log);
  const label = characters.map(({ symbol }) => symbol);
  return { characters, confidence: Math.exp(labelProbability(log, label)) };
}

/** The characters alone: their confidence is of a step, not of the text. */
export function bestPath(log: Steps): ReadCharacter[] {
  const blank = log.classes - 1;
  const characters: { symbol: number; confidence: number; start: number; end: number }[] = [];
  let before = blank;
  for (let step = 0; step < log.steps; step++) {
    const symbol = bestOf(log, step);
    const confidence = Math.exp(scoreAt(log, step, symbol));
    const last = characters.at(-1);
    if (symbol !== blank && symbol === before && last !== undefined) {
      last.end = step + 1;
      last.confidence = Math.max(last.confidence, confidence);
    } else if (symbol !== blank) {
      characters.push({ symbol, confidence, start: step, end: step + 1 });
    }
    before = symbol;
  }
  return characters;
}
