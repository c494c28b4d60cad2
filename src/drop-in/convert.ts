import { InternalError, ToolError } from "../errors.ts";
import { exportAnySource, readAnyModel, type AnySource } from "../export/any-source.ts";
import { isGraphModel, readLayersModel } from "../export/source/layers-model.ts";
import type { ExportedModel } from "../export/export-model.ts";
import type { RawModel } from "../export/source/model.ts";
import { VERSION } from "../version.ts";

import { factsOf, type ModelFacts } from "./facts.ts";
import type { Tell } from "./notes.ts";
import { CACHE_OPTIONS, type CacheOptions, type DropInOptions } from "./options.ts";
import { decodeRecord, encodeRecord, toHex, type ConvertedModel } from "./record.ts";
import type { Hash, ModelStore, Surroundings } from "./surroundings.ts";
import { checkOptions } from "../options.ts";

const DEFAULT_MAX_BYTES = 512 * 2 ** 20;
/** Changes with what a kept record holds. */
const FORMAT = 1;

/** What a model is converted from, and into what. */
export interface Conversion {
  readonly raw: RawModel;
  readonly kind: ModelFacts["kind"];
  /** Names of inner tensors to give instead of the model's outputs. */
  readonly outputs: readonly string[] | null;
  readonly options: DropInOptions;
}

export interface FoundModel extends ConvertedModel {
  /** The model was converted before, and its file was found. */
  readonly fromCache: boolean;
}

/**
 * The ONNX file of a model: a kept one, or one that is made now and kept. Whatever is wrong with the place of kept models is told,
 * and the model is converted.
 *
 * @param key The model's content; see {@link contentHash}. Null where this page may not compute hashes.
 * @throws {ToolError} when the model is of the other kind
 */
export async function convertedModel(
  conversion: Conversion,
  content: string | null,
  surroundings: Surroundings,
  warn: Tell,
): Promise<FoundModel> {
  const { options, raw, kind, outputs } = conversion;
  expectKind(raw, kind);
  const cache = cacheOptions(options);
  const { hash } = surroundings;
  if (cache === null || content === null || hash === null) {
    return { ...(await convertPlainly(conversion)), fromCache: false };
  }
  const key = await recordKey(content, conversion, hash);
  const store = openStore(surroundings, cache, warn);
  const kept = store === null ? null : await readKept(store, key, outputs, hash, warn);
  if (kept !== null) return { ...kept, fromCache: true };
  const { exported, ...about } = await convert(conversion);
  const record = await encodeRecord(exported, about, hash);
  const { maxBytes = DEFAULT_MAX_BYTES } = cache;
  if (store !== null && record.bytes.byteLength <= maxBytes) {
    await store.put(key, record.bytes, maxBytes).catch((error: unknown) => warn(notKept(error)));
  }
  return { onnx: record.onnx, facts: record.facts, outputs: record.outputs, fromCache: false };
}

/**
 * Hash of all that a model is: its model.json and its weights. Null where it cannot be computed, which is told when it keeps models from
 * being kept.
 */
export async function contentHash(
  { manifest, weights, live }: RawModel,
  { hash }: Pick<Surroundings, "hash">,
): Promise<string | null> {
  if (hash === null) return null;
  const own = toHex(await hash(weights ?? new Uint8Array()));
  const text = textOf([manifest, own, live === true]);
  return text === null ? null : toHex(await hash(new TextEncoder().encode(text)));
}

/** Null for what is no JSON, which the converter refuses with a reason. */
function textOf(value: unknown): string | null {
  try {
    return JSON.stringify(value);
  } catch {
    return null;
  }
}

/** Null: nothing is kept. Converters of the user's own are code, which no key can tell apart. */
function cacheOptions({ cache = true, exportOptions }: DropInOptions): CacheOptions | null {
  if (cache === false) return null;
  if (exportOptions?.converters !== undefined || exportOptions?.opConverters !== undefined) return null;
  if (cache === true) return {};
  checkOptions("cache", cache, CACHE_OPTIONS);
  const { maxBytes = DEFAULT_MAX_BYTES } = cache;
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 0) return cache;
  throw new RangeError(`cache.maxBytes takes a whole number from 0; got ${String(cache.maxBytes)}`);
}

async function recordKey(content: string, { outputs, options }: Conversion, hash: Hash): Promise<string> {
  const { exportOptions = {}, strict = true } = options;
  const how = JSON.stringify(
    [FORMAT, VERSION, content, outputs, strict, Object.entries(exportOptions).toSorted(([a], [b]) => (a < b ? -1 : 1))],
    // JSON has no maps (activationRanges is one): all would be {}.
    (_, value: unknown) => (value instanceof Map ? [...value] : value),
  );
  return toHex(await hash(new TextEncoder().encode(how)));
}

function openStore(surroundings: Surroundings, cache: CacheOptions, warn: Tell): ModelStore | null {
  try {
    return surroundings.openStore(cache);
  } catch (error) {
    warn(notKept(error));
    return null;
  }
}

async function readKept(
  store: ModelStore,
  key: string,
  outputs: readonly string[] | null,
  hash: Hash,
  warn: Tell,
): Promise<ConvertedModel | null> {
  try {
    const bytes = await store.get(key);
    if (bytes === null) return null;
    const record = await decodeRecord(bytes, hash);
    if (record !== null && (record.facts === null) === (outputs !== null)) return record;
    warn("a kept model is damaged; it is converted again");
    await store.delete(key);
  } catch (error) {
    warn(`kept models cannot be read, so this one is converted again: ${reasonOf(error)}`);
  }
  return null;
}

function notKept(error: unknown): string {
  return `the converted model cannot be kept, so it is converted again at the next load: ${reasonOf(error)}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

async function convertPlainly(conversion: Conversion): Promise<ConvertedModel> {
  const { exported, ...about } = await convert(conversion);
  return { onnx: exported.bytes, ...about };
}

async function convert({
  raw,
  kind,
  outputs,
  options,
}: Conversion): Promise<Pick<ConvertedModel, "facts" | "outputs"> & { readonly exported: ExportedModel }> {
  const source = await readKind(raw, kind, options);
  const exported = await exportAnySource(source, {
    ...options.exportOptions,
    ...(outputs === null ? {} : { outputs }),
  });
  if (outputs === null) {
    const facts = factsOf(source, exported, raw.manifest);
    return { exported, facts, outputs: exported.outputs.map(({ name }) => name) };
  }
  return { exported, facts: null, outputs: outputs.map((name, index) => outputName(exported, name, index)) };
}

async function readKind(raw: RawModel, kind: ModelFacts["kind"], options: DropInOptions): Promise<AnySource> {
  if (kind === "graph") return readAnyModel(raw);
  return readLayersModel(raw, { ignoreUnused: options.strict === false });
}

/** A layer with several outputs has them all in the file: the first has its name. A Graph model has one for each name. */
function outputName(exported: ExportedModel, wanted: string, index: number): string {
  const own =
    exported.kind === "graph" ? exported.outputs[index] : exported.outputs.find(({ name }) => name === wanted);
  if (own !== undefined) return own.name;
  throw new InternalError(`the output ${wanted} was asked for and is not in the exported model`);
}

/** @throws {ToolError} when a Graph model is loaded as a Layers model, or the other way round */
function expectKind(raw: RawModel, kind: ModelFacts["kind"]): void {
  if (isGraphModel(raw.manifest) === (kind === "graph")) return;
  throw kind === "graph"
    ? new ToolError("this is a Layers model, not a Graph model", { hint: "load it with loadLayersModel" })
    : new ToolError("this is a Graph model, not a Layers model", { hint: "load it with loadGraphModel" });
}
