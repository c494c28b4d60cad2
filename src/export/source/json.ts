import { ModelFormatError } from "../../errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Far beyond the deepest model seen; each model within a model adds about six levels. */
const MAX_DEPTH = 200;
/** The description of a model is only a part of a file. */
const MAX_TEXT_DEPTH = 2 * MAX_DEPTH;
/** Far beyond the largest description seen, of about 50,000 values. */
const MAX_VALUES = 1_000_000;
const SHOWN_LENGTH = 80;

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return isObject(value);
}

export function isJsonList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** Text from a file, as an error message quotes it. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text);
}

/** A value as an error message shows it: short, whatever it is. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (!Array.isArray(value)) return shownItem(value);
  const items = value.slice(0, 8).map(shownItem);
  return `[${items.join(", ")}${value.length > items.length ? ", …" : ""}]`;
}

function shownItem(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "string") return quoted(value);
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  return isObject(value) ? "an object" : String(value);
}

/** The first few of many names. */
export function listed(names: readonly string[], most = 8): string {
  const first = names.slice(0, most).join(", ");
  return names.length > most ? `${first} and ${names.length - most} more` : first;
}

/**
 * JSON.parse for text from outside, with a limit on nesting: parsing a million open brackets would take gigabytes.
 *
 * @param where What the text is, for messages.
 * @throws {ModelFormatError} when it is nested deeper than any description is. @throws {SyntaxError} when it is not JSON
 */
export function parseJson(text: string, where: string): unknown {
  if (nestingOf(text) > MAX_TEXT_DEPTH) {
    throw new ModelFormatError(`${where} is nested deeper than ${MAX_TEXT_DEPTH} levels`);
  }
  const value: unknown = JSON.parse(text);
  return value;
}

/** How deep brackets are nested outside of strings; counting ends beyond the limit. */
function nestingOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length && deepest <= MAX_TEXT_DEPTH; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === OPEN_LIST || code === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
  }
  return deepest;
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Where the string that begins at `start` ends. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

/** An object without prototype, so that no key has a special meaning. */
export function emptyObject<Value>(): Record<string, Value> {
  const made: Record<string, Value> = {};
  Object.setPrototypeOf(made, null);
  return made;
}

/**
 * A copy of a value from outside that holds plain JSON and nothing else, in objects without prototype. What is undefined
 * is left out.
 *
 * @param where What the value is, for messages: `modelTopology`.
 * @throws {ModelFormatError} for NaN and infinities, `__proto__` keys, functions and other non-data, a value nested
 *   deeper than 200 levels (or within itself), or more than a million values.
 */
export function plainJson(value: unknown, where: string): Json {
  return copy(value, { name: where, within: null }, { values: 0 }, 0);
}

/** The place of a value, as a linked chain: building a text for each of a million values would cost more than the copy. */
interface Place {
  readonly name: string;
  readonly within: Place | null;
}

interface Budget {
  values: number;
}

function copy(value: unknown, place: Place, budget: Budget, depth: number): Json {
  if (++budget.values > MAX_VALUES) {
    throw new ModelFormatError(`the description of the model holds more than ${MAX_VALUES} values`);
  }
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw new ModelFormatError(`${pathOf(place)} must be a finite number; got ${value}`);
  }
  if (depth >= MAX_DEPTH) {
    throw new ModelFormatError(`the description of the model is nested deeper than ${MAX_DEPTH} levels`);
  }
  if (Array.isArray(value)) {
    return Array.from(value, (item: unknown, index) =>
      copy(item ?? null, { name: `[${index}]`, within: place }, budget, depth + 1),
    );
  }
  if (isObject(value) && isData(value)) return copyObject(value, place, budget, depth);
  throw new ModelFormatError(`${pathOf(place)} must be plain data, as JSON holds it; got ${shown(value)}`);
}

function copyObject(
  object: Readonly<Record<string, unknown>>,
  place: Place,
  budget: Budget,
  depth: number,
): JsonObject {
  const result = emptyObject<Json>();
  for (const key of Object.keys(object)) {
    if (key === "__proto__") throw new ModelFormatError(`${pathOf(place)} has the forbidden key "__proto__"`);
    const value = object[key];
    if (value !== undefined) result[key] = copy(value, { name: `.${key}`, within: place }, budget, depth + 1);
  }
  return result;
}

/** Buffers, dates, maps and similar objects cannot be stored in JSON. */
function isData(object: object): boolean {
  return Object.prototype.toString.call(object) === "[object Object]";
}

const SHOWN_PLACES = 8;

function pathOf(place: Place): string {
  const names: string[] = [];
  let at: Place | null = place;
  for (; at !== null && names.length < SHOWN_PLACES; at = at.within) names.unshift(at.name);
  const path = names.join("").slice(0, 2 * SHOWN_LENGTH);
  return at === null ? path : `…${path}`;
}

/** Add to the list that a map has under a key. */
export function push<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
