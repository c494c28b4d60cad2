/** The paths of connectionist temporal classification through a label (Graves et al., ICML 2006, section 4.1). */
export interface Lattice {
  /** The class at each place: the label with a blank before and after each of its characters. */
  readonly symbols: Int32Array;
  /** The first and the last place, at a step, that a path from the start reaches by then, and from which it can still reach the end. */
  readonly band: (step: number) => readonly [first: number, last: number];
}

/** @param blank its class */
export function latticeOf(label: readonly number[], steps: number, blank: number): Lattice {
  const symbols = new Int32Array(2 * label.length + 1).fill(blank);
  label.forEach((symbol, index) => (symbols[2 * index + 1] = symbol));
  const places = symbols.length;
  return {
    symbols,
    band: (step) => [Math.max(0, places - 2 * (steps - step)), Math.min(places - 1, 2 * step + 1)],
  };
}
