import { at, byteAt } from "../../require.ts";

import type { ReadCharacter } from "./greedy.ts";
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
  const places = 2 * label.length + 1;
  const symbols = Int32Array.from({ length: places }, (_, place) =>
    place % 2 === 1 ? at(label, (place - 1) / 2) : blank,
  );
  /** How far back in the label the best path to each place came from, [T, places]. */
  const moves = new Uint8Array(steps * places);
  let before = new Float64Array(places).fill(NEVER);
  let best = new Float64Array(places).fill(NEVER);
  for (let step = 0; step < steps; step++) {
    [before, best] = [best, before];
    // Places that a path from the start reaches by now, and from which it can still reach the end.
    const first = Math.max(0, places - 2 * (steps - step));
    const last = Math.min(places - 1, 2 * step + 1);
    best.fill(NEVER);
    for (let place = first; place <= last; place++) {
      const symbol = symbols[place] ?? blank;
      let [move, most] = step === 0 ? [0, 0] : [0, before[place] ?? NEVER];
      const one = place > 0 && step > 0 ? (before[place - 1] ?? NEVER) : NEVER;
      if (one > most) [move, most] = [1, one];
      const maySkip = step > 0 && place > 1 && symbol !== blank && symbol !== symbols[place - 2];
      const two = maySkip ? (before[place - 2] ?? NEVER) : NEVER;
      if (two > most) [move, most] = [2, two];
      best[place] = most + scoreAt(log, step, symbol);
      moves[step * places + place] = move;
    }
  }
  const end = places - 1;
  let place = end > 0 && (best[end - 1] ?? NEVER) > (best[end] ?? NEVER) ? end - 1 : end;
  if ((best[place] ?? NEVER) === NEVER) return null;
  const path = new Int32Array(steps);
  for (let step = steps - 1; step >= 0; step--) {
    path[step] = place;
    place -= byteAt(moves, step * places + place);
  }
  return path;
}
