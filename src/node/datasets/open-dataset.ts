import { join } from "node:path";

import { limitImages } from "../../data/dataset.ts";
import type { ImageSet, Split } from "../../data/dataset.ts";
import { renderedDigits } from "../../data/digits/rendered-digits.ts";
import { DataError, ToolError } from "../../errors.ts";
import { cacheDir } from "../cache-dir.ts";
import type { DownloadProgress } from "../download.ts";

import { MNIST_FILES, MNIST_MIRRORS, fetchMnist, findMnist, isSoundMnist, readMnist } from "./mnist.ts";
import type { FoundFiles } from "./mnist.ts";

export interface DatasetOptions {
  /** `auto`: MNIST when it is at hand or can be downloaded, else the rendered digits. */
  readonly dataset: "auto" | "mnist" | "digits";
  readonly split: Split;
  /** Folder of MNIST's files; looked at before `$MNIST_DIR`, the cache and the mirrors. */
  readonly data?: string | undefined;
  /** Take the first so many images. */
  readonly limit?: number | undefined;
  /** Rendered digits: how many (60,000 to train, 10,000 to test). */
  readonly count?: number | undefined;
  /** Rendered digits: which ones (1). */
  readonly seed?: number | undefined;
  /**
   * Folders of MNIST's .gz files on the web, tried in order: else those that `$TFJS_TO_ONNX_MNIST_MIRRORS` names, with
   * blanks between them, else the public ones.
   */
  readonly mirrors?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

export interface OpenedDataset {
  readonly set: ImageSet;
  /** For people: which set, from where, and under `auto` why not the other. Both splits have the same choice and reason. */
  readonly note: string;
}

/**
 * Open a split of a data set.
 *
 * @throws {DataError} when `mnist` was asked for and is neither at hand nor to be downloaded; when files that are at hand
 *   are damaged. Under `auto` an MNIST that cannot be had is no error.
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
  const reason = `MNIST cannot be had:\n${search.faults.map((fault) => `  ${fault}`).join("\n")}`;
  if (dataset === "mnist") throw new DataError(reason, { hint: `${byHand()}; or take --dataset digits` });
  const set = limited(renderedDigits(options), options.limit);
  return { set, note: `rendered digits (${set.source}) in MNIST's place. ${reason}\n  ${byHand()}` };
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
async function searchMnist({ dataset, split, data, mirrors, signal, onProgress }: DatasetOptions): Promise<Search> {
  const splits: readonly Split[] = dataset === "auto" ? ["train", "test"] : [split];
  const faults: string[] = [];
  const places = [
    { name: "--data", folder: data },
    { name: "$MNIST_DIR", folder: process.env["MNIST_DIR"] },
  ];
  for (const { name, folder } of places) {
    if (folder === undefined || folder === "") continue;
    const found = await findMnist(folder, splits, MNIST_FILES);
    if (found.missing.length === 0) return { found, faults };
    faults.push(`${name} ${folder}: lacks ${found.missing.join(", ")}`);
    // A folder that was named for this one command is meant: another in its place would be a surprise.
    if (name === "--data" && dataset === "mnist") return { faults };
  }
  const cached = await findMnist(mnistCache(), splits, MNIST_FILES);
  if (cached.missing.length === 0 && (await isSoundMnist(cached, MNIST_FILES))) return { found: cached, faults };
  try {
    await fetchMnist(mnistCache(), { files: MNIST_FILES, mirrors: mirrors ?? defaultMirrors(), signal, onProgress });
    return { found: await findMnist(mnistCache(), splits, MNIST_FILES), faults };
  } catch (error) {
    if (!(error instanceof ToolError) || signal?.aborted === true) throw error;
    return { faults: [...faults, error.message] };
  }
}

function mnistCache(): string {
  return join(cacheDir(), "mnist");
}

function defaultMirrors(): readonly string[] {
  const named = process.env["TFJS_TO_ONNX_MNIST_MIRRORS"]?.split(/\s+/).filter((mirror) => mirror !== "") ?? [];
  return named.length === 0 ? MNIST_MIRRORS : named;
}

function byHand(): string {
  const { train, test } = MNIST_FILES;
  const names = [train.images, train.labels, test.images, test.labels].map(({ name }) => `${name}.gz`);
  return (
    `to put it there by hand, download ${names.join(", ")} from ${MNIST_MIRRORS[0] ?? ""} into ${mnistCache()}, ` +
    `or name their folder by --data or $MNIST_DIR`
  );
}
