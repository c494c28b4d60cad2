import { InferenceError } from "../../errors.ts";
import { at } from "../../require.ts";

import type { GramLevel, GramTable } from "./n-gram.ts";

/** Nats for one step of a packed logarithm, of which a byte counts up to 255. */
const NATS = 0.08;

/** Tables of more classes have no room in a byte. */
const MOST_CLASSES = 256;

/**
 * A table in base64. It begins with the order, the number of classes and the root's rest. Then come the levels. Each has the number of
 * its nodes, then the nodes' classes, then their logarithms. All levels but the last also have the nodes' rests, then their numbers of
 * children. A number is written in groups of seven bits, the lowest first. A logarithm is a whole multiple of -0.08.
 *
 * @throws {InferenceError} when there are more than 256 classes
 */
export function packGrams({ order, classes, rest, levels }: GramTable): string {
  if (classes > MOST_CLASSES) {
    throw new InferenceError(`a packed language model has at most ${MOST_CLASSES} characters; this one has ${classes}`);
  }
  const bytes: number[] = [];
  writeNumber(bytes, order);
  writeNumber(bytes, classes);
  bytes.push(toByte(rest));
  for (const { symbols, logs, rests, children } of levels) {
    writeNumber(bytes, symbols.length);
    for (const symbol of symbols) bytes.push(symbol);
    for (const log of logs) bytes.push(toByte(log));
    for (const log of rests) bytes.push(toByte(log));
    for (let node = 0; node + 1 < children.length; node++)
      writeNumber(bytes, at(children, node + 1) - at(children, node));
  }
  let text = "";
  for (let from = 0; from < bytes.length; from += 8192) text += String.fromCharCode(...bytes.slice(from, from + 8192));
  return btoa(text);
}

function toByte(log: number): number {
  return Math.min(255, Math.max(0, Math.round(-log / NATS)));
}

function writeNumber(bytes: number[], value: number): void {
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push(128 | (left % 128));
  bytes.push(left);
}

/**
 * The table that {@link packGrams} wrote.
 *
 * @throws {InferenceError} when it is none, or not of so many classes
 */
export function unpackGrams(packed: string, classes: number): GramTable {
  const reader = new Reader(bytesOf(packed));
  const order = reader.number();
  const found = reader.number();
  if (found !== classes) throw damaged(`it is of ${found} characters; the model has ${classes}`);
  if (order < 1 || order > MOST_ORDER) throw damaged(`its order is ${order}`);
  const rest = reader.log();
  const levels: GramLevel[] = [];
  let expected = -1;
  for (let level = 0; level < order; level++) {
    const count = reader.number();
    if (expected >= 0 && count !== expected)
      throw damaged(`level ${level} has ${count} nodes; its parents have ${expected}`);
    const symbols = Uint16Array.from(reader.take(count));
    if (symbols.some((symbol) => symbol >= classes)) throw damaged("a character is none of the model's");
    const logs = reader.logs(count);
    const isLast = level + 1 === order;
    const rests = isLast ? new Float32Array() : reader.logs(count);
    const children = isLast ? new Uint32Array() : reader.sums(count);
    if (!isLast) expected = at(children, count);
    levels.push({ symbols, children, logs, rests });
  }
  reader.end();
  return { order, classes, rest, levels };
}

const MOST_ORDER = 16;

function bytesOf(packed: string): Uint8Array {
  try {
    return Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw damaged("it is not base64", cause);
  }
}

function damaged(why: string, cause?: unknown): InferenceError {
  return new InferenceError(`the model's language model is damaged: ${why}`, {
    cause,
    hint: "export the model again, or read without it: infer --greedy",
  });
}

class Reader {
  readonly #bytes: Uint8Array;
  #place = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 31; scale *= 128) {
      const byte = this.#byte();
      value += scale * (byte % 128);
      if (byte < 128) return value;
    }
    throw damaged("a number is too large");
  }

  log(): number {
    return -NATS * this.#byte();
  }

  logs(count: number): Float32Array {
    return Float32Array.from(this.take(count), (byte) => -NATS * byte);
  }

  /** 0, then the sums of the first 1, 2, ... numbers. */
  sums(count: number): Uint32Array {
    const sums = new Uint32Array(count + 1);
    for (let index = 0; index < count; index++) sums[index + 1] = at(sums, index) + this.number();
    return sums;
  }

  take(count: number): Uint8Array {
    if (this.#place + count > this.#bytes.length) throw damaged("it ends too early");
    this.#place += count;
    return this.#bytes.subarray(this.#place - count, this.#place);
  }

  end(): void {
    if (this.#place !== this.#bytes.length) throw damaged("it has more than it says");
  }

  #byte(): number {
    const [byte] = this.take(1);
    if (byte === undefined) throw damaged("it ends too early");
    return byte;
  }
}
