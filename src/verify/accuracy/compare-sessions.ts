import { InferenceError } from "../../errors.ts";
import type { Session, Tensors } from "../../infer/runtime.ts";
import { at, first, valueOf } from "../../require.ts";
import type { Tensor } from "../../tensor.ts";

import type { Samples } from "./samples.ts";

/** How far an output of a file is from that of the exact file. */
export interface OutputLoss {
  readonly name: string;
  readonly maxAbsDiff: number;
  readonly meanAbsDiff: number;
  /**
   * Root mean square of the differences, relative to that of the exact numbers: 0.01 is 1 %. Of integers and strings the share
   * that is not equal. NaN where one side has a NaN or another shape.
   */
  readonly loss: number;
  /** Share of rows along the last axis whose largest element is at the same index; null for an output without such rows. */
  readonly agreement: number | null;
}

/** Shares of samples whose most probable class, in the first output, is the right one. */
export interface RightAnswers {
  readonly before: number;
  readonly after: number;
}

export interface SessionComparison {
  readonly outputs: readonly OutputLoss[];
  /** Null without labels. */
  readonly accuracy: RightAnswers | null;
}

/**
 * Run two files on the same samples.
 *
 * @throws {InferenceError} when either refuses them, an output of the exact file has no finite number, or the samples have labels and
 * the first output is not [N, classes].
 */
export async function compareSessions(before: Session, after: Session, samples: Samples): Promise<SessionComparison> {
  const tallies = new Map(before.outputs.map(({ name }) => [name, new Tally()]));
  const answer = first(before.outputs).name;
  const right = { before: 0, after: 0 };
  let done = 0;
  for (const feeds of samples.batches()) {
    const [exact, rounded] = [await before.run(feeds), await after.run(feeds)];
    for (const [name, tally] of tallies) tally.add(outputOf(exact, name), outputOf(rounded, name));
    if (samples.labels === null) continue;
    const [exactRows, roundedRows] = [outputOf(exact, answer), outputOf(rounded, answer)].map(largestOfRows);
    const count = countOf(feeds);
    for (let row = 0; row < count; row++) {
      const label = at(samples.labels, done + row);
      if (exactRows?.[row] === label) right.before++;
      if (roundedRows?.[row] === label) right.after++;
    }
    done += count;
  }
  const [useless] = Array.from(tallies).find(([, tally]) => tally.hasNoNumbers) ?? [];
  if (useless !== undefined) {
    throw new InferenceError(
      `the output "${useless}" holds nothing but NaN and infinities in float32, so no loss can be measured`,
      { hint: "give samples on which the model computes numbers" },
    );
  }
  return {
    outputs: Array.from(tallies, ([name, tally]) => ({ name, ...tally.result() })),
    accuracy: samples.labels === null ? null : { before: right.before / done, after: right.after / done },
  };
}

function outputOf(outputs: Tensors, name: string): Tensor {
  return valueOf(new Map(Object.entries(outputs)), name, "output");
}

function countOf(feeds: Tensors): number {
  return first(first(Object.values(feeds)).dims);
}

class Tally {
  #sum = 0;
  #count = 0;
  #max = 0;
  #squares = 0;
  #exactSquares = 0;
  #unequal = 0;
  #isReal = false;
  #rows = 0;
  #agreeing = 0;
  #finite = 0;

  /** All elements of the exact file are NaN or infinite. */
  get hasNoNumbers(): boolean {
    return this.#isReal && this.#count > 0 && this.#finite === 0;
  }

  add(exact: Tensor, rounded: Tensor): void {
    this.#isReal ||= exact.dtype === "float32" || exact.dtype === "float64" || exact.dtype === "float16";
    if (exact.dims.join() !== rounded.dims.join()) {
      this.#max = this.#squares = Number.NaN;
      this.#unequal = Number.NaN;
      return;
    }
    for (let index = 0; index < exact.data.length; index++) {
      const [want, got] = [exact.data[index], rounded.data[index]];
      this.#count++;
      if (typeof want === "string") {
        if (want !== got) this.#unequal++;
        continue;
      }
      const exactNumber = Number(want);
      // An infinity, added to the squares, would make every difference a share of 0.
      if (Number.isFinite(exactNumber)) this.#finite++;
      else if (Object.is(exactNumber, Number(got))) continue;
      if (want === got) {
        this.#exactSquares += exactNumber ** 2;
        continue;
      }
      const difference = Math.abs(Number(got) - exactNumber);
      this.#unequal++;
      this.#sum += difference;
      this.#squares += difference ** 2;
      this.#exactSquares += exactNumber ** 2;
      this.#max = difference > this.#max || Number.isNaN(difference) ? difference : this.#max;
    }
    if (!this.#isReal || exact.dims.length < 2 || at(exact.dims, exact.dims.length - 1) < 2) return;
    const others = largestOfRows(rounded);
    for (const [row, index] of largestOfRows(exact).entries()) {
      if (index === -1) continue;
      this.#rows++;
      if (others[row] === index) this.#agreeing++;
    }
  }

  result(): Omit<OutputLoss, "name"> {
    const share = this.#count === 0 ? 0 : this.#unequal / this.#count;
    const real = this.#squares === 0 ? 0 : Math.sqrt(this.#squares / this.#exactSquares);
    return {
      maxAbsDiff: this.#max,
      meanAbsDiff: this.#count === 0 ? 0 : this.#sum / this.#count,
      loss: this.#isReal ? real : share,
      agreement: this.#rows === 0 ? null : this.#agreeing / this.#rows,
    };
  }
}

/** Index of the largest element of every row along the last axis; the first of equals, -1 where one is NaN. */
export function largestOfRows({ data, dims }: Tensor): number[] {
  const columns = dims.at(-1);
  if (columns === undefined || columns === 0) {
    throw new InferenceError(`an output of shape [${dims.join(", ")}] has no classes to compare with labels`);
  }
  return Array.from({ length: data.length / columns }, (_, row) => {
    let best = 0;
    for (let column = 0; column < columns; column++) {
      const value = Number(data[row * columns + column]);
      if (Number.isNaN(value)) return -1;
      if (value > Number(data[row * columns + best])) best = column;
    }
    return best;
  });
}
