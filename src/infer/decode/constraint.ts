/**
 * Which texts may be read, as an automaton over classes. States are the constraint's own; `key` is equal for equal states.
 */
export interface Constraint<State> {
  readonly start: State;
  /** The state after one more character; null where no text goes on like that. */
  next(state: State, symbol: number): State | null;
  /** Whether a text may end here. */
  accepts(state: State): boolean;
}

/** Adds to the log-probability of a text that it goes on with a character. */
export interface LanguageModel {
  /** @param before the classes so far; @returns log of the weight */
  score(before: readonly number[], symbol: number): number;
  /** Of ending here; default 0. */
  end?(before: readonly number[]): number;
}

/** Every text. */
export const ANYTHING: Constraint<0> = { start: 0, next: () => 0, accepts: () => true };
