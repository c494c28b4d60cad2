import { DataError } from "../errors.ts";

/** Longer entries are no picture in base64 that would be read, nor a path on any system. */
const LONGEST_ENTRY = 1 << 26;
/** Of an entry that is too long, this much comes back. */
const SHOWN = 200;

/** An entry of a list, or the beginning of one that cannot be taken, and why. */
export type ListEntry = { readonly text: string } | { readonly text: string; readonly error: string };

export interface ReadListOptions {
  /** What ends an entry; a newline's carriage return goes too. */
  readonly separator: "\n" | "\0";
  /** Every entry comes back, with its fault where it has one: empty ones too, which are left out otherwise. */
  readonly every?: boolean;
  /** Entries of more characters are too long. */
  readonly longest?: number;
}

/**
 * The entries of a list as text comes in. An entry that is too long comes back with its fault, and is not held in memory.
 *
 * @throws {DataError} where a NUL is in an entry that a newline ends, unless every entry is asked for
 */
export async function* readList(
  text: AsyncIterable<unknown>,
  { separator, every = false, longest = LONGEST_ENTRY }: ReadListOptions,
): AsyncGenerator<ListEntry> {
  const decoder = new TextDecoder();
  const entryOf = (entry: string): ListEntry[] => {
    const whole = separator === "\n" && entry.endsWith("\r") ? entry.slice(0, -1) : entry;
    if (whole.includes("\0")) {
      if (!every) throw new DataError(`what is on stdin is no list: ${HOLDS_NUL}`, { hint: NUL_HINT });
      return [{ text: whole.slice(0, SHOWN), error: `the line ${HOLDS_NUL}` }];
    }
    if (whole !== "") return [{ text: whole }];
    return every ? [{ text: "", error: "the line is empty" }] : [];
  };
  let pieces: string[] = [];
  let length = 0;
  let start = "";
  const end = (): ListEntry[] => {
    const entry = length > longest ? [tooLong(start, longest)] : entryOf(pieces.join(""));
    [pieces, length] = [[], 0];
    return entry;
  };
  const add = (piece: string): void => {
    if (length < SHOWN) start = (length === 0 ? "" : start) + piece.slice(0, SHOWN - length);
    length += piece.length;
    if (length > longest) pieces = [];
    else pieces.push(piece);
  };
  for await (const chunk of text) {
    const entries = (chunk instanceof Uint8Array ? decoder.decode(chunk, { stream: true }) : String(chunk)).split(
      separator,
    );
    for (const [index, entry] of entries.entries()) {
      if (index > 0) yield* end();
      if (entry !== "") add(entry);
    }
  }
  const last = decoder.decode();
  if (last !== "") add(last);
  if (length > 0) yield* end();
}

const HOLDS_NUL = "holds a NUL, which no path and no JSON line has";
const NUL_HINT = "for find -print0 add --null; give a picture by its path";

function tooLong(start: string, longest: number): ListEntry {
  return { text: start, error: `the line has more than ${longest.toLocaleString("en")} characters` };
}
