import { at, last } from "./require.ts";

/** All keys of an object type, or of every member of a union. */
type KeysOf<Options> = Options extends unknown ? keyof Options : never;

/** Every option by name; the compiler refuses a list that lacks one, or has one too many. */
export type OptionNames<Options> = Readonly<Record<KeysOf<Options>, true>>;

/**
 * Refuse options that a function does not have, which plain JavaScript lets through.
 *
 * @param owner what takes the options: `exportModel`
 * @throws {TypeError} naming the unknown option and the one that is spelt most like it
 */
export function checkOptions<Options extends object>(
  owner: string,
  options: Options,
  names: OptionNames<Options>,
): void {
  const given: unknown = options;
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError(`${owner} takes an object of options; got ${kindOf(given)}`);
  }
  const known = Object.keys(names);
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    throw new TypeError(
      `${owner} has no option "${name}"; ` +
        (near === null ? `its options are ${known.join(", ")}` : `did you mean "${near}"?`),
    );
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

/** The name that one name begins with, or that differs from it in few letters; null where none is like it. */
export function nearest(name: string, known: readonly string[]): string | null {
  const wanted = name.toLowerCase();
  const begins = known.find((each) => each.toLowerCase().startsWith(wanted) || wanted.startsWith(each.toLowerCase()));
  if (begins !== undefined && wanted.length > 2) return begins;
  const [best] = known
    .map((each) => ({ each, distance: editDistance(wanted, each.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(2, Math.floor(best.each.length / 3)) ? best.each : null;
}

/** Letters to insert, delete or replace (Levenshtein). Names are cut to 64 letters. */
function editDistance(a: string, b: string): number {
  const [from, to] = [Array.from(a.slice(0, 64)), Array.from(b.slice(0, 64))];
  let row = [0, ...to.map((_, index) => index + 1)];
  for (const [index, letter] of from.entries()) {
    const next = [index + 1];
    for (const [column, other] of to.entries()) {
      const replaced = at(row, column) + Number(letter !== other);
      next.push(Math.min(at(row, column + 1) + 1, at(next, column) + 1, replaced));
    }
    row = next;
  }
  return last(row);
}
