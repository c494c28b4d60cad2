import { at, last, valueOf } from "../../require.ts";

/** Widths are multiples of this: fewer shapes of batches to compile. */
const STEP = 16;
/** One bucket more must save this share of the area, for each costs the compilation of a step. */
const WORTH = 0.12;

/**
 * Widths to pad lines to, at most `most` of them, so that the padding is least in all (dynamic programming over
 * multiples of 16). Ascending; the last one holds the widest line.
 *
 * @param widths of all lines, in pixels, at least one
 */
export function bucketWidths(widths: ArrayLike<number>, most: number): number[] {
  const counts = new Map<number, number>();
  for (const width of Array.from(widths)) {
    const padded = Math.max(1, Math.ceil(width / STEP)) * STEP;
    counts.set(padded, (counts.get(padded) ?? 0) + 1);
  }
  const ends = [...counts.keys()].toSorted((a, b) => a - b);
  const number = ends.map((end) => valueOf(counts, end));
  const upTo = number.map((_, index) => number.slice(0, index + 1).reduce((sum, count) => sum + count, 0));
  const countBetween = (from: number, to: number): number => at(upTo, to) - (from === 0 ? 0 : at(upTo, from - 1));
  // best[k][j]: least area of the widths up to j in k + 1 buckets, the last of which ends at j.
  let best = ends.map((end, index) => ({ area: countBetween(0, index) * end, cuts: [end] }));
  for (let buckets = 1; buckets < Math.min(most, ends.length); buckets++) {
    const more = best.map((single, index) => {
      const end = at(ends, index);
      const longer = best.slice(0, index).map(({ area, cuts }, before) => ({
        area: area + countBetween(before + 1, index) * end,
        cuts: [...cuts, end],
      }));
      return longer.reduce((least, other) => (other.area < least.area ? other : least), single);
    });
    if (areaOf(more) > (1 - WORTH) * areaOf(best)) break;
    best = more;
  }
  return last(best).cuts;
}

function areaOf(best: readonly { readonly area: number }[]): number {
  return last(best).area;
}

/** Index of the narrowest bucket that holds a width; the widest one for a line that none holds. */
export function bucketOf(width: number, buckets: readonly number[]): number {
  const index = buckets.findIndex((bucket) => width <= bucket);
  return index < 0 ? buckets.length - 1 : index;
}
