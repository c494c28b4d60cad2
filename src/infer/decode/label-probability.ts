import { doubleAt, intAt } from "../../require.ts";

import { latticeOf } from "./lattice.ts";
import { NEVER, scoreAt, type Steps } from "./matrix.ts";

/**
 * Log of the probability that the steps spell a label: the sum over all paths (Graves et al., ICML 2006, section 4.1). The sums are of
 * probabilities, divided by their largest at each step. A path of less than 1e-308 of the likeliest at any step counts as impossible.
 *
 * @param log log-probabilities
 * @param label classes
 */
export function labelProbability(log: Steps, label: readonly number[]): number {
  const { steps } = log;
  if (steps === 0) return label.length === 0 ? 0 : NEVER;
  const blank = log.classes - 1;
  const { symbols, band } = latticeOf(label, steps, blank);
  const places = symbols.length;
  /** Sum of the probabilities of the paths to each place, divided by `exp(scale)`. */
  const paths = new Float64Array(places);
  /** The probability of each place's symbol at a step, divided by the largest. */
  const shares = new Float64Array(places);
  let scale = 0;
  paths[0] = 1;
  for (let step = 0; step < steps; step++) {
    const [first, last] = band(step);
    let likeliest = NEVER;
    for (let place = first; place <= last; place++) {
      likeliest = Math.max(likeliest, scoreAt(log, step, intAt(symbols, place)));
    }
    if (likeliest === NEVER) return NEVER;
    const blankShare = Math.exp(scoreAt(log, step, blank) - likeliest);
    for (let place = first; place <= last; place++) {
      const isBlank = place % 2 === 0;
      shares[place] = isBlank ? blankShare : Math.exp(scoreAt(log, step, intAt(symbols, place)) - likeliest);
    }
    let most = 0;
    // Backwards, so that the places before still have the values of the last step.
    for (let place = last; place >= first; place--) {
      const stay = doubleAt(paths, place);
      const next = place > 0 ? doubleAt(paths, place - 1) : 0;
      // Before the first step all paths are at the first blank, or about to enter the first character.
      const maySkip = place % 2 === 1 && place > 1 && intAt(symbols, place) !== intAt(symbols, place - 2);
      const skip = maySkip ? doubleAt(paths, place - 2) : 0;
      const sum = (stay + next + skip) * doubleAt(shares, place);
      paths[place] = sum;
      if (sum > most) most = sum;
    }
    if (most === 0) return NEVER;
    for (let place = first; place <= last; place++) paths[place] = doubleAt(paths, place) / most;
    scale += likeliest + Math.log(most);
  }
  const ended = doubleAt(paths, places - 1) + (places > 1 ? doubleAt(paths, places - 2) : 0);
  return scale + Math.log(ended);
}
