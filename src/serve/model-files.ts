import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";

import { ModelFormatError, UsageError } from "../errors.ts";
import { codeOf } from "../node/error-code.ts";
import { shippedModel } from "../node/shipped-models.ts";

/** A file to serve. */
export interface ModelPlace {
  readonly name: string;
  readonly version: string;
  readonly path: string;
}

/** What one argument of the command names: finds its files, anew each time. */
export type ModelSource = () => Promise<readonly ModelPlace[]>;

/** As Triton takes them; they become parts of a URL. */
const NAME = /^[\w][\w.-]{0,99}$/u;
const VERSION = /^[1-9]\d{0,8}$/u;
const FILE = "model.onnx";

/**
 * The models that a command line names. Each argument is one of these:
 *
 * - FILE.onnx
 * - a folder with one model.onnx; the model is named after the folder
 * - a folder with versions: 1/model.onnx, 2/model.onnx
 * - a model repository of Triton: a folder that holds such folders
 * - the name of a shipped model
 * - NAME=PATH, where PATH is a file, a folder with one model.onnx, or a folder with versions
 *
 * @throws {UsageError} for a name that is none, or is given twice. @throws {ToolError} when there is no such model
 */
export async function modelSources(args: readonly string[]): Promise<ModelSource[]> {
  const sources: ModelSource[] = [];
  for (const arg of args) sources.push(await sourceOf(arg));
  const owners = new Map<string, string>();
  for (const [index, source] of sources.entries()) {
    const arg = args[index] ?? "";
    for (const name of new Set((await source()).map((place) => place.name))) {
      const owner = owners.get(name);
      if (owner !== undefined) {
        throw new UsageError(`${owner} and ${arg} are both called ${name}`, { hint: "name one of them: NAME=FILE" });
      }
      owners.set(name, arg);
    }
  }
  return sources;
}

async function sourceOf(arg: string): Promise<ModelSource> {
  const named = /^([^=/\\]+)=(.+)$/su.exec(arg);
  const given = named?.[1];
  const path = named?.[2] ?? arg;
  if (given !== undefined && !NAME.test(given)) {
    throw new UsageError(`a model's name has letters, digits, "_", "." and "-", at most 100; got "${given}"`);
  }
  const found = await stat(path).catch((cause: unknown) => {
    const code = codeOf(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new ModelFormatError(`cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`);
  });
  if (found === null) {
    if (extname(path) === ".onnx" || path.includes("/")) {
      throw new ModelFormatError(`${path}: no such file`, {
        hint: "name an ONNX file or a folder of models, or export one first: tfjs-to-onnx export MODEL",
      });
    }
    const shipped = shippedModel(path);
    return single({ name: given ?? path, version: "1", path: shipped });
  }
  if (!found.isDirectory()) {
    if (path.endsWith(".json")) {
      throw new ModelFormatError(`${path} is a TF.js model; serve takes ONNX files`, {
        hint: `export it first: tfjs-to-onnx export ${path}`,
      });
    }
    const name = given ?? (basename(path) === FILE ? folderName(dirname(path)) : basename(path, ".onnx"));
    return single({ name: checked(name, path), version: "1", path });
  }
  const own = folderName(path);
  if ((await versionsIn(path, given ?? own)).length > 0) {
    const name = checked(given ?? own, path);
    return () => versionsIn(path, name);
  }
  if (given !== undefined) throw nothingIn(path);
  if ((await repository(path)).length === 0) throw nothingIn(path);
  return () => repository(path);
}

function single(place: ModelPlace): ModelSource {
  return () => Promise.resolve([place]);
}

function folderName(path: string): string {
  return basename(resolve(path));
}

function checked(name: string, path: string): string {
  if (NAME.test(name)) return name;
  throw new UsageError(`"${name}" cannot be the name of a model`, { hint: `name it: NAME=${path}` });
}

function nothingIn(path: string): ModelFormatError {
  return new ModelFormatError(`${path} holds no model`, {
    hint: `serve takes model.onnx, VERSION/model.onnx or NAME/VERSION/model.onnx in a folder; export a TF.js model first: tfjs-to-onnx export ${path}`,
  });
}

/** `model.onnx` in a folder, or its versions. */
async function versionsIn(folder: string, name: string): Promise<ModelPlace[]> {
  const own = join(folder, FILE);
  if (await isFile(own)) return [{ name, version: "1", path: own }];
  const places: ModelPlace[] = [];
  for (const version of await list(folder)) {
    const path = join(folder, version, FILE);
    if (VERSION.test(version) && (await isFile(path))) places.push({ name, version, path });
  }
  return places.toSorted((a, b) => Number(a.version) - Number(b.version));
}

async function repository(folder: string): Promise<ModelPlace[]> {
  const places: ModelPlace[] = [];
  for (const name of await list(folder)) {
    if (NAME.test(name)) places.push(...(await versionsIn(join(folder, name), name)));
  }
  return places;
}

async function list(folder: string): Promise<string[]> {
  const names: readonly string[] = await readdir(folder).catch(() => []);
  return names.toSorted();
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Changes whenever the file is written or replaced; null when there is none. */
export async function stampOf(path: string): Promise<string | null> {
  return stat(path, { bigint: true }).then(
    ({ size, mtimeNs, ino }) => `${size} ${mtimeNs} ${ino}`,
    () => null,
  );
}

/**
 * As {@link stampOf}, of the weight files of a model.
 *
 * @param locations Relative to the model's folder. A missing file counts too: the model can be loaded once it is there.
 */
export async function weightsStamp(model: string, locations: readonly string[]): Promise<string> {
  const stamps = await Promise.all(locations.map((location) => stampOf(join(dirname(model), location))));
  return stamps.map((stamp) => `, ${stamp}`).join("");
}
