import { byteAt, doubleAt, intAt } from "../../require.ts";

import type { ReadCharacter } from "./greedy.ts";
import { latticeOf } from "./lattice.ts";
import { NEVER, scoreAt, type Steps } from "./matrix.ts";

/**
 * Where the characters of a text are: the likeliest of the paths that spell it (Viterbi). Empty when it does not fit into
 * the steps.
 *
 * @param log log-probabilities
 */
export function alignLabel(log: Steps, label: readonly number[]): ReadCharacter[] {
  const path = likeliestPath(log, label);
  if (path === null) return [];
  const characters = label.map((symbol) => ({ symbol, confidence: 0, start: -1, end: 0 }));
  for (const [step, position] of path.entries()) {
    const character = position % 2 === 1 ? characters[(position - 1) / 2] : undefined;
    if (character === undefined) continue;
    if (character.start < 0) character.start = step;
    character.end = step + 1;
    character.confidence = Math.max(character.confidence, Math.exp(scoreAt(log, step, character.symbol)));
  }
  return characters;
}

/** For each step its place in the label with blanks around its characters: odd for characters. Null when the label does not fit. */
function likeliestPath(log: Steps, label: readonly number[]): Int32Array | null {
  const { steps } = log;
  const blank = log.classes - 1;
  const { symbols, band } = latticeOf(label, steps, blank);
  const places = symbols.length;
  /** How far back in the label the best path to each place came from, [T, places]. */
  const moves = new Uint8Array(steps * places);
  /** Log-probability of the best path to each place; before the first step all are at the first blank. */
  const best = new Float64Array(places).fill(NEVER);
  best[0] = 0;
  for (let step = 0; step < steps; step++) {
    const [first, last] = band(step);
    const ofBlank = scoreAt(log, step, blank);
    // From the end, so that the places before still have what they had after the last step.
    for (let place = last; place >= first; place--) {
      const isBlank = place % 2 === 0;
      let most = doubleAt(best, place);
      let move = 0;
      if (place > 0 && doubleAt(best, place - 1) > most) {
        most = doubleAt(best, place - 1);
        move = 1;
      }
      const maySkip = !isBlank && place > 1 && intAt(symbols, place) !== intAt(symbols, place - 2);
      if (maySkip && doubleAt(best, place - 2) > most) {
        most = doubleAt(best, place - 2);
        move = 2;
      }
      best[place] = most + (isBlank ? ofBlank : scoreAt(log, step, intAt(symbols, place)));
      moves[step * places + place] = move;
    }
  }
  const end = places - 1;
  let place = end > 0 && doubleAt(best, end - 1) > doubleAt(best, end) ? end - 1 : end;
  if (doubleAt(best, place) === NEVER) return null;
  const path = new Int32Array(steps);
  for (let step = steps - 1; step >= 0; step--) {
    path[step] = place;
    place -= byteAt(moves, step * places + place);
  }
  return path;
}
