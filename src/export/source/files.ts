import { ModelFormatError } from "../../errors.ts";

import { listed, quoted } from "./json.ts";
import type { RawModel } from "./model.ts";
import { checkGroupSize, checkShardPath, joined, MAX_JSON_BYTES, parseManifest } from "./shards.ts";

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
  const groupFiles = groups.map((group) => {
    const shards = group.paths.map((path) => weightFile(all, json, path));
    checkGroupSize(
      group,
      shards.reduce((sum, { size }) => sum + size, 0),
    );
    return shards;
  });
  const parts = await Promise.all(groupFiles.flat().map(async (file) => new Uint8Array(await file.arrayBuffer())));
  return { manifest, weights: parts.length === 0 ? null : joined(parts) };
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

function weightFile(files: readonly ModelFile[], json: ModelFile, path: string): ModelFile {
  checkShardPath(path);
  const folder = pathOf(json).slice(0, -json.name.length);
  const exact = files.filter((file) => pathOf(file) === folder + path);
  const base = path.split("/").at(-1) ?? path;
  const found = exact.length > 0 ? exact : files.filter(({ name }) => name === base);
  const [only] = found;
  if (only === undefined) {
    throw new ModelFormatError(`the weight file ${quoted(path)}, which ${json.name} lists, is not among the files`, {
      hint: "choose the model.json together with all of its weight files",
    });
  }
  if (found.length > 1) throw new ModelFormatError(`more than one file has the name ${quoted(base)}`);
  return only;
}

function pathOf({ name, webkitRelativePath = "" }: ModelFile): string {
  return webkitRelativePath === "" ? name : webkitRelativePath;
}
