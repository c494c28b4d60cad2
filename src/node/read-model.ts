import { open, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";

import { ModelFormatError, ToolError, UsageError } from "../errors.ts";
import { fromFetch } from "../export/source/fetch.ts";
import { allocated } from "../export/source/memory.ts";
import type { RawModel } from "../export/source/model.ts";
import { checkGroupSize, checkShardPath, inParallel, MAX_JSON_BYTES, parseManifest } from "../export/source/shards.ts";

import { codeOf } from "./error-code.ts";
import { parseModelAddress } from "./model-address.ts";
import { nearPath } from "./near-path.ts";
import { outputOverInput } from "./output-over-input.ts";

const READS_AT_ONCE = 8;

export interface ReadModelOptions {
  readonly signal?: AbortSignal;
  /** Paths that the caller will write. None of them may be a file of the model, which would be lost. */
  readonly outputs?: readonly string[];
}

/**
 * A TF.js model as it lies on disk or on a server.
 *
 * @param source A model.json, the folder that holds it, or an address (`file://` ones too).
 * @throws {ToolError} when something is missing or cannot be read.
 * @throws {ModelFormatError} when the model.json is none, or its weight files do not fit it.
 * @throws {UsageError} when an output is a file of the model.
 */
export async function readModel(source: string, options: ReadModelOptions = {}): Promise<RawModel> {
  const address = parseModelAddress(source);
  if (address.kind === "url") return await fromFetch(address.url, options);
  const files = await openModelFiles(address.path);
  await assertModelKept(files.paths, options.outputs ?? []);
  return await files.read(options);
}

async function assertModelKept(paths: readonly string[], outputs: readonly string[]): Promise<void> {
  const output = await outputOverInput(outputs, paths);
  if (output === null) return;
  throw new UsageError(`${output} is a file of the model, which the output would replace`, {
    hint: "give the output another name",
  });
}

/** A model on disk whose weights are not read yet. */
export interface ModelFiles {
  readonly manifest: unknown;
  /** The model.json, then its weight files. */
  readonly paths: readonly string[];
  /**
   * Text that changes whenever the model's files do: the model.json, and of each weight file its path, size, inode and times. Null where a
   * file was written so lately that a later change could leave its times as they are.
   */
  readonly identity: string | null;
  read(options?: ReadModelOptions): Promise<RawModel>;
}

/** @throws as {@link readModel}, of a path */
export async function openModelFiles(source: string): Promise<ModelFiles> {
  const path = await modelJsonPath(source);
  const text = await readJson(path);
  const { manifest, groups } = parseManifest(text, path);
  const folder = dirname(path);
  for (const shard of groups.flatMap(({ paths }) => paths)) checkShardPath(shard);
  const shards: Shard[] = [];
  for (const group of groups) {
    const sized = await Promise.all(group.paths.map((name) => sizedShard(folder, name)));
    try {
      checkGroupSize(
        group,
        sized.reduce((sum, { byteLength }) => sum + byteLength, 0),
      );
    } catch (cause) {
      for (const shard of sized) await assertNoPointer(shard);
      throw cause;
    }
    shards.push(...sized);
  }
  return {
    manifest,
    paths: [path, ...shards.map((shard) => shard.path)],
    identity: shards.every(isSettled) ? JSON.stringify([text, ...shards.map(({ identity }) => identity)]) : null,
    read: async ({ signal } = {}) => ({
      manifest,
      weights: groups.length === 0 ? null : await readShards(shards, signal),
    }),
  };
}

/** Clocks of file systems tick every two seconds at the slowest (FAT). */
const SETTLED_MS = 3_000;

/** Whether a change of the file from now on is sure to change its times. */
function isSettled({ changedMs }: Shard): boolean {
  return Date.now() - changedMs > SETTLED_MS;
}

type OtherKind = readonly [kind: string, hint: string];

const ARCHIVE: OtherKind = ["an archive", "unpack it and give the model.json in it"];
const UTF_16: OtherKind = ["text in UTF-16", "save it as UTF-8, as TF.js does"];

const HDF5: OtherKind = [
  "a Keras file",
  "convert it first: tensorflowjs_converter --input_format=keras FILE.h5 FOLDER",
];
const SAVED_MODEL: OtherKind = [
  "a TensorFlow SavedModel",
  "this tool reads TF.js models; for a SavedModel use tf2onnx (python -m tf2onnx.convert --saved-model FOLDER)",
];
const GIT_LFS: OtherKind = ["a pointer of Git LFS", "fetch the file itself: git lfs pull"];

/** What people have instead of a model.json, and how they get one. */
const OTHER_KINDS: Readonly<Record<string, OtherKind>> = {
  ".h5": HDF5,
  ".hdf5": ["a Keras file", "convert it first: tensorflowjs_converter --input_format=keras FILE.hdf5 FOLDER"],
  ".keras": ["a Keras file", "convert it first: tensorflowjs_converter --input_format=keras_keras FILE.keras FOLDER"],
  ".pb": SAVED_MODEL,
  ".tflite": [
    "a TensorFlow Lite model",
    "this tool reads TF.js models; for TensorFlow Lite use tf2onnx (python -m tf2onnx.convert --tflite FILE)",
  ],
  ".onnx": ["an ONNX model already", "give the TF.js model it should be made from"],
  ".bin": ["a file of weights", "give the model.json beside it"],
  ".zip": ARCHIVE,
  ".tgz": ARCHIVE,
  ".gz": ARCHIVE,
};

async function modelJsonPath(path: string): Promise<string> {
  const found = await stat(path).catch(async (cause: unknown) => {
    const near = codeOf(cause) === "ENOENT" ? await nearPath(path) : null;
    throw unreadable(path, cause, near === null ? "give a model.json, or the folder that holds it" : `is it ${near}?`);
  });
  if (found.isDirectory()) return await inFolder(path);
  const kind = OTHER_KINDS[extname(path).toLowerCase()];
  if (kind !== undefined) throw otherKind(path, kind);
  if (!found.isFile()) throw new ModelFormatError(`${path} is not a file`);
  return path;
}

function otherKind(path: string, [kind, hint]: OtherKind): ModelFormatError {
  return new ModelFormatError(`${path} is ${kind}, not a TF.js model.json`, { hint });
}

async function inFolder(folder: string): Promise<string> {
  const path = join(folder, "model.json");
  const names = await readdir(folder).catch((cause: unknown) => {
    throw unreadable(folder, cause);
  });
  if (names.includes("model.json")) return path;
  const others = names.filter((name) => name.endsWith(".json"));
  const isSavedModel = names.includes("saved_model.pb");
  throw new ModelFormatError(
    `the folder ${folder} has no model.json${isSavedModel ? "; it is a TensorFlow SavedModel" : ""}`,
    {
      hint: isSavedModel
        ? SAVED_MODEL[1]
        : others.length === 0
          ? "give a model.json, or the folder that holds it"
          : `is it ${join(folder, others[0] ?? "")}? Then give that file`,
    },
  );
}

async function readJson(path: string): Promise<string> {
  const found = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (!found.isFile()) throw new ModelFormatError(`${path} is not a file`);
  if (found.size > MAX_JSON_BYTES)
    throw new ModelFormatError(`${path} has ${found.size} bytes, which no model.json has`);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  const begins = bytes.toString("hex", 0, 4);
  const other = BEGINNINGS.find(([beginning]) => begins.startsWith(beginning))?.[1];
  if (other !== undefined) throw otherKind(path, other);
  const text = bytes.toString("utf8");
  if (LFS_POINTER.test(text)) throw otherKind(path, GIT_LFS);
  return text;
}

const LFS_POINTER = /^version https:\/\/git-lfs\./u;
const MAX_POINTER_BYTES = 1024;

/** @throws {ModelFormatError} when a weight file is what a clone without Git LFS leaves in its place */
async function assertNoPointer({ name, path, byteLength }: Shard): Promise<void> {
  if (byteLength > MAX_POINTER_BYTES || !LFS_POINTER.test(await readFile(path, "utf8"))) return;
  throw new ModelFormatError(`the weight file ${name} is a pointer of Git LFS, not the weights: ${path}`, {
    hint: GIT_LFS[1],
  });
}

/** How files of other kinds begin, in hexadecimal, whatever their names end in. */
const BEGINNINGS: readonly (readonly [begins: string, kind: OtherKind])[] = [
  ["504b0304", ARCHIVE],
  ["1f8b", ARCHIVE],
  ["89484446", HDF5],
  ["fffe", UTF_16],
  ["feff", UTF_16],
];

interface Shard {
  readonly name: string;
  readonly path: string;
  readonly byteLength: number;
  readonly identity: readonly string[];
  readonly changedMs: number;
}

async function sizedShard(folder: string, name: string): Promise<Shard> {
  const path = join(folder, name);
  const found = await stat(path, { bigint: true }).catch((cause: unknown) => {
    if (codeOf(cause) !== "ENOENT") throw unreadable(path, cause);
    throw new ModelFormatError(`the weight file ${basename(path)}, which the model.json lists, is missing: ${path}`, {
      hint: "copy all files of the model into one folder",
      cause,
    });
  });
  if (!found.isFile())
    throw new ModelFormatError(`${path}, which the model.json lists as a weight file, is not a file`);
  const { dev, ino, size, mtimeNs, ctimeNs, mtimeMs, ctimeMs } = found;
  return {
    name,
    path,
    byteLength: Number(size),
    identity: [resolve(path), ...[dev, ino, size, mtimeNs, ctimeNs].map(String)],
    changedMs: Math.max(Number(mtimeMs), Number(ctimeMs)),
  };
}

async function readShards(shards: readonly Shard[], signal: AbortSignal | undefined): Promise<Uint8Array> {
  const whole = allocated(shards.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  const places = shards.map((shard) => {
    const target = whole.subarray(offset, offset + shard.byteLength);
    offset += shard.byteLength;
    return { shard, target };
  });
  await inParallel(places, READS_AT_ONCE, async ({ shard, target }) => {
    if (signal?.aborted === true) throw new ToolError("interrupted while reading the model");
    await readInto(shard.path, target);
  });
  return whole;
}

async function readInto(path: string, target: Uint8Array): Promise<void> {
  const file = await open(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    let filled = 0;
    while (filled < target.byteLength) {
      const { bytesRead } = await file.read(target, filled, target.byteLength - filled);
      if (bytesRead === 0) throw new ModelFormatError(`${path} changed while it was read`);
      filled += bytesRead;
    }
  } finally {
    await file.close();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  ENOTDIR: "there is no such file or folder",
  EACCES: "you may not read it",
  EPERM: "you may not read it",
  ELOOP: "its links lead back to themselves",
  ENAMETOOLONG: "its name is too long",
  EISDIR: "it is a folder",
};

function unreadable(path: string, cause: unknown, hint?: string): ToolError {
  const reason = REASONS[codeOf(cause) ?? ""] ?? (cause instanceof Error ? cause.message : String(cause));
  return new ToolError(`cannot read ${path}: ${reason}`, { cause, ...(hint === undefined ? {} : { hint }) });
}
