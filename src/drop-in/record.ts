import type { ExportedModel } from "../export/export-model.ts";
import { isObject } from "../export/source/json.ts";
import { InternalError } from "../errors.ts";
import type { SessionHeader } from "../infer/optimized-model.ts";
import { isDType } from "../onnx/element-type.ts";
import type { OutputInfo, ValueInfo } from "../onnx/header.ts";

import type { LayerFacts, ModelFacts, Port, Shape } from "./facts.ts";
import type { Hash } from "./surroundings.ts";

/** An ONNX file, and what is known of it. */
export interface ConvertedModel {
  readonly onnx: Uint8Array;
  /** What the exported file says of itself, where `onnx` is the runtime's optimised graph of it; else null. */
  readonly optimized: SessionHeader | null;
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
const CHECKSUM_BYTES = 32;
const HEADER_AT = MAGIC.length + CHECKSUM_BYTES;

/**
 * A record in one piece: `TFJSONNX`, a checksum, the length of the header (uint32, little endian), the header (JSON, UTF-8), the
 * ONNX file. The checksum is of all that follows it, and has 32 bytes; a shorter one ends in zeros.
 */
export async function encodeRecord(
  exported: Pick<ExportedModel, "chunks" | "byteLength">,
  about: Omit<ConvertedModel, "onnx">,
  checksum: Hash,
): Promise<KeptRecord> {
  const header = new TextEncoder().encode(JSON.stringify(about, withCollections));
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
  bytes.set(await checksum(bytes.subarray(HEADER_AT)), MAGIC.length);
  return { bytes, onnx: bytes.subarray(start), ...about };
}

/** The record, or null when the bytes are damaged. */
export async function decodeRecord(bytes: Uint8Array, checksum: Hash): Promise<ConvertedModel | null> {
  if (bytes.length < HEADER_AT + 4 || !equal(bytes.subarray(0, MAGIC.length), MAGIC)) return null;
  const found = new Uint8Array(CHECKSUM_BYTES);
  found.set(await checksum(bytes.subarray(HEADER_AT)));
  if (!equal(bytes.subarray(MAGIC.length, HEADER_AT), found)) return null;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(HEADER_AT, true);
  const start = HEADER_AT + 4 + length;
  const header: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(HEADER_AT + 4, start)));
  if (!isHeader(header)) return null;
  const { optimized, ...rest } = header;
  return { onnx: bytes.subarray(start), ...rest, optimized: optimized === null ? null : sessionHeader(optimized) };
}

/** For `JSON.stringify`, which has no maps and sets: they become lists. */
function withCollections(_: string, value: unknown): unknown {
  return value instanceof Map || value instanceof Set ? [...value] : value;
}

/** A {@link SessionHeader} in JSON. */
interface HeaderText {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly OutputInfo[];
  readonly operators: readonly string[];
  readonly metadata: readonly (readonly [string, string])[];
}

function sessionHeader({ inputs, outputs, operators, metadata }: HeaderText): SessionHeader {
  return { inputs, outputs, operators: new Set(operators), metadata: new Map(metadata) };
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

function isOutput(value: unknown): value is OutputInfo {
  return (
    isObject(value) &&
    isString(value["name"]) &&
    (value["dtype"] === null || (isString(value["dtype"]) && isDType(value["dtype"]))) &&
    listOf(isSize)(value["dims"]) &&
    (value["anyRank"] === undefined || value["anyRank"] === true)
  );
}

const isSize: Guard<number | string | null> = (value): value is number | string | null =>
  value === null || typeof value === "number" || typeof value === "string";

function isInput(value: unknown): value is ValueInfo {
  return isOutput(value) && value.dtype !== null;
}

function isHeaderText(value: unknown): value is HeaderText {
  return (
    isObject(value) &&
    listOf(isInput)(value["inputs"]) &&
    listOf(isOutput)(value["outputs"]) &&
    listOf(isString)(value["operators"]) &&
    listOf(isEntry)(value["metadata"])
  );
}

function isEntry(value: unknown): value is readonly [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every(isString);
}

type RecordHeader = Omit<ConvertedModel, "onnx" | "optimized"> & { readonly optimized: HeaderText | null };

function isHeader(value: unknown): value is RecordHeader {
  return (
    isObject(value) &&
    listOf(isString)(value["outputs"]) &&
    (value["facts"] === null || isFacts(value["facts"])) &&
    (value["optimized"] === null || isHeaderText(value["optimized"]))
  );
}
