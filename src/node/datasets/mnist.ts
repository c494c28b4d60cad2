import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import type { ImageSet, Split } from "../../data/dataset.ts";
import { digitsFromIdx } from "../../data/idx.ts";
import type { NamedBytes } from "../../data/idx.ts";
import { DataError, ToolError } from "../../errors.ts";
import { download } from "../download.ts";
import type { DownloadProgress } from "../download.ts";
import { writeAside } from "../write-aside.ts";

/** A packed file as the mirrors have it. */
export interface PackedFile {
  /** Name without `.gz`. */
  readonly name: string;
  /** Of the .gz file. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Images and labels of both splits. */
export type MnistFiles = Readonly<Record<Split, { readonly images: PackedFile; readonly labels: PackedFile }>>;

export const MNIST_FILES: MnistFiles = {
  train: {
    images: {
      name: "train-images-idx3-ubyte",
      sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
      bytes: 9_912_422,
    },
    labels: {
      name: "train-labels-idx1-ubyte",
      sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
      bytes: 28_881,
    },
  },
  test: {
    images: {
      name: "t10k-images-idx3-ubyte",
      sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
      bytes: 1_648_877,
    },
    labels: {
      name: "t10k-labels-idx1-ubyte",
      sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
      bytes: 4542,
    },
  },
};

export const MNIST_MIRRORS: readonly string[] = [
  "https://storage.googleapis.com/cvdf-datasets/mnist/",
  "https://ossci-datasets.s3.amazonaws.com/mnist/",
];

/** No IDX file of MNIST unpacks to more. */
const MAX_UNPACKED_BYTES = 64 * 2 ** 20;

/** Paths of the files of a split, as they are named in one folder. */
interface SplitPaths {
  readonly images: string;
  readonly labels: string;
}

/** Which of the wanted splits a folder holds, and the names of the files it lacks. */
export interface FoundFiles {
  readonly folder: string;
  readonly paths: Readonly<Partial<Record<Split, SplitPaths>>>;
  readonly missing: readonly string[];
}

/** Look for the files of some splits in a folder, packed or not, named with `-` or with `.` before `idx`. */
export async function findMnist(folder: string, splits: readonly Split[], files: MnistFiles): Promise<FoundFiles> {
  const paths: Partial<Record<Split, SplitPaths>> = {};
  const missing: string[] = [];
  for (const split of splits) {
    const { images, labels } = files[split];
    const [imagesPath, labelsPath] = await Promise.all([findFile(folder, images.name), findFile(folder, labels.name)]);
    if (imagesPath === undefined) missing.push(images.name);
    if (labelsPath === undefined) missing.push(labels.name);
    if (imagesPath !== undefined && labelsPath !== undefined) paths[split] = { images: imagesPath, labels: labelsPath };
  }
  return { folder, paths, missing };
}

async function findFile(folder: string, name: string): Promise<string | undefined> {
  const dotted = name.replace("-idx", ".idx");
  const names = [name, dotted, `${name}.gz`, `${dotted}.gz`];
  const found = await Promise.all(names.map((candidate) => isFile(join(folder, candidate))));
  const first = names[found.indexOf(true)];
  return first === undefined ? undefined : join(folder, first);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/**
 * A split of MNIST from the files {@link findMnist} found.
 *
 * @throws {DataError} when a file cannot be read or is damaged.
 */
export async function readMnist({ folder, paths }: FoundFiles, split: Split): Promise<ImageSet> {
  const found = paths[split];
  if (found === undefined) throw new DataError(`${folder}: holds no ${split} split of MNIST`);
  const [images, labels] = await Promise.all([readUnpacked(found.images), readUnpacked(found.labels)]);
  return digitsFromIdx(images, labels, { name: "mnist", split, source: folder });
}

/** A file's content, unpacked when it is a gzip file, whatever its name says. */
async function readUnpacked(file: string): Promise<NamedBytes> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new DataError(`${file}: cannot be read: ${messageOf(cause)}`, { cause });
  });
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { file, bytes };
  try {
    return { file, bytes: await promisify(gunzip)(bytes, { maxOutputLength: MAX_UNPACKED_BYTES }) };
  } catch (cause) {
    throw new DataError(`${file}: damaged gzip file: ${messageOf(cause)}; expected an IDX file packed with gzip`, {
      hint: "replace it with an undamaged copy",
      cause,
    });
  }
}

export interface FetchOptions {
  readonly files: MnistFiles;
  readonly mirrors: readonly string[];
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  readonly connectMs?: number | undefined;
  readonly stallMs?: number | undefined;
}

/**
 * Put the four files into a folder: undamaged ones that are there stay, the others are downloaded, checked, and written
 * whole or not at all.
 *
 * @throws {ToolError} when no mirror has one, or it cannot be written.
 */
export async function fetchMnist(folder: string, options: FetchOptions): Promise<void> {
  const { files, signal, onProgress, connectMs, stallMs } = options;
  let { mirrors } = options;
  for (const { name, sha256, bytes } of [
    files.train.images,
    files.train.labels,
    files.test.images,
    files.test.labels,
  ]) {
    const path = join(folder, `${name}.gz`);
    if (await isSound(path, sha256)) continue;
    const urls = mirrors.map((mirror) => addressOf(mirror, `${name}.gz`));
    const { content, from } = await download({ urls, sha256, bytes, signal, onProgress, connectMs, stallMs });
    mirrors = [...mirrors.slice(from), ...mirrors.slice(0, from)];
    await writeAside(path, content);
  }
}

/** Whether a folder's packed files are those that were published; unpacked files are taken as they are. */
export async function isSoundMnist({ paths }: FoundFiles, files: MnistFiles): Promise<boolean> {
  const checks: Promise<boolean>[] = [];
  for (const split of ["train", "test"] as const) {
    const found = paths[split];
    if (found === undefined) continue;
    if (found.images.endsWith(".gz")) checks.push(isSound(found.images, files[split].images.sha256));
    if (found.labels.endsWith(".gz")) checks.push(isSound(found.labels, files[split].labels.sha256));
  }
  return (await Promise.all(checks)).every(Boolean);
}

async function isSound(path: string, sha256: string): Promise<boolean> {
  try {
    return (
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex") === sha256
    );
  } catch {
    return false;
  }
}

function addressOf(mirror: string, file: string): string {
  const base = mirror.endsWith("/") ? mirror : `${mirror}/`;
  if (!URL.canParse(file, base))
    throw new ToolError(`mirror "${mirror}" is not an address, expected e.g. ${MNIST_MIRRORS[0] ?? ""}`);
  return new URL(file, base).href;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
