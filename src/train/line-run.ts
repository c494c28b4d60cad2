import { bucketWidths } from "../data/lines/buckets.ts";
import { type LineSample, storeLines } from "../data/lines/line-set.ts";
import { Random } from "../data/random.ts";
import { DataError } from "../errors.ts";
import type { Plane } from "../infer/preprocess/image.ts";

import { type Bucket, bucketsOfLines, type LineSource } from "./feed/line-batches.ts";
import type { PreparedLine } from "./tasks/read-lines.ts";

/** Widths that a step is compiled for, at most: each costs half a minute. */
const MOST_BUCKETS = 4;
/** Batches of lines wider than this have fewer lines. */
const USUAL_WIDTH = 256;
const FEWEST_ROWS = 4;

/** How many lines of a width one batch has, so that batches cost about the same. */
export function rowsFor(width: number, batchSize: number): number {
  const rows = Math.floor((batchSize * USUAL_WIDTH) / width);
  return Math.max(Math.min(FEWEST_ROWS, batchSize), Math.min(batchSize, rows));
}

/** A store of lines to train on, in buckets by their width. */
export function storeSource(
  samples: readonly LineSample[],
  planes: readonly Plane[],
  characters: readonly string[],
  batchSize: number,
): { readonly source: LineSource; readonly buckets: readonly Bucket[] } {
  // Augmentation makes some lines wider than their picture.
  const widths = planes.map(({ width }) => Math.ceil(width * 1.06));
  const buckets = bucketWidths(widths, MOST_BUCKETS).map((width) => ({ width, rows: rowsFor(width, batchSize) }));
  return {
    source: { kind: "store", store: storeLines(samples, characters), bucketOfLine: bucketsOfLines(widths, buckets) },
    buckets,
  };
}

export function preparedLines(samples: readonly LineSample[], planes: readonly Plane[]): PreparedLine[] {
  return samples.flatMap(({ name, text }, index) => {
    const plane = planes[index];
    return plane === undefined ? [] : [{ name, text, plane }];
  });
}

const SPLIT_STREAM = 0x51117;

/**
 * Which of N lines are kept apart: the same ones for every seed of a run, so that runs can be compared.
 *
 * @param amount how many (from 1), or what share (below 1)
 * @throws {DataError} when nothing would be left to train on
 */
export function keptApart(lines: number, amount: number): ReadonlySet<number> {
  const count = amount < 1 ? Math.round(amount * lines) : Math.round(amount);
  if (count >= lines) {
    throw new DataError(`${count} of ${lines} lines are to be kept apart; none would be left to train on`, {
      hint: "give a smaller --validation",
    });
  }
  const random = new Random(SPLIT_STREAM, lines);
  const order = Array.from({ length: lines }, (_, index) => [random.unit(), index] as const);
  return new Set(
    order
      .toSorted(([a], [b]) => a - b)
      .slice(0, count)
      .map(([, index]) => index),
  );
}
