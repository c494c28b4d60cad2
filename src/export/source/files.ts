import { ModelFormatError } from "../../errors.ts";
import { first } from "../../require.ts";

import { listed, quoted } from "./json.ts";
import type { RawModel } from "./model.ts";
import { allocated } from "./memory.ts";
import { checkGroupSize, checkShardPath, MAX_JSON_BYTES, parseManifest } from "./shards.ts";
import type { WeightGroup } from "./weights.ts";

/** The parts of a browser's `File` that are used here. */
export interface ModelFile {
  readonly name: string;
  readonly size: number;
  /** Path within the folder the user chose; empty for files chosen one by one. */
  readonly webkitRelativePath?: string;
  arrayBuffer(): Promise<ArrayBuffer>;
  text(): Promise<string>;
}

/**
 * A model from files a user chose or dropped: its model.json, and its weight files, found by name. Others are ignored.
 *
 * @throws {ModelFormatError} when the model.json or a weight file is missing, twice, or does not fit.
 */
export async function fromFiles(files: Iterable<ModelFile>): Promise<RawModel> {
  const all = [...files];
  const json = modelJson(all);
  if (json.size > MAX_JSON_BYTES)
    throw new ModelFormatError(`${json.name} has ${json.size} bytes, which no model.json has`);
  const { manifest, groups } = parseManifest(await json.text(), json.name);
  expectWeightFiles(all, json, groups);
  const groupFiles = groups.map((group) => {
    const shards = group.paths.map((path) => weightFile(all, json, path));
    checkGroupSize(group, totalSize(shards));
    return shards;
  });
  return { manifest, weights: await readAll(groupFiles.flat()) };
}

/** The files one behind the other. They are read one at a time, so that only one is in memory twice. */
async function readAll(files: readonly ModelFile[]): Promise<Uint8Array | null> {
  if (files.length === 0) return null;
  if (files.length === 1) return new Uint8Array(await first(files).arrayBuffer());
  const whole = allocated(totalSize(files));
  let offset = 0;
  for (const file of files) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (bytes.byteLength !== file.size) {
      throw new ModelFormatError(`${file.name} gave ${bytes.byteLength} bytes, where its size is ${file.size}`, {
        hint: "choose the files again: this one was changed meanwhile",
      });
    }
    whole.set(bytes, offset);
    offset += bytes.byteLength;
  }
  return whole;
}

function totalSize(files: readonly ModelFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

function modelJson(files: readonly ModelFile[]): ModelFile {
  const exact = files.filter(({ name }) => name === "model.json");
  const found = exact.length > 0 ? exact : files.filter(({ name }) => name.toLowerCase().endsWith(".json"));
  const [only] = found;
  if (only === undefined) {
    throw new ModelFormatError(`no model.json among the files: ${listed(files.map(({ name }) => name)) || "none"}`, {
      hint: "choose the model.json together with its weight files",
    });
  }
  if (found.length > 1) {
    throw new ModelFormatError(`more than one file may be the model.json: ${listed(found.map(pathOf))}`, {
      hint: "choose the files of one model",
    });
  }
  return only;
}

/** @throws {ModelFormatError} naming all weight files that are missing */
function expectWeightFiles(files: readonly ModelFile[], json: ModelFile, groups: readonly WeightGroup[]): void {
  const paths = groups.flatMap((group) => group.paths);
  const missing = paths.filter((path) => weightFiles(files, json, path).length === 0);
  if (missing.length === 0) return;
  const message =
    missing.length === 1
      ? `the weight file ${quoted(first(missing))}, which ${json.name} lists, is not among the files`
      : `${missing.length} of the ${paths.length} weight files that ${json.name} lists are not among the files: ${listed(missing)}`;
  throw new ModelFormatError(message, { hint: "choose the model.json together with all of its weight files" });
}

function weightFile(files: readonly ModelFile[], json: ModelFile, path: string): ModelFile {
  const found = weightFiles(files, json, path);
  if (found.length > 1) throw new ModelFormatError(`more than one file has the name ${quoted(first(found).name)}`);
  return first(found);
}

/** The file at a weight file's path; without one, those of its name. */
function weightFiles(files: readonly ModelFile[], json: ModelFile, path: string): readonly ModelFile[] {
  checkShardPath(path);
  const folder = pathOf(json).slice(0, -json.name.length);
  const exact = files.filter((file) => pathOf(file) === folder + path);
  const base = path.split("/").at(-1) ?? path;
  return exact.length > 0 ? exact : files.filter(({ name }) => name === base);
}

function pathOf({ name, webkitRelativePath = "" }: ModelFile): string {
  return webkitRelativePath === "" ? name : webkitRelativePath;
}
