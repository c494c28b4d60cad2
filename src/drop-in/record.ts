import type { ExportedModel } from "../export/export-model.ts";
import { isObject } from "../export/source/json.ts";
import { InternalError } from "../errors.ts";

import type { LayerFacts, ModelFacts, Port, Shape } from "./facts.ts";
import type { Hash } from "./surroundings.ts";

/** An ONNX file, and what is known of it. */
export interface ConvertedModel {
  readonly onnx: Uint8Array;
  /** Names of the ONNX file's outputs, in the order that was asked for. */
  readonly outputs: readonly string[];
  /** Null for one of other outputs than the model's own. */
  readonly facts: ModelFacts | null;
}

/** As {@link ConvertedModel}, in the form that is kept. */
export interface KeptRecord extends ConvertedModel {
  readonly bytes: Uint8Array;
}

const MAGIC = new TextEncoder().encode("TFJSONNX");
const HASH_BYTES = 32;
const HEADER_AT = MAGIC.length + HASH_BYTES;

/**
 * A record in one piece: `TFJSONNX`, the SHA-256 of all that follows, the length of the header (uint32, little endian), the header
 * (JSON, UTF-8), the ONNX file.
 */
export async function encodeRecord(
  exported: ExportedModel,
  { facts, outputs }: Pick<ConvertedModel, "facts" | "outputs">,
  hash: Hash,
): Promise<KeptRecord> {
  const header = new TextEncoder().encode(JSON.stringify({ facts, outputs }));
  const start = HEADER_AT + 4 + header.length;
  const bytes = new Uint8Array(start + exported.byteLength);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint32(HEADER_AT, header.length, true);
  bytes.set(header, HEADER_AT + 4);
  let offset = start;
  for (const chunk of exported.chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  if (offset !== bytes.length) throw new InternalError(`an ONNX file of ${exported.byteLength} bytes has others`);
  bytes.set(await hash(bytes.subarray(HEADER_AT)), MAGIC.length);
  return { bytes, onnx: bytes.subarray(start), facts, outputs };
}

/** The record, or null when the bytes are damaged. */
export async function decodeRecord(bytes: Uint8Array, hash: Hash): Promise<ConvertedModel | null> {
  if (bytes.length < HEADER_AT + 4 || !equal(bytes.subarray(0, MAGIC.length), MAGIC)) return null;
  const found = await hash(bytes.subarray(HEADER_AT));
  if (!equal(bytes.subarray(MAGIC.length, HEADER_AT), found)) return null;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(HEADER_AT, true);
  const start = HEADER_AT + 4 + length;
  const header: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(HEADER_AT + 4, start)));
  return isHeader(header) ? { onnx: bytes.subarray(start), ...header } : null;
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

type Guard<T> = (value: unknown) => value is T;

function listOf<T>(guard: Guard<T>): Guard<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(guard);
}

const isString: Guard<string> = (value): value is string => typeof value === "string";
const isShape: Guard<Shape> = listOf((size): size is number | null => size === null || typeof size === "number");

function isPort(value: unknown): value is Port {
  return (
    isObject(value) &&
    isString(value["key"]) &&
    isString(value["node"]) &&
    typeof value["index"] === "number" &&
    (value["onnx"] === null || isString(value["onnx"])) &&
    isString(value["dtype"]) &&
    isShape(value["shape"])
  );
}

function isLayer(value: unknown): value is LayerFacts {
  return (
    isObject(value) &&
    isString(value["name"]) &&
    isString(value["className"]) &&
    listOf(isShape)(value["outputShapes"]) &&
    (value["batchInputShape"] === null || isShape(value["batchInputShape"])) &&
    typeof value["parameters"] === "number"
  );
}

function isFacts(value: unknown): value is ModelFacts {
  return (
    isObject(value) &&
    (value["kind"] === "graph" || value["kind"] === "layers") &&
    isString(value["name"]) &&
    isString(value["className"]) &&
    listOf(isPort)(value["inputs"]) &&
    listOf(isPort)(value["outputs"]) &&
    listOf(isLayer)(value["layers"]) &&
    typeof value["parameters"] === "number"
  );
}

function isHeader(value: unknown): value is Pick<ConvertedModel, "facts" | "outputs"> {
  return isObject(value) && listOf(isString)(value["outputs"]) && (value["facts"] === null || isFacts(value["facts"]));
}
