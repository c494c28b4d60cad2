import { ModelFormatError } from "../../errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Far beyond the deepest model seen (nested models add about six levels each). */
const MAX_DEPTH = 200;
/** Far beyond the largest topology seen (about 100,000 values). */
const MAX_VALUES = 5_000_000;
const SHOWN_LENGTH = 80;

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as an error message shows it: short, whatever it is. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value))
    return brief(`[${value.slice(0, 8).map(shownItem).join(", ")}${value.length > 8 ? ", …" : ""}]`);
  if (typeof value === "string") return brief(JSON.stringify(value.slice(0, SHOWN_LENGTH + 1)));
  return shownItem(value);
}

function shownItem(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value)) return "an object";
  if (typeof value === "string") return JSON.stringify(value.slice(0, SHOWN_LENGTH));
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  return String(value);
}

function brief(text: string): string {
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

/**
 * A copy of a value from outside that holds plain JSON and nothing else. Its objects have no prototype, so that no key
 * means more than it says; undefined is left out.
 *
 * @param where What the value is, for messages: `modelTopology`.
 * @throws {ModelFormatError} for NaN and infinities, `__proto__` keys, functions and other non-data, a value nested
 *   deeper than 200 levels (or within itself), or more than five million values.
 */
export function plainJson(value: unknown, where: string): Json {
  const budget = { values: 0 };
  return copy(value, { where, budget, depth: 0 });
}

interface Place {
  readonly where: string;
  readonly budget: { values: number };
  readonly depth: number;
}

function copy(value: unknown, place: Place): Json {
  if (++place.budget.values > MAX_VALUES) {
    throw new ModelFormatError(`${place.where}: the model description holds more than ${MAX_VALUES} values`);
  }
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw new ModelFormatError(`${place.where} must be a finite number; got ${value}`);
  }
  if (place.depth >= MAX_DEPTH) {
    throw new ModelFormatError(
      `the model description is nested deeper than ${MAX_DEPTH} levels, at ${tail(place.where)}`,
    );
  }
  if (Array.isArray(value)) return copyList(value, place);
  if (isObject(value) && isPlain(value)) return copyObject(value, place);
  throw new ModelFormatError(`${place.where} must be plain data, as JSON holds it; got ${shown(value)}`);
}

function copyList(list: readonly unknown[], place: Place): Json[] {
  return list.map((item, index) =>
    copy(item ?? null, { where: `${place.where}[${index}]`, budget: place.budget, depth: place.depth + 1 }),
  );
}

function copyObject(object: Readonly<Record<string, unknown>>, place: Place): JsonObject {
  const result: Record<string, Json> = Object.create(null);
  for (const key of Object.keys(object)) {
    if (key === "__proto__") throw new ModelFormatError(`${place.where} has the forbidden key "__proto__"`);
    const value = object[key];
    if (value === undefined) continue;
    result[key] = copy(value, { where: `${place.where}.${key}`, budget: place.budget, depth: place.depth + 1 });
  }
  return result;
}

function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === null || prototype === Object.prototype || !isBuiltIn(object);
}

/** Class instances are copied by their own keys (a live model keeps such in its topology); buffers, dates and maps are not data. */
function isBuiltIn(object: object): boolean {
  return Object.prototype.toString.call(object) !== "[object Object]";
}

function tail(where: string): string {
  return where.length > 120 ? `…${where.slice(-120)}` : where;
}
