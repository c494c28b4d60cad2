import { ExportError, ModelFormatError } from "../../errors.ts";
import { isObject, shown } from "./json.ts";

/** An activation as a layer names it: in snake case (`hard_sigmoid`), with a configuration when it was written as an object. */
export interface ActivationSpec {
  readonly name: string;
  readonly config: ConfigReader;
  /** Written as an object of a layer's class (`LeakyReLU`), not as a function. */
  readonly isLayer: boolean;
}

/** A layer inside a layer's configuration: the one a wrapper wraps, the cell of an RNN. */
export interface NestedLayer {
  readonly className: string;
  readonly name: string;
  readonly config: ConfigReader;
}

export type DataFormat = "channels_first" | "channels_last";

/**
 * Typed view of one layer's serialized `config`. Every read names the key it failed on; the caller adds the layer.
 * Keys nobody reads are ignored. A key that is absent or null gives the fallback, where one is given.
 *
 * @throws {ModelFormatError} from every read, when the value does not have the requested form; `oneOf` throws an
 *   ExportError for a name it does not know.
 */
export class ConfigReader {
  readonly #config: Readonly<Record<string, unknown>>;

  constructor(config: unknown) {
    if (!isObject(config)) throw new ModelFormatError(`config must be an object; got ${shown(config)}`);
    this.#config = config;
  }

  /** A copy of the configuration in which some keys have new values. */
  with(values: Readonly<Record<string, unknown>>): ConfigReader {
    return new ConfigReader({ ...this.#config, ...values });
  }

  /** Whether the key is there and not null. */
  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  /** Whether the key is present with the value null, for keys where that differs from being absent. */
  isNull(key: string): boolean {
    return Object.hasOwn(this.#config, key) && this.#config[key] === null;
  }

  /** The value as written; undefined when absent or null. Keys of Object.prototype are not visible. */
  raw(key: string): unknown {
    return Object.hasOwn(this.#config, key) ? (this.#config[key] ?? undefined) : undefined;
  }

  number(key: string): number;
  number<Fallback extends number | null>(key: string, fallback: Fallback): number | Fallback;
  number(key: string, fallback?: number | null): number | null {
    return this.#read(key, fallback, "a finite number", finite);
  }

  /** A whole number; a list that holds just one counts as well (Keras writes `axis: [3]`). */
  integer(key: string): number;
  integer<Fallback extends number | null>(key: string, fallback: Fallback): number | Fallback;
  integer(key: string, fallback?: number | null): number | null {
    return this.#read(key, fallback, "a whole number", (value) => integer(onlyItem(value)));
  }

  /** A whole number of at least 1. */
  positive(key: string): number;
  positive<Fallback extends number | null>(key: string, fallback: Fallback): number | Fallback;
  positive(key: string, fallback?: number | null): number | null {
    return this.#read(key, fallback, "a positive whole number", (value) => positive(onlyItem(value)));
  }

  boolean(key: string): boolean;
  boolean<Fallback extends boolean | null>(key: string, fallback: Fallback): boolean | Fallback;
  boolean(key: string, fallback?: boolean | null): boolean | null {
    return this.#read(key, fallback, "true or false", (value) => (typeof value === "boolean" ? value : undefined));
  }

  string(key: string): string;
  string<Fallback extends string | null>(key: string, fallback: Fallback): string | Fallback;
  string(key: string, fallback?: string | null): string | null {
    return this.#read(key, fallback, "a string", (value) => (typeof value === "string" ? value : undefined));
  }

  /** One of `choices`; snake case and camel case are the same. @throws {ExportError} for a string that is none of them. */
  oneOf<const Choice extends string>(key: string, choices: readonly Choice[]): Choice;
  oneOf<const Choice extends string, Fallback extends Choice | null>(
    key: string,
    choices: readonly Choice[],
    fallback: Fallback,
  ): Choice | Fallback;
  oneOf<const Choice extends string>(key: string, choices: readonly Choice[], fallback?: Choice | null): Choice | null {
    const expected = `one of ${choices.join(", ")}`;
    const name = this.#read(key, fallback, expected, (value) => (typeof value === "string" ? value : undefined));
    if (name === null) return null;
    const match = choices.find((choice) => choice === name || (isCamelCase(name) && snakeCase(name) === choice));
    if (match === undefined) throw new ExportError(`${key} must be ${expected}; got ${shown(name)}`);
    return match;
  }

  /** `length` whole numbers (any number of them when length is null); one number alone is repeated. */
  integers(key: string, length: number | null): readonly number[];
  integers<Fallback extends readonly number[] | null>(
    key: string,
    length: number | null,
    fallback: Fallback,
  ): readonly number[] | Fallback;
  integers(key: string, length: number | null, fallback?: readonly number[] | null): readonly number[] | null {
    return this.#read(key, fallback, listOf(length, "whole numbers"), (value) => repeated(value, length, integer));
  }

  /** As `integers`, each at least 1: kernel sizes, strides, pool sizes. */
  positives(key: string, length: number | null): readonly number[];
  positives<Fallback extends readonly number[] | null>(
    key: string,
    length: number | null,
    fallback: Fallback,
  ): readonly number[] | Fallback;
  positives(key: string, length: number | null, fallback?: readonly number[] | null): readonly number[] | null {
    return this.#read(key, fallback, listOf(length, "positive whole numbers"), (value) =>
      repeated(value, length, positive),
    );
  }

  /** As `integers`, for any finite numbers. */
  numbers(key: string, length: number | null): readonly number[];
  numbers<Fallback extends readonly number[] | null>(
    key: string,
    length: number | null,
    fallback: Fallback,
  ): readonly number[] | Fallback;
  numbers(key: string, length: number | null, fallback?: readonly number[] | null): readonly number[] | null {
    return this.#read(key, fallback, listOf(length, "finite numbers"), (value) => repeated(value, length, finite));
  }

  /**
   * Low and high amounts along `axes` axes, as padding and cropping are written: `1`, `[1, 2]` (the same on both sides
   * of each axis), or `[[1, 2], [3, 4]]`.
   */
  pairs(
    key: string,
    axes: number,
    fallback?: readonly (readonly [number, number])[],
  ): readonly (readonly [number, number])[] {
    return this.#read(key, fallback, `${axes} pairs of whole numbers, none negative`, (value) => pairs(value, axes));
  }

  /** A shape: sizes of at least 0, null where the size is free (which may be written as any negative number). */
  shape(key: string): readonly (number | null)[];
  shape<Fallback extends readonly (number | null)[] | null>(
    key: string,
    fallback: Fallback,
  ): readonly (number | null)[] | Fallback;
  shape(key: string, fallback?: readonly (number | null)[] | null): readonly (number | null)[] | null {
    return this.#read(key, fallback, "a list of sizes, null where free", shape);
  }

  dataFormat(key = "data_format"): DataFormat {
    return this.oneOf(key, ["channels_last", "channels_first"], "channels_last");
  }

  /** The activation under `key`, in any of its serialized forms; `linear` when there is none. Keras' `silu` is `swish`. */
  activation(key = "activation", fallback = "linear"): ActivationSpec {
    const value = this.raw(key);
    if (value === undefined) return { name: fallback, config: new ConfigReader({}), isLayer: false };
    const spec = activation(value);
    if (spec === undefined) throw mismatch(key, "an activation's name or object", value);
    return spec;
  }

  /** A layer written inside this one: `layer` of a wrapper, `cell` of an RNN. */
  layer(key: string): NestedLayer {
    return this.#read<NestedLayer, NestedLayer>(key, undefined, "a layer (class_name, config)", nestedLayer);
  }

  /** A list of layers, as StackedRNNCells keeps its cells. */
  layers(key: string): readonly NestedLayer[] {
    return this.#read<readonly NestedLayer[], readonly NestedLayer[]>(key, undefined, "a list of layers", (value) =>
      Array.isArray(value) ? every(value, nestedLayer) : undefined,
    );
  }

  #read<Value, Fallback>(
    key: string,
    fallback: Fallback | undefined,
    expected: string,
    parse: (value: unknown) => Value | undefined,
  ): Value | Fallback {
    const value = this.raw(key);
    if (value === undefined && fallback !== undefined) return fallback;
    const parsed = value === undefined ? undefined : parse(value);
    if (parsed === undefined) throw mismatch(key, expected, value);
    return parsed;
  }
}

/** `hardSigmoid`, `HardSigmoid` and `hard_sigmoid` to `hard_sigmoid`; `ReLU` to `relu`. */
export function snakeCase(name: string): string {
  return name
    .replaceAll("ReLU", "Relu")
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

export function isCamelCase(name: string): boolean {
  return /^[a-z0-9]+([A-Z][a-z0-9]*)*$/.test(name) && !/[A-Z]{2}/.test(name);
}

function mismatch(key: string, expected: string, value: unknown): ModelFormatError {
  return new ModelFormatError(`${key} must be ${expected}; got ${shown(value)}`);
}

function finite(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function integer(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : undefined;
}

function positive(value: unknown): number | undefined {
  const whole = integer(value);
  return whole !== undefined && whole >= 1 ? whole : undefined;
}

function natural(value: unknown): number | undefined {
  const whole = integer(value);
  return whole !== undefined && whole >= 0 ? whole : undefined;
}

function onlyItem(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : value;
}

function listOf(length: number | null, items: string): string {
  return length === null ? `a list of ${items}` : `${length} ${items}, or one for all`;
}

/** Every item parsed, or undefined when one does not parse. */
function every<Item>(values: readonly unknown[], parse: (value: unknown) => Item | undefined): Item[] | undefined {
  const items: Item[] = [];
  for (const value of values) {
    const item = parse(value);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}

function repeated(
  value: unknown,
  length: number | null,
  parse: (value: unknown) => number | undefined,
): readonly number[] | undefined {
  if (!Array.isArray(value)) {
    const item = parse(value);
    return item === undefined ? undefined : Array.from({ length: length ?? 1 }, () => item);
  }
  const items = every(value, parse);
  return items === undefined || length === null || items.length === length ? items : undefined;
}

function pairs(value: unknown, axes: number): readonly (readonly [number, number])[] | undefined {
  const all = natural(value);
  if (all !== undefined) return Array.from({ length: axes }, () => [all, all]);
  if (!Array.isArray(value)) return undefined;
  if (axes === 1 && value.length === 2) {
    const pair = pairOf(value);
    return pair === undefined ? undefined : [pair];
  }
  if (value.length !== axes) return undefined;
  return every(value, value.every(Array.isArray) ? pairOf : amounts);
}

/** The same on both sides. */
function amounts(value: unknown): readonly [number, number] | undefined {
  const both = natural(value);
  return both === undefined ? undefined : [both, both];
}

function pairOf(value: unknown): readonly [number, number] | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [low, high] = value.map(natural);
  return low === undefined || high === undefined ? undefined : [low, high];
}

function shape(value: unknown): readonly (number | null)[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return every<number | null>(value, (size) => (size === null || isNegative(size) ? null : natural(size)));
}

function isNegative(value: unknown): boolean {
  return (integer(value) ?? 0) < 0;
}

function activation(value: unknown): ActivationSpec | undefined {
  if (typeof value === "string") return plainFunction(value);
  if (!isObject(value) || typeof value["class_name"] !== "string") return undefined;
  const config = value["config"] ?? {};
  // Keras 3 writes a plain function as {class_name: "function", config: its name}.
  if (typeof config === "string") return plainFunction(config);
  if (!isObject(config)) return undefined;
  const className = value["class_name"];
  const isLayer = /^[A-Z]/.test(className);
  return { name: activationName(snakeCase(className)), config: new ConfigReader(config), isLayer };
}

function plainFunction(name: string): ActivationSpec {
  return { name: functionName(name), config: new ConfigReader({}), isLayer: false };
}

/** A function's name; capitals are those of camel case. */
function functionName(name: string): string {
  return activationName(isCamelCase(name) ? snakeCase(name) : name);
}

function activationName(snake: string): string {
  return snake === "silu" ? "swish" : snake;
}

function nestedLayer(value: unknown): NestedLayer | undefined {
  if (!isObject(value) || typeof value["class_name"] !== "string") return undefined;
  const config = value["config"];
  if (!isObject(config)) return undefined;
  const name = config["name"];
  return {
    className: value["class_name"],
    name: typeof name === "string" ? name : "",
    config: new ConfigReader(config),
  };
}
