import { ModelFormatError } from "../../errors.ts";

import { isObject, parseJson, plainJson, quoted } from "./json.ts";
import { readWeightsManifest, type WeightGroup } from "./weights.ts";

/** Limit on the size of a model.json, in bytes. The largest one seen has 2 MB. */
export const MAX_JSON_BYTES: number = 64 * 2 ** 20;
/** Limit on the number of shards. With TF.js's usual 4 MB for each they hold 40 GB. */
const MAX_SHARDS = 10_000;

/** The parts of a model.json whose weight files are still to be read. */
export interface ParsedManifest {
  readonly manifest: Readonly<Record<string, unknown>>;
  /** Groups that have weight files, in the order their bytes follow each other. */
  readonly groups: readonly WeightGroup[];
}

/**
 * Parse the text of a model.json, and say which weight files belong to it.
 *
 * @param name Where the text comes from, for messages: a path or an address.
 * @throws {ModelFormatError} when it is not JSON, or lists no files for its weights.
 */
export function parseManifest(text: string, name: string): ParsedManifest {
  const manifest = parseObject(text, name);
  const listed = Object.hasOwn(manifest, "weightsManifest") ? manifest["weightsManifest"] : [];
  const groups = readWeightsManifest(plainJson(listed ?? [], "weightsManifest"));
  const shards = groups.reduce((sum, { paths }) => sum + paths.length, 0);
  if (shards > MAX_SHARDS) throw new ModelFormatError(`${name} lists ${shards} weight files, more than ${MAX_SHARDS}`);
  for (const { paths, byteLength } of groups) {
    if (paths.length === 0 && byteLength > 0) {
      throw new ModelFormatError(`${name} lists weights without the files that hold them (weightsManifest: paths)`);
    }
  }
  return { manifest, groups: groups.filter(({ paths }) => paths.length > 0) };
}

function parseObject(text: string, name: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parseJson(text.replace(/^\uFEFF/, ""), name);
  } catch (cause) {
    if (cause instanceof ModelFormatError) throw cause;
    throw notJson(text, name, cause);
  }
  if (isObject(value)) return value;
  throw new ModelFormatError(`${name} is JSON, but not a TF.js model: it must hold an object`);
}

function notJson(text: string, name: string, cause: unknown): ModelFormatError {
  const start = text.trimStart().slice(0, 20);
  if (start === "") return new ModelFormatError(`${name} is empty`, { cause });
  if (start.startsWith("<")) {
    return new ModelFormatError(`${name} is a web page, not a model.json`, {
      hint: "give the address of the file itself (the raw file, on a code host)",
      cause,
    });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ModelFormatError(`${name} is not JSON: ${reason}`, {
    hint: "give the model.json of a TF.js model; if this is one, it was cut off or damaged",
    cause,
  });
}

/**
 * Check that a weight file's path stays in the folder of the model.json.
 *
 * @throws {ModelFormatError} for absolute paths, addresses, and paths through `..`.
 */
export function checkShardPath(path: string): void {
  const isAbsolute = /^([a-z][a-z0-9+.-]*:|[/\\])/i.test(path);
  const climbs = path.split(/[/\\]/).some((part) => decoded(part) === "..");
  if (!isAbsolute && !climbs && !path.includes("\0")) return;
  throw new ModelFormatError(`the weight file ${quoted(path)} is not within the folder of the model.json`, {
    hint: "weight files must be listed by paths relative to the model.json; do not use models from sources you do not trust",
  });
}

function decoded(part: string): string {
  return part.replaceAll(/%2e/gi, ".");
}

/** @throws {ModelFormatError} when the files of a group hold more or less than its weights. */
export function checkGroupSize(group: WeightGroup, byteLength: number): void {
  if (byteLength === group.byteLength || (group.hasStrings && byteLength > group.byteLength)) return;
  const [first = ""] = group.paths;
  const several = group.paths.length > 1;
  const files = several
    ? `the ${group.paths.length} weight files from ${quoted(first)} on are`
    : `the weight file ${quoted(first)} is`;
  const fault = byteLength < group.byteLength ? "too short" : "too long";
  throw new ModelFormatError(
    `${files} ${fault}: ${byteLength} bytes, where the model.json lists weights of ${group.byteLength}`,
    { hint: "the model.json and its weight files must come from the same export; copy or download all of them again" },
  );
}

/** `work` on each item, some at once; the first failure stops the rest. */
export async function inParallel<Item>(
  items: readonly Item[],
  most: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const item of rest) {
      if (failed) return;
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
}
