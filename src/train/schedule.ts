import { UsageError } from "../errors.ts";

/** One part of a schedule. Rates are shares of the run's learning rate. */
export type Phase =
  /** From nothing up to the full rate, in a straight line. */
  | { readonly kind: "warmup"; readonly epochs?: number }
  /** The rate that the phase before ended with. */
  | { readonly kind: "constant"; readonly epochs?: number }
  /** Down to `floor` (0) along half a cosine (Loshchilov and Hutter, arXiv 1608.03983). */
  | { readonly kind: "cosine"; readonly epochs?: number; readonly floor?: number }
  /** Down to `floor` (0) in a straight line. */
  | { readonly kind: "linear"; readonly epochs?: number; readonly floor?: number }
  /** Times `factor` (0.1) after every so many epochs. */
  | { readonly kind: "step"; readonly epochs?: number; readonly every: number; readonly factor?: number };

/** Phases in a row; those without `epochs` share evenly what the others leave of the run. */
export type Schedule = readonly Phase[];

export const CONSTANT: Schedule = [{ kind: "constant" }];

interface Placed {
  readonly phase: Phase;
  /** In epochs from the beginning of the run. */
  readonly start: number;
  readonly length: number;
  /** The share that it begins with. */
  readonly share: number;
}

/**
 * The share of the learning rate, 0 to 1, by the time in epochs (a fraction within one).
 *
 * @throws {UsageError} when the phases are longer than the run
 */
export function shareOf(schedule: Schedule, epochs: number): (time: number) => number {
  const placed = place(schedule, epochs);
  return (time) => {
    const current = placed.findLast(({ start }) => start <= time) ?? placed[0];
    return current === undefined ? 1 : shareWithin(current, Math.min(time - current.start, current.length));
  };
}

function place(schedule: Schedule, epochs: number): readonly Placed[] {
  const fixed = schedule.reduce((sum, { epochs: length = 0 }) => sum + length, 0);
  if (fixed > epochs) {
    throw new UsageError(`the schedule's phases take ${fixed} epochs; the run has ${epochs}`);
  }
  const free = schedule.filter((phase) => phase.epochs === undefined).length;
  const placed: Placed[] = [];
  let start = 0;
  let share = 1;
  for (const phase of schedule) {
    const length = phase.epochs ?? (epochs - fixed) / free;
    const here: Placed = { phase, start, length, share };
    placed.push(here);
    start += length;
    share = shareWithin(here, length);
  }
  return placed;
}

function shareWithin({ phase, length, share }: Placed, time: number): number {
  const done = length === 0 ? 1 : time / length;
  switch (phase.kind) {
    case "warmup":
      return done;
    case "constant":
      return share;
    case "cosine": {
      const { floor = 0 } = phase;
      return floor + ((share - floor) * (1 + Math.cos(Math.PI * done))) / 2;
    }
    case "linear": {
      const { floor = 0 } = phase;
      return share + (floor - share) * done;
    }
    case "step":
    default:
      return share * (phase.factor ?? 0.1) ** Math.floor(time / phase.every);
  }
}
