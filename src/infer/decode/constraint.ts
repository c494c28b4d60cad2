/**
 * Which texts may be read, as an automaton over classes. States are the constraint's own.
 */
export interface Constraint<State> {
  readonly start: State;
  /** The state after one more character; null where no text goes on like that. */
  next(state: State, symbol: number): State | null;
  /** Whether a text may end here. */
  accepts(state: State): boolean;
}

/** How likely texts are, as an automaton over classes. It adds to the log-probability that the network gives to a text. */
export interface LanguageModel<State = unknown> {
  readonly start: State;
  /** After one more character; `score` is what that adds, in nats. */
  next(state: State, symbol: number): { readonly state: State; readonly score: number };
  /** What ending here adds; 0 without it. */
  end?(state: State): number;
}

/** Every text. */
export const ANYTHING: Constraint<0> = { start: 0, next: () => 0, accepts: () => true };
