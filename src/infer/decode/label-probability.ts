import { logAdd, NEVER, scoreAt, type Steps } from "./matrix.ts";

/**
 * Log of the probability that the steps spell a label: the sum over all paths (Graves et al., ICML 2006, section 4.1).
 *
 * @param log log-probabilities
 * @param label classes
 */
export function labelProbability(log: Steps, label: readonly number[]): number {
  const blank = log.classes - 1;
  const symbols = [blank, ...label.flatMap((symbol) => [symbol, blank])];
  let alpha = symbols.map((_, position) => (position === 0 ? 0 : NEVER));
  let isFirst = true;
  for (let step = 0; step < log.steps; step++) {
    const before = alpha;
    alpha = symbols.map((symbol, position) => {
      const stay = before[position] ?? NEVER;
      const next = position > 0 ? (before[position - 1] ?? NEVER) : NEVER;
      const maySkip = position > 1 && symbol !== blank && symbol !== symbols[position - 2];
      const skip = maySkip ? (before[position - 2] ?? NEVER) : NEVER;
      // Before the first step a path is nowhere: it may begin at the first blank or at the first character.
      const entered = isFirst ? (position < 2 ? 0 : NEVER) : logAdd(logAdd(stay, next), skip);
      return entered + scoreAt(log, step, symbol);
    });
    isFirst = false;
  }
  if (isFirst) return label.length === 0 ? 0 : NEVER;
  const last = alpha.at(-1) ?? NEVER;
  return label.length === 0 ? last : logAdd(last, alpha.at(-2) ?? NEVER);
}
