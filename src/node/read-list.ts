import { DataError } from "../errors.ts";

/** Longer lines are no path on any system. */
const LONGEST_LINE = 1 << 20;

/**
 * The entries of a list as text comes in, each ended by `separator` (a newline's carriage return goes too); empty ones
 * are left out.
 *
 * @throws {DataError} on an entry of more than a million characters, or where a NUL is in one
 */
export async function* readList(text: AsyncIterable<unknown>, separator: "\n" | "\0"): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of text) {
    rest += piece instanceof Uint8Array ? decoder.decode(piece, { stream: true }) : String(piece);
    if (separator === "\n" && rest.includes("\0")) throw noList();
    const entries = rest.split(separator);
    rest = entries.pop() ?? "";
    if (rest.length > LONGEST_LINE) throw tooLong(separator);
    yield* entries.map((entry) => trimmed(entry, separator)).filter((entry) => entry !== "");
  }
  const last = trimmed(rest, separator);
  if (last !== "") yield last;
}

function trimmed(entry: string, separator: "\n" | "\0"): string {
  return separator === "\n" && entry.endsWith("\r") ? entry.slice(0, -1) : entry;
}

function noList(): DataError {
  return new DataError("what is on stdin is no list of paths, one a line: there is a NUL in it, which no path has", {
    hint: "for find -print0 add --null; give a picture by its path",
  });
}

function tooLong(separator: "\n" | "\0"): DataError {
  return new DataError("the list on stdin has an entry of more than a million characters", {
    hint: separator === "\n" ? "one path a line; for find -print0 add --null" : "one path before each NUL; drop --null",
  });
}
