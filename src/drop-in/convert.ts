import { ToolError } from "../errors.ts";
import { isGraphModel } from "../export/source/model-kind.ts";
import type { OptimizedModel } from "../infer/optimized-model.ts";
import type { RawModel } from "../export/source/model.ts";
import { VERSION } from "../version.ts";

import type { NewlyConverted } from "./conversion.ts";
import type { ModelFacts } from "./facts.ts";
import type { Tell } from "./notes.ts";
import { CACHE_OPTIONS, type CacheOptions, type DropInOptions } from "./options.ts";
import { decodeRecord, encodeRecord, toHex, type ConvertedModel } from "./record.ts";
import type { Hash, ModelStore, OpenedModel, Surroundings } from "./surroundings.ts";
import { checkOptions } from "../options.ts";

const DEFAULT_MAX_BYTES = 512 * 2 ** 20;
/** Changes with what a kept record holds. */
const FORMAT = 2;

/** What a model is converted from, and into what. */
export interface Conversion {
  readonly model: OpenedModel;
  readonly kind: ModelFacts["kind"];
  /** Names of inner tensors to give instead of the model's outputs. */
  readonly outputs: readonly string[] | null;
  readonly options: DropInOptions;
  /** Of a runtime whose optimised graph serves as well; see {@link OptimizingRuntime}. */
  readonly fingerprint: string | null;
}

export interface FoundModel extends ConvertedModel {
  /** The model was converted before, and its file was found. */
  readonly fromCache: boolean;
  /** Keeps the model, with the runtime's optimised graph in place of the file where there is one. Does nothing where all is kept. */
  keep(optimized: OptimizedModel | null): Promise<void>;
  /** Removes what is kept of it. */
  forget(): Promise<void>;
}

const NOTHING_KEPT = { keep: () => Promise.resolve(), forget: () => Promise.resolve() };

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
  const { options, model, kind, outputs, fingerprint } = conversion;
  expectKind(model.manifest, kind);
  const cache = cacheOptions(options);
  const { hash, checksum } = surroundings;
  if (cache === null || content === null || hash === null || checksum === null) {
    return { ...(await convertPlainly(conversion)), fromCache: false, ...NOTHING_KEPT };
  }
  const key = await recordKey(content, conversion, hash);
  const optimizedKey =
    fingerprint === null ? null : toHex(await hash(new TextEncoder().encode(`${key} ${fingerprint}`)));
  const store = openStore(surroundings, cache, warn);
  const { maxBytes = DEFAULT_MAX_BYTES } = cache;
  const put = async (under: string, bytes: Uint8Array): Promise<void> => {
    if (bytes.byteLength > maxBytes) return;
    await store?.put(under, bytes, maxBytes).catch((error: unknown) => warn(notKept(error)));
  };
  const forget = async (): Promise<void> => {
    for (const each of [key, optimizedKey]) if (each !== null) await store?.delete(each);
  };
  const keepOptimized = async ({ bytes, header }: OptimizedModel, about: ConvertedModel): Promise<void> => {
    if (optimizedKey === null) return;
    const { facts, outputs: names } = about;
    const whole = { chunks: [bytes], byteLength: bytes.byteLength };
    await put(optimizedKey, (await encodeRecord(whole, { facts, outputs: names, optimized: header }, checksum)).bytes);
    await store?.delete(key).catch(() => undefined);
  };
  for (const each of store === null ? [] : [optimizedKey, key]) {
    const kept = each === null || store === null ? null : await readKept(store, each, outputs, checksum, warn);
    if (kept === null) continue;
    const keep = async (optimized: OptimizedModel | null): Promise<void> => {
      if (optimized !== null && kept.optimized === null) await keepOptimized(optimized, kept);
    };
    return { ...kept, fromCache: true, keep, forget };
  }
  const { exported, ...about } = await convert(conversion);
  const record = await encodeRecord(exported, { ...about, optimized: null }, checksum);
  const keep = async (optimized: OptimizedModel | null): Promise<void> =>
    optimized === null ? put(key, record.bytes) : keepOptimized(optimized, record);
  return { onnx: record.onnx, ...about, optimized: null, fromCache: false, keep, forget };
}

/**
 * {@link contentHash} of a model. A model that was read before, of which nothing changed since, is not read again: its identity is kept with
 * its hash.
 */
export async function contentOf(
  model: OpenedModel,
  options: DropInOptions,
  surroundings: Surroundings,
): Promise<string | null> {
  const { hash } = surroundings;
  const cache = cacheOptions(options);
  const { identity } = model;
  if (cache === null || hash === null || identity === null) return contentHash(await model.read(), surroundings);
  const key = toHex(await hash(new TextEncoder().encode(JSON.stringify(["identity", FORMAT, identity]))));
  // Whatever is wrong with the place of kept models is told when the model itself is looked for there.
  const store = openStore(surroundings, cache, () => undefined);
  const known = new TextDecoder().decode((await store?.get(key).catch(() => null)) ?? undefined);
  if (/^[\da-f]{64}$/u.test(known)) {
    options.onProgress?.(1);
    return known;
  }
  const content = await contentHash(await model.read(), surroundings);
  const { maxBytes = DEFAULT_MAX_BYTES } = cache;
  if (content !== null && content.length <= maxBytes) {
    await store?.put(key, new TextEncoder().encode(content), maxBytes).catch(() => undefined);
  }
  return content;
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
  checksum: Hash,
  warn: Tell,
): Promise<ConvertedModel | null> {
  try {
    const bytes = await store.get(key);
    if (bytes === null) return null;
    const record = await decodeRecord(bytes, checksum);
    if (record !== null && (record.facts === null) === (outputs !== null)) return record;
    warn("a kept model is damaged; it is converted again");
    await store.delete(key);
  } catch (error) {
    warn(`kept models cannot be read, so this one is converted again: ${reasonOf(error)}`);
  }
  return null;
}

const ADVICE = "clearCache() makes room, the option cache: false keeps nothing and says nothing";

function notKept(error: unknown): string {
  return `the converted model cannot be kept, so it is converted again at the next load: ${reasonOf(error)} (${ADVICE})`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

async function convertPlainly(conversion: Conversion): Promise<ConvertedModel> {
  const { exported, ...about } = await convert(conversion);
  return { onnx: exported.bytes, ...about, optimized: null };
}

/** The converter is loaded when a model is converted: a kept one needs none of it. */
async function convert(conversion: Conversion): Promise<NewlyConverted> {
  return (await import("./conversion.ts")).convert(conversion);
}

/** @throws {ToolError} when a Graph model is loaded as a Layers model, or the other way round */
function expectKind(manifest: unknown, kind: ModelFacts["kind"]): void {
  if (isGraphModel(manifest) === (kind === "graph")) return;
  throw kind === "graph"
    ? new ToolError("this is a Layers model, not a Graph model", { hint: "load it with loadLayersModel" })
    : new ToolError("this is a Graph model, not a Layers model", { hint: "load it with loadGraphModel" });
}
