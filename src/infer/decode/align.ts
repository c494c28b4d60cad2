import type { ReadCharacter } from "./greedy.ts";
import { NEVER, scoreAt, type Steps } from "./matrix.ts";

/**
 * Where the characters of a text are: the likeliest of the paths that spell it (Viterbi). Empty when it does not fit into
 * the steps.
 *
 * @param log log-probabilities
 */
export function alignLabel(log: Steps, label: readonly number[]): ReadCharacter[] {
  const blank = log.classes - 1;
  const symbols = [blank, ...label.flatMap((symbol) => [symbol, blank])];
  let best = symbols.map((symbol, position) => (position < 2 && log.steps > 0 ? scoreAt(log, 0, symbol) : NEVER));
  const moves: number[][] = [];
  for (let step = 1; step < log.steps; step++) {
    const before = best;
    const from: number[] = [];
    best = symbols.map((symbol, position) => {
      const maySkip = position > 1 && symbol !== blank && symbol !== symbols[position - 2];
      let [move, most] = [0, before[position] ?? NEVER];
      for (const back of maySkip ? [1, 2] : [1]) {
        const score = before[position - back] ?? NEVER;
        if (score > most) [move, most] = [back, score];
      }
      from.push(move);
      return most + scoreAt(log, step, symbol);
    });
    moves.push(from);
  }
  const end = symbols.length - 1;
  let position = end > 0 && (best[end - 1] ?? NEVER) > (best[end] ?? NEVER) ? end - 1 : end;
  if ((best[position] ?? NEVER) === NEVER) return [];
  const path = [position];
  for (const from of moves.toReversed()) {
    position -= from[position] ?? 0;
    path.unshift(position);
  }
  return label.map((symbol, index) => {
    const own = 2 * index + 1;
    const start = path.indexOf(own);
    const last = path.lastIndexOf(own) + 1;
    let confidence = 0;
    for (let step = start; step < last; step++) confidence = Math.max(confidence, Math.exp(scoreAt(log, step, symbol)));
    return { symbol, confidence, start, end: last };
  });
}
