import { InternalError } from "../../errors.ts";
import { floatAt } from "../../require.ts";

/** Scores of one line, [T, C] row-major; the blank is the last class. */
export interface Steps {
  readonly data: Float32Array;
  readonly steps: number;
  readonly classes: number;
}

/** log 0. */
export const NEVER: number = Number.NEGATIVE_INFINITY;

export function logAdd(a: number, b: number): number {
  if (a === NEVER) return b;
  if (b === NEVER) return a;
  const most = Math.max(a, b);
  const gap = Math.min(a, b) - most;
  return gap < NOTHING ? most : most + Math.log1p(Math.exp(gap));
}

/** What is so many times less likely, as a logarithm, adds nothing to a number of 53 bits. */
const NOTHING = -40;

/** Element of [T, C]. */
export function scoreAt({ data, steps, classes }: Steps, step: number, index: number): number {
  const value = data[step * classes + index];
  if (value === undefined || index >= classes)
    throw new InternalError(`no score ${step}, ${index} in ${steps} x ${classes}`);
  return value;
}

/** Log-probabilities of logits, or of probabilities. */
export function logProbabilities(scores: Steps, activation: "softmax" | "logits"): Steps {
  const { steps, classes } = scores;
  const data = new Float32Array(steps * classes);
  if (activation === "softmax") {
    for (let place = 0; place < data.length; place++)
      data[place] = Math.log(Math.max(floatAt(scores.data, place), 1e-30));
    return { data, steps, classes };
  }
  for (let start = 0; start < data.length; start += classes) {
    const end = start + classes;
    let most = NEVER;
    for (let place = start; place < end; place++) most = Math.max(most, floatAt(scores.data, place));
    let sum = 0;
    for (let place = start; place < end; place++) sum += Math.exp(floatAt(scores.data, place) - most);
    const total = most + Math.log(sum);
    for (let place = start; place < end; place++) data[place] = floatAt(scores.data, place) - total;
  }
  return { data, steps, classes };
}

/** Class with the highest score of a step. */
export function bestOf(scores: Steps, step: number): number {
  let best = 0;
  for (let index = 1; index < scores.classes; index++) {
    if (scoreAt(scores, step, index) > scoreAt(scores, step, best)) best = index;
  }
  return best;
}
