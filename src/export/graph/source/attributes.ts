import { ExportError, ModelFormatError } from "../../../errors.ts";
import { isJsonList, isJsonObject, quoted, shown, type Json, type JsonObject } from "../../source/json.ts";

import { dtypeOf, type GraphDType } from "./dtype.ts";

/** A shape as attributes give it: null for a free size; null in the place of the list for an unknown rank. */
export type AttributeShape = readonly (number | null)[] | null;

/**
 * Typed view of a node's `attr`, a map of TensorFlow's AttrValue in protobuf's JSON form. Numbers may be written as text,
 * strings as base64 or as lists of bytes, types by name or by number.
 *
 * Every read takes the fallback for an attribute that is absent, which is the operator's default: converters leave
 * attributes with default values out. Without a fallback the attribute must be there.
 *
 * @throws {ModelFormatError} from every read, when the attribute is missing or has another form.
 */
export class AttributeReader {
  readonly #attributes: JsonObject;

  constructor(attributes: JsonObject) {
    this.#attributes = attributes;
  }

  /** The same attributes but for these. */
  with(changes: JsonObject): AttributeReader {
    return new AttributeReader({ ...this.#attributes, ...changes });
  }

  has(name: string): boolean {
    return this.#value(name) !== undefined;
  }

  /** Names of all attributes that are there. */
  names(): readonly string[] {
    return Object.keys(this.#attributes);
  }

  int(name: string, fallback?: number): number {
    return this.#read(name, fallback, "a whole number", (value) => integer(field(value, "i")));
  }

  /** A number, written as `f` or as `i`. */
  float(name: string, fallback?: number): number {
    return this.#read(name, fallback, "a number", (value) => number(field(value, "f") ?? field(value, "i")));
  }

  bool(name: string, fallback?: boolean): boolean {
    return this.#read(name, fallback, "true or false", (value) => boolean(field(value, "b")));
  }

  /** A string, in the case it is written in. */
  string(name: string, fallback?: string): string {
    return this.#read(name, fallback, "a string", (value) => stringsOf(field(value, "s") ?? "")?.[0]);
  }

  /**
   * One of `choices`, whatever the case: `attributes.oneOf("padding", ["SAME", "VALID"])`.
   *
   * @throws {ExportError} for a string that is none of them.
   */
  oneOf<const Choice extends string>(name: string, choices: readonly Choice[], fallback?: Choice): Choice {
    return this.#read<Choice>(name, fallback, `one of ${choices.join(", ")}`, (value) => {
      const readings = stringsOf(field(value, "s") ?? "");
      if (readings === undefined) return undefined;
      const match = choices.find((choice) => readings.some((text) => text.toLowerCase() === choice.toLowerCase()));
      if (match !== undefined) return match;
      throw new ExportError(`${name} must be one of ${choices.join(", ")}; got ${quoted(readings[0] ?? "")}`);
    });
  }

  /** The element type, as TF.js has it. */
  dtype(name: string, fallback?: GraphDType): GraphDType {
    return this.#read(
      name,
      fallback,
      "an element type that TF.js has",
      (value) => dtypeOf(field(value, "type")) ?? undefined,
    );
  }

  /** Whether an element type stands for a resource, such as a hash table. */
  isResource(name: string): boolean {
    const value = this.#value(name);
    return isJsonObject(value) && field(value, "type") === "DT_RESOURCE";
  }

  shape(name: string, fallback?: AttributeShape): AttributeShape {
    return this.#read<AttributeShape>(name, fallback, "a shape", (value) => shape(field(value, "shape")));
  }

  /** Name of a function of the model's library. */
  func(name: string): string {
    return this.#read(name, undefined, "a function", (value) => {
      const func = field(value, "func");
      const named = isJsonObject(func) ? field(func, "name") : undefined;
      return typeof named === "string" ? named : undefined;
    });
  }

  ints(name: string, fallback?: readonly number[]): readonly number[] {
    return this.#list(name, fallback, "i", "whole numbers", integer);
  }

  floats(name: string, fallback?: readonly number[]): readonly number[] {
    return this.#list(name, fallback, "f", "numbers", number);
  }

  bools(name: string, fallback?: readonly boolean[]): readonly boolean[] {
    return this.#list(name, fallback, "b", "true or false", boolean);
  }

  strings(name: string, fallback?: readonly string[]): readonly string[] {
    return this.#list(name, fallback, "s", "strings", (item) => stringsOf(item)?.[0]);
  }

  dtypes(name: string, fallback?: readonly GraphDType[]): readonly GraphDType[] {
    return this.#list(name, fallback, "type", "element types", (item) => dtypeOf(item) ?? undefined);
  }

  shapes(name: string, fallback?: readonly AttributeShape[]): readonly AttributeShape[] {
    return this.#list<AttributeShape>(name, fallback, "shape", "shapes", shape);
  }

  #value(name: string): Json | undefined {
    return Object.hasOwn(this.#attributes, name) ? (this.#attributes[name] ?? undefined) : undefined;
  }

  #read<Value>(
    name: string,
    fallback: Value | undefined,
    expected: string,
    parse: (value: JsonObject) => Value | undefined,
  ): Value {
    const value = this.#value(name);
    if (value === undefined && fallback !== undefined) return fallback;
    const parsed = isJsonObject(value) ? parse(value) : undefined;
    if (parsed !== undefined) return parsed;
    const found = value === undefined ? "nothing" : shown(isJsonObject(value) ? Object.values(value)[0] : value);
    throw new ModelFormatError(`the attribute ${name} must be ${expected}; got ${found}`);
  }

  #list<Item>(
    name: string,
    fallback: readonly Item[] | undefined,
    key: string,
    items: string,
    parse: (item: Json) => Item | undefined,
  ): readonly Item[] {
    return this.#read(name, fallback, `a list of ${items}`, (value) => {
      const list = field(value, "list");
      if (!isJsonObject(list)) return undefined;
      const given = field(list, key) ?? [];
      if (!isJsonList(given)) return undefined;
      const parsed: Item[] = [];
      for (const each of given) {
        const item = parse(each);
        if (item === undefined) return undefined;
        parsed.push(item);
      }
      return parsed;
    });
  }
}

function field(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;
}

function number(value: Json | undefined): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.trim() === "") return undefined;
  if (value === "NaN") return Number.NaN;
  const parsed = Number(value);
  return Number.isNaN(parsed) ? undefined : parsed;
}

function integer(value: Json | undefined): number | undefined {
  const parsed = number(value);
  return parsed !== undefined && Number.isSafeInteger(parsed) ? parsed : undefined;
}

function boolean(value: Json | undefined): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function shape(value: Json | undefined): AttributeShape | undefined {
  if (!isJsonObject(value)) return undefined;
  if (field(value, "unknownRank") === true || field(value, "unknown_rank") === true) return null;
  const dims = field(value, "dim") ?? [];
  if (!isJsonList(dims)) return undefined;
  const sizes: (number | null)[] = [];
  for (const dim of dims) {
    // Protobuf's JSON form leaves zeros out.
    const size = isJsonObject(dim) ? integer(field(dim, "size") ?? 0) : undefined;
    if (size === undefined) return undefined;
    sizes.push(size < 0 ? null : size);
  }
  return sizes;
}

/** What a string may mean, most likely first: text in base64, else as it is. */
function stringsOf(value: Json): readonly string[] | undefined {
  if (isJsonList(value)) {
    const bytes = value.map((byte) => integer(byte));
    if (!bytes.every((byte) => byte !== undefined && byte >= 0 && byte < 256)) return undefined;
    return [decodeUtf8(Uint8Array.from(bytes, (byte) => byte ?? 0))];
  }
  if (typeof value !== "string") return undefined;
  const isBase64 = value.length % 4 === 0 && /^[A-Za-z0-9+/_-]*={0,2}$/.test(value);
  if (!isBase64) return [value];
  const binary = atob(value.replaceAll("-", "+").replaceAll("_", "/"));
  return [decodeUtf8(Uint8Array.from(binary, (character) => character.charCodeAt(0))), value];
}

function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
