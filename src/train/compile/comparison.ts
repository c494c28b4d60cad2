import { scoped } from "./scope.ts";
import type { Tensor, TensorFlow, Variable } from "./types.ts";

/** Values by label. */
export type Outcome = ReadonlyMap<string, Tensor>;

/** What a graph computes otherwise than the eager run. */
export interface Difference {
  readonly label: string;
  readonly largest: number;
  /** What it is to be measured against: the largest eager value. */
  readonly scale: number;
}

/** How eager runs answer, for {@link findDifference}. */
export interface Eager {
  /** Of a run before the recording. */
  readonly reference: Outcome;
  /** Runs once more, with every weight off by up to `size` of itself, otherwise in each round, when they are given. The caller's to dispose of. */
  again(disturbance?: Disturbance): Outcome;
}

export interface Disturbance {
  readonly size: number;
  readonly round: number;
}

/**
 * Each weight of a disturbed run is off by at most this part of itself: enough to turn the ReLUs that rounding turns. The larger ones
 * are tried where the smaller ones do not explain a difference: graphs run with oneDNN's kernels, whose loss of a trained line network
 * differed by 2e-5 of itself, as much as with weights that are off by 1e-4; without oneDNN it did not differ.
 */
const SIZES = [1e-5, 1e-5, 1e-5, 1e-4, 1e-4, 1e-4] as const;
/** A graph may differ from the eager run by as much as so many disturbances make it differ from itself. */
const DISTURBANCES = 5;
const ABSOLUTE = 1e-6;

/**
 * What differs by more than `tolerance` of the largest eager value, and by more than rounding can explain. How far rounding
 * reaches depends on the network: one ReLU that is 0 here and 1e-8 there moved a gradient of crnn-best by 4 %. So where the
 * plain comparison fails, the eager run is repeated with slightly other weights, and what that changes is allowed, five
 * times over. A function that gives other numbers without any disturbance is allowed nothing.
 */
export function findDifference(
  labels: readonly string[],
  eager: Eager,
  found: Readonly<Record<string, Tensor>>,
  tolerance: number,
): Difference | undefined {
  const doubtful = labels.flatMap((label) => {
    const difference = measured(label, eager.reference.get(label), found[label]);
    return difference.largest <= tolerance * difference.scale + ABSOLUTE ? [] : [difference];
  });
  const [first] = doubtful;
  if (first === undefined) return undefined;
  const alike = ({ label, scale }: Difference, other: Outcome): boolean =>
    differenceOf(eager.reference.get(label), other.get(label)) <= tolerance * scale + ABSOLUTE;
  const unsteady = using(eager.again(), (outcome) => doubtful.find((difference) => !alike(difference, outcome)));
  if (unsteady !== undefined) return unsteady;
  const reach = new Map<string, number>();
  const unexplained = ({ label, largest, scale }: Difference): boolean => {
    const rounding = DISTURBANCES * (reach.get(label) ?? 0);
    return !(Number.isFinite(rounding) && largest <= tolerance * scale + ABSOLUTE + rounding);
  };
  for (const [round, size] of SIZES.entries()) {
    using(eager.again({ size, round }), (outcome) => {
      for (const { label } of doubtful) {
        const change = differenceOf(eager.reference.get(label), outcome.get(label));
        reach.set(label, Math.max(reach.get(label) ?? 0, change));
      }
    });
    if (!doubtful.some(unexplained)) return undefined;
  }
  return doubtful.find(unexplained);
}

/** In words that finish "because ...". */
export function inWords({ label, largest, scale }: Difference): string {
  return `the graph's first batch differs from the eager one (${label} by ${largest.toExponential(1)} of ${scale.toExponential(1)})`;
}

function measured(label: string, expected: Tensor | undefined, found: Tensor | undefined): Difference {
  return { label, largest: differenceOf(expected, found), scale: largestOf(expected) };
}

function using<T>(outcome: Outcome, use: (outcome: Outcome) => T): T {
  try {
    return use(outcome);
  } finally {
    for (const tensor of outcome.values()) tensor.dispose();
  }
}

/** Eager runs of a function of variables, the reference among them already made; what they assign is taken back. */
export function eagerRuns(tf: TensorFlow, variables: readonly Variable[], run: () => Record<string, Tensor>): Eager {
  const again = (disturbance?: Disturbance): Outcome => {
    const once = (): Outcome => eagerOutcome(tf, variables, run);
    return disturbance === undefined ? once() : disturbed(tf, variables, disturbance, once);
  };
  return { reference: again(), again };
}

/** @returns what a run returned and assigned, the caller's to dispose of */
function eagerOutcome(tf: TensorFlow, variables: readonly Variable[], run: () => Record<string, Tensor>): Outcome {
  return keepingValues(variables, () =>
    scoped(tf, () => {
      const before = variables.map(({ dataId }) => dataId);
      const outcome = new Map(Object.entries(run()));
      variables.forEach((variable, index) => {
        if (variable.dataId !== before[index]) outcome.set(`assigned/${index}`, variable.clone());
      });
      for (const tensor of outcome.values()) tf.keep(tensor);
      return outcome;
    }),
  );
}

/** Runs with every float variable off by a part of itself, up here and down there. */
function disturbed<T>(tf: TensorFlow, variables: readonly Variable[], { size, round }: Disturbance, run: () => T): T {
  return keepingValues(variables, () => {
    variables.forEach((variable, index) => {
      if (variable.dtype !== "float32") return;
      const noise = tf.randomUniform(variable.shape, -size, size, "float32", 97 * (round + 1) + index);
      const other = tf.tidy(() => tf.mul(variable, tf.add(noise, 1)));
      variable.assign(other);
      tf.dispose([noise, other]);
    });
    return run();
  });
}

function keepingValues<T>(variables: readonly Variable[], run: () => T): T {
  const starts = variables.map((variable) => variable.clone());
  try {
    return run();
  } finally {
    variables.forEach((variable, index) => {
      const start = starts[index];
      if (start !== undefined && start.dataId !== variable.dataId) variable.assign(start);
      start?.dispose();
    });
  }
}

export function numbersIn(tensor: Tensor | undefined): Float32Array | Int32Array | Uint8Array {
  return tensor?.dataSync<"float32" | "int32" | "bool">() ?? new Float32Array();
}

function largestOf(tensor: Tensor | undefined): number {
  let largest = 0;
  for (const value of numbersIn(tensor)) largest = Math.max(largest, Math.abs(value));
  return largest;
}

/** Infinity if they differ in length or one is NaN where the other is not. */
function differenceOf(expected: Tensor | undefined, found: Tensor | undefined): number {
  const [a, b] = [numbersIn(expected), numbersIn(found)];
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? Number.NaN;
    if (Object.is(value, other) || value === other) continue;
    const difference = Math.abs(value - other);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, difference);
  }
  return largest;
}
