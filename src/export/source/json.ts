import { ModelFormatError } from "../../errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Far beyond the deepest model seen; each model within a model adds about six levels. */
const MAX_DEPTH = 200;
/** Far beyond the largest description seen, of about 50,000 values. */
const MAX_VALUES = 2_000_000;
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

/** An object without prototype, so that no key means more than it says. */
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
 *   deeper than 200 levels (or within itself), or more than two million values.
 */
export function plainJson(value: unknown, where: string): Json {
  return copy(value, { name: where, within: null }, { values: 0 }, 0);
}

/** Where a value is, as a chain, since a text for each of a million values would cost more than the copy. */
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

/** Buffers, dates, maps and their like are objects, but not data that JSON holds. */
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
