import { checkBytes } from "../infer/preprocess/picture-file.ts";
import { DataError } from "../errors.ts";

import type { ListEntry } from "./read-list.ts";

/** A picture to read, or an argument or line that names none, with what is wrong with it. */
export type Listed = Picture | (Picture & { readonly error: string });

/** A picture, by its path or, where `bytes` is there, its file's contents. */
export interface Picture {
  /** The path as it was given, or `base64` for a picture that came within its line. */
  readonly input: string;
  /** The `id` of a JSON line, as its JSON text: numbers keep every digit. */
  readonly id?: string;
  readonly bytes?: Uint8Array;
}

/** What an answer calls a picture that came within its line. */
const INLINE = "base64";
/** Linux's limit; longer texts are no path. */
const LONGEST_PATH = 4096;
/** Base64 of the first bytes of PNG, JPEG, GIF, WebP, TIFF and AVIF files. */
const SIGNATURE = /^(?:iVBORw0KGgo|\/9j\/|R0lGOD|UklGR|SUkqA|TU0AK|AAAA..ZnR5c)/;
/** Shorter texts are paths whatever they begin with. */
const SHORTEST_BASE64 = 40;

/**
 * One line of a list: a path, or a JSON object `{"id": ..., "input": ...}` whose input is a path, a data URL or a picture file
 * in base64. What is none of these comes back with its fault, so that every line has an answer.
 */
export function listedLine(entry: ListEntry): Listed {
  if ("error" in entry) return { input: entry.text, error: entry.error };
  const line = entry.text;
  if (!/^\s*\{/.test(line)) return { input: line };
  const parsed = parsedObject(line);
  if (typeof parsed === "string") {
    return {
      input: line.slice(0, LONGEST_PATH),
      error: `not a JSON line: ${parsed}; a path that begins with { is given as ./{`,
    };
  }
  const text = memberText(line, "id");
  const id = text === null ? {} : { id: text };
  const input: unknown = "input" in parsed ? parsed.input : undefined;
  if (typeof input === "string") return { ...id, ...pictureOf(input) };
  const found = input === undefined ? "it has none" : `found ${JSON.stringify(input).slice(0, 60)}`;
  return {
    ...id,
    input: text === null ? line.slice(0, LONGEST_PATH) : "",
    error: `a line's "input" is a path or base64: ${found}`,
  };
}

function parsedObject(line: string): object | string {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : "it is no object";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function pictureOf(input: string): Listed {
  if (input.startsWith("data:")) {
    const comma = input.indexOf(",");
    const isBase64 = comma > 0 && input.slice(0, comma).endsWith(";base64");
    return decoded(isBase64 ? input.slice(comma + 1) : "") ?? { input: INLINE, error: "the data URL holds no base64" };
  }
  if (input.length >= SHORTEST_BASE64 && SIGNATURE.test(input)) {
    const picture = decoded(input);
    if (picture !== null) return picture;
  }
  if (input.length <= LONGEST_PATH) return { input };
  return { input: INLINE, error: "the input is neither a path nor the base64 of a picture file" };
}

/** Null unless it is base64, which Buffer does not check. */
function decoded(text: string): Listed | null {
  const end = text.endsWith("==") ? text.length - 2 : text.length - (text.endsWith("=") ? 1 : 0);
  if (end === 0 || end % 4 === 1 || /[^A-Za-z0-9+/_-]/.test(text.slice(0, end))) return null;
  const bytes = Buffer.from(text, "base64");
  try {
    checkBytes(bytes.length);
  } catch (error) {
    if (error instanceof DataError) return { input: INLINE, error: error.message };
    throw error;
  }
  return { input: INLINE, bytes };
}

/**
 * The text of a member's value in the text of a JSON object, the last one's where the name comes twice; null when there is none.
 * `JSON.parse` would round a number of more than 53 bits.
 */
export function memberText(object: string, name: string): string | null {
  let found: string | null = null;
  let key: unknown = null;
  let [depth, from] = [0, -1];
  for (let at = 0; at < object.length; at++) {
    const character = object[at];
    if (character === '"') {
      const end = endOfString(object, at);
      if (depth === 1 && from < 0) key = JSON.parse(object.slice(at, end));
      at = end - 1;
    } else if (character === ":" && depth === 1) {
      from = at + 1;
    } else if (character === "{" || character === "[") {
      depth++;
    } else if (character === "}" || character === "]" || (character === "," && depth === 1)) {
      if (depth === 1) {
        if (key === name) found = object.slice(from, at).trim();
        from = -1;
      }
      if (character !== ",") depth--;
    }
  }
  return found;
}

/** After the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text[before] === "\\") before--;
  return (at - before) % 2 === 0;
}
