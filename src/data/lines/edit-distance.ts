import { wordAt } from "../../require.ts";

/** Fewest insertions, deletions and replacements of characters (code points) that turn one text into the other (Levenshtein). */
export function editDistance(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  let row = Uint32Array.from({ length: right.length + 1 }, (_, index) => index);
  left.forEach((symbol, index) => {
    const next = new Uint32Array(right.length + 1);
    next[0] = index + 1;
    right.forEach((other, at) => {
      const replaced = wordAt(row, at) + (symbol === other ? 0 : 1);
      next[at + 1] = Math.min(replaced, wordAt(row, at + 1) + 1, wordAt(next, at) + 1);
    });
    row = next;
  });
  return wordAt(row, right.length);
}
