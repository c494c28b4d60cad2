import { byteAt, intAt } from "../../require.ts";

/** The connected parts (8 neighbours) of a mask. */
export interface Components {
  /** The part of each pixel, from 1 on; 0 outside the mask. [H, W] */
  readonly part: Int32Array;
  /** Number of parts; the last part has this number. */
  readonly count: number;
}

/**
 * Label the connected parts of a mask [H, W] of 0 and 1, in the order of their first pixels: runs of each row are joined with those
 * of the row above that they touch.
 *
 * Source: A. Rosenfeld, J. Pfaltz, "Sequential operations in digital picture processing" (1966).
 */
export function components(mask: Uint8Array, width: number, height: number): Components {
  const most = height * Math.ceil(width / 2);
  const [from, to, parent] = [new Int32Array(most), new Int32Array(most), new Int32Array(most)];
  const rowStarts = new Int32Array(height + 1);
  let runs = 0;
  for (let y = 0; y < height; y++) {
    let above = y === 0 ? 0 : intAt(rowStarts, y - 1);
    const aboveEnd = runs;
    rowStarts[y] = runs;
    for (let x = 0; x < width; x++) {
      if (byteAt(mask, y * width + x) === 0) continue;
      const start = x;
      while (x < width && byteAt(mask, y * width + x) !== 0) x++;
      from[runs] = start;
      to[runs] = x;
      parent[runs] = runs;
      while (above < aboveEnd && intAt(to, above) < start) above++;
      for (let other = above; other < aboveEnd && intAt(from, other) <= x; other++) join(parent, runs, other);
      runs++;
    }
  }
  rowStarts[height] = runs;
  const part = new Int32Array(mask.length);
  const numbers = new Int32Array(runs);
  let count = 0;
  for (let y = 0; y < height; y++) {
    for (let run = intAt(rowStarts, y); run < intAt(rowStarts, y + 1); run++) {
      const root = rootOf(parent, run);
      const number = root === run ? ++count : intAt(numbers, root);
      numbers[run] = number;
      part.fill(number, y * width + intAt(from, run), y * width + intAt(to, run));
    }
  }
  return { part, count };
}

/** The first run of the part that a run is known to be in. */
function rootOf(parent: Int32Array, run: number): number {
  let root = run;
  while (intAt(parent, root) !== root) {
    parent[root] = intAt(parent, intAt(parent, root));
    root = intAt(parent, root);
  }
  return root;
}

function join(parent: Int32Array, run: number, other: number): void {
  const [a, b] = [rootOf(parent, run), rootOf(parent, other)];
  if (a < b) parent[b] = a;
  else parent[a] = b;
}
