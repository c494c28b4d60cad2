import { stat } from "node:fs/promises";
import { join } from "node:path";

import { limitImages } from "../../data/dataset.ts";
import type { ImageSet, Split } from "../../data/dataset.ts";
import { renderedDigits } from "../../data/digits/rendered-digits.ts";
import { DataError, ToolError } from "../../errors.ts";
import { cacheDir } from "../cache-dir.ts";
import type { DownloadProgress } from "../download.ts";
import { ownCommand } from "../own-command.ts";

import { MNIST_FILES, MNIST_MIRRORS, fetchMnist, findMnist, isSoundMnist, readMnist } from "./mnist.ts";
import type { FoundFiles } from "./mnist.ts";

export interface DatasetOptions {
  /** `auto`: MNIST when it is here or can be downloaded, else the rendered digits. */
  readonly dataset: "auto" | "mnist" | "digits";
  readonly split: Split;
  /** Folder of MNIST's files, in place of `$MNIST_DIR`, the cache and the mirrors. */
  readonly data?: string | undefined;
  /** Take the first so many images. */
  readonly limit?: number | undefined;
  /** Rendered digits: how many (60,000 to train, 10,000 to test). */
  readonly count?: number | undefined;
  /** Rendered digits: which ones (1). */
  readonly seed?: number | undefined;
  /**
   * Folders of MNIST's .gz files on the web, tried in order: else those that `$TFJS_TO_ONNX_MNIST_MIRRORS` names, separated by
   * spaces, else the public ones.
   */
  readonly mirrors?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Told once a download has begun. */
  readonly onNote?: ((sentence: string) => void) | undefined;
}

export interface OpenedDataset {
  readonly set: ImageSet;
  /** For people: which set, from where, and under `auto` why not the other. Both splits have the same choice and reason. */
  readonly note: string;
}

/**
 * Open a split of a data set.
 *
 * @throws {DataError} when the folder `data` does not hold MNIST; when `mnist` was asked for and is neither here nor can be
 *   downloaded; when files that are here are damaged. Under `auto` the rendered digits take the place of a missing MNIST.
 */
export async function openDataset(options: DatasetOptions): Promise<OpenedDataset> {
  const { dataset, split } = options;
  if (dataset === "digits") {
    const set = limited(renderedDigits(options), options.limit);
    return { set, note: `rendered digits (${set.source})` };
  }
  const search = await searchMnist(options);
  if (search.found !== undefined) {
    const set = limited(await readMnist(search.found, split), options.limit);
    return { set, note: `MNIST from ${set.source}` };
  }
  const tried = `tried: ${search.faults.join("; ")}`;
  if (dataset === "mnist") {
    throw new DataError(`MNIST is not available\n  ${tried}`, { hint: `${byHand}, or take --dataset digits` });
  }
  const set = limited(renderedDigits(options), options.limit);
  return {
    set,
    note: `MNIST is not available: rendered digits take its place (${set.source}), and scores are not those of MNIST\n  ${tried}\n  ${byHand}`,
  };
}

function limited(set: ImageSet, limit: number | undefined): ImageSet {
  return limit === undefined ? set : limitImages(set, limit);
}

/** What became of the search: a folder that has the files, or what was wrong with every place. */
interface Search {
  readonly found?: FoundFiles;
  readonly faults: readonly string[];
}

/** `auto` wants both splits, so that training and testing cannot come to different answers. */
async function searchMnist(options: DatasetOptions): Promise<Search> {
  const { dataset, split, data } = options;
  if (data !== undefined) return { found: await namedFolder(data, split), faults: [] };
  const splits: readonly Split[] = dataset === "auto" ? ["train", "test"] : [split];
  const faults: string[] = [];
  const variable = process.env["MNIST_DIR"];
  if (variable !== undefined && variable !== "") {
    const found = await findMnist(variable, splits, MNIST_FILES);
    if (found.missing.length === 0) return { found, faults };
    faults.push(`$MNIST_DIR ${variable} (lacks ${found.missing.join(", ")})`);
  }
  const cached = await cachedMnist(splits);
  if (cached !== null) return { found: cached, faults };
  faults.push(`the cache ${mnistCache()}`);
  try {
    await downloadMnist(options);
    return { found: await findMnist(mnistCache(), splits, MNIST_FILES), faults };
  } catch (error) {
    if (!(error instanceof ToolError) || options.signal?.aborted === true) throw error;
    return { faults: [...faults, oneLine(error.message)] };
  }
}

/** A folder that was named for this one command is meant: another in its place would be a surprise. */
async function namedFolder(folder: string, split: Split): Promise<FoundFiles> {
  const found = await findMnist(folder, [split], MNIST_FILES);
  if (found.missing.length === 0) return found;
  const isFolder = await stat(folder).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  const lacks = isFolder ? `the folder ${folder} lacks ${found.missing.join(", ")}` : `there is no folder ${folder}`;
  throw new DataError(`--data: ${lacks}`, { hint: byHand });
}

async function cachedMnist(splits: readonly Split[]): Promise<FoundFiles | null> {
  const cached = await findMnist(mnistCache(), splits, MNIST_FILES);
  return cached.missing.length === 0 && (await isSoundMnist(cached, MNIST_FILES)) ? cached : null;
}

/** A list of faults below a heading becomes `heading: fault; fault`. */
function oneLine(message: string): string {
  const [heading, ...faults] = message.split("\n").map((line) => line.trim());
  return [heading, faults.join("; ")].filter((part) => part !== "").join(" ");
}

export type DownloadMnistOptions = Pick<DatasetOptions, "mirrors" | "signal" | "onProgress" | "onNote">;

/** MNIST in this user's cache. */
export interface CachedMnist {
  readonly folder: string;
  /** Size of the four packed files. */
  readonly bytes: number;
  /** Nothing had to be downloaded. */
  readonly wasThere: boolean;
}

/**
 * Download MNIST's four files into this user's cache, unless they are there. Files are checked by digest and written
 * whole or not at all.
 *
 * @throws {ToolError} when no mirror has one, or the cache cannot be written
 */
export async function downloadMnist(options: DownloadMnistOptions = {}): Promise<CachedMnist> {
  const { mirrors, signal, onProgress, onNote } = options;
  const folder = mnistCache();
  if ((await cachedMnist(["train", "test"])) !== null) return { folder, bytes: MNIST_BYTES, wasThere: true };
  let begun = false;
  await fetchMnist(folder, {
    files: MNIST_FILES,
    mirrors: mirrors ?? defaultMirrors(),
    signal,
    onProgress(progress) {
      if (!begun) onNote?.(`downloading MNIST (${(MNIST_BYTES / 1e6).toFixed(1)} MB) into ${folder}`);
      begun = true;
      onProgress?.(progress);
    },
  });
  return { folder, bytes: MNIST_BYTES, wasThere: false };
}

/** Size of the four packed files. */
export const MNIST_BYTES: number = Object.values(MNIST_FILES).reduce(
  (sum, { images, labels }) => sum + images.bytes + labels.bytes,
  0,
);

function mnistCache(): string {
  return join(cacheDir(), "mnist");
}

function defaultMirrors(): readonly string[] {
  const named = process.env["TFJS_TO_ONNX_MNIST_MIRRORS"]?.split(/\s+/).filter((mirror) => mirror !== "") ?? [];
  return named.length === 0 ? MNIST_MIRRORS : named;
}

const byHand = `run ${ownCommand()} data mnist, or give the folder of MNIST's four IDX files by --data or $MNIST_DIR`;
