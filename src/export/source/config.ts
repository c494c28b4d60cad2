import { ExportError } from "../../errors.ts";
import { ACTIVATIONS, type Activation } from "../activation.ts";

/**
 * Typed view of one layer's serialized configuration (Keras 2's snake_case keys). Every read names the key it failed on;
 * keys that are not read are ignored. A read with a default takes it when the key is absent or null.
 */
export class ConfigReader {
  readonly #config: ReadonlyMap<string, unknown>;

  /** @throws {ExportError} when the configuration is not an object */
  constructor(config: unknown) {
    if (!isRecord(config)) throw new ExportError(`its configuration must be an object, got ${show(config)}`);
    this.#config = new Map(Object.entries(config));
  }

  /** Whether the key is there and not null. */
  has(key: string): boolean {
    return (this.#config.get(key) ?? null) !== null;
  }

  /** The value as it is, for keys with a form of their own. */
  raw(key: string): unknown {
    return this.#config.get(key);
  }

  number(key: string, otherwise?: number): number {
    const value = this.#read(key, otherwise);
    if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(key, "a finite number", value);
    return value;
  }

  integer(key: string, otherwise?: number): number {
    const value = this.number(key, otherwise);
    if (!Number.isSafeInteger(value)) throw wrong(key, "a whole number", value);
    return value;
  }

  positiveInteger(key: string, otherwise?: number): number {
    const value = this.integer(key, otherwise);
    if (value < 1) throw wrong(key, "a whole number of at least 1", value);
    return value;
  }

  boolean(key: string, otherwise?: boolean): boolean {
    const value = this.#read(key, otherwise);
    if (typeof value !== "boolean") throw wrong(key, "true or false", value);
    return value;
  }

  string(key: string, otherwise?: string): string {
    const value = this.#read(key, otherwise);
    if (typeof value !== "string") throw wrong(key, "a text", value);
    return value;
  }

  oneOf<const Choice extends string>(key: string, choices: readonly Choice[], otherwise?: Choice): Choice {
    const value = this.#read(key, otherwise);
    const match = choices.find((choice) => choice === value);
    if (match === undefined) throw wrong(key, `one of ${choices.join(", ")}`, value);
    return match;
  }

  /** A list of whole numbers of any length. */
  integers(key: string, otherwise?: readonly number[]): number[] {
    const value = this.#read(key, otherwise);
    const isWhole = (item: unknown): item is number => Number.isSafeInteger(item);
    if (!Array.isArray(value) || !value.every(isWhole)) throw wrong(key, "a list of whole numbers", value);
    return value;
  }

  /** `count` whole numbers of at least 1; a single number stands for all of them. */
  sizes(key: string, count: number, otherwise?: number | readonly number[]): number[] {
    const value = this.#read(key, otherwise);
    const list = typeof value === "number" ? Array.from({ length: count }, () => value) : value;
    const isSize = (item: unknown): item is number => Number.isSafeInteger(item) && Number(item) >= 1;
    if (!Array.isArray(list) || !list.every(isSize)) {
      throw wrong(key, `${count} whole numbers of at least 1`, value);
    }
    if (list.length === count) return list;
    if (list.length === 1) return Array.from({ length: count }, () => list[0] ?? 1);
    throw wrong(key, `${count} whole numbers of at least 1`, value);
  }

  /** A shape: whole numbers of at least 0, null where a dimension is free. */
  shape(key: string, otherwise?: readonly (number | null)[]): (number | null)[] {
    const value = this.#read(key, otherwise);
    const isDim = (item: unknown): item is number | null =>
      item === null || (Number.isSafeInteger(item) && Number(item) >= 0);
    if (!Array.isArray(value) || !value.every(isDim)) throw wrong(key, "a list of sizes", value);
    return value;
  }

  dataFormat(key = "data_format"): "channels_last" | "channels_first" {
    return this.oneOf(key, ["channels_last", "channels_first"], "channels_last");
  }

  /** An activation by name, in snake or camel case, or as a serialized object; linear when absent. */
  activation(key: string, keras3: boolean, otherwise: Activation = "linear"): Activation {
    const value = this.#config.get(key) ?? null;
    return value === null ? otherwise : readActivation(key, value, keras3);
  }

  /** A wrapped layer or cell: `{class_name, config}`. */
  layer(key: string): WrappedLayer {
    return readLayer(key, this.#config.get(key));
  }

  /** A list of wrapped layers or cells. */
  layers(key: string): WrappedLayer[] {
    const value = this.#config.get(key);
    if (!Array.isArray(value)) throw wrong(key, "a list of layers", value);
    return value.map((item: unknown, index) => readLayer(`${key}[${index}]`, item));
  }

  #read(key: string, otherwise: unknown): unknown {
    return this.#config.get(key) ?? otherwise;
  }
}

/** A layer inside another's configuration. */
export interface WrappedLayer {
  readonly className: string;
  readonly name: string | null;
  readonly config: ConfigReader;
}

function readLayer(key: string, value: unknown): WrappedLayer {
  if (!isRecord(value)) throw wrong(key, "a layer", value);
  const className = value["class_name"];
  const config = value["config"];
  if (typeof className !== "string" || !isRecord(config)) throw wrong(key, "a layer", value);
  const name = config["name"];
  return { className, name: typeof name === "string" ? name : null, config: new ConfigReader(config) };
}

function readActivation(key: string, value: unknown, keras3: boolean): Activation {
  const name = isRecord(value) ? (isRecord(value["config"]) ? (value["config"]["name"] ?? value["class_name"]) : value["class_name"]) : value;
  if (typeof name !== "string") throw wrong(key, "the name of an activation", value);
  const snake = name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/^silu$/, "swish");
  if (snake === "hard_sigmoid" && keras3) return "hard_sigmoid_keras3";
  const match = ACTIVATIONS.find((activation) => activation === snake);
  if (match === undefined) throw wrong(key, `one of ${ACTIVATIONS.join(", ")}`, value);
  return match;
}

/** A plain object, whatever its prototype. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(key: string, expected: string, value: unknown): ExportError {
  return new ExportError(`${key} must be ${expected}; got ${show(value)}`);
}

const LONGEST_SHOWN = 120;

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number") return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
