import type { ImageSet, ImageSetName, Split } from "../../data/dataset.ts";
import { DataError } from "../../errors.ts";

/** Progress of one downloaded file. */
export interface DownloadProgress {
  readonly file: string;
  readonly receivedBytes: number;
  /** Size of the whole file; null when the server does not say. */
  readonly totalBytes: number | null;
}

export interface DatasetOptions {
  /** `auto`: MNIST when it is at hand or can be downloaded, else the rendered digits. */
  readonly dataset: "auto" | ImageSetName;
  readonly split: Split;
  /** Folder of MNIST's four files; looked at before `$MNIST_DIR`, the cache and the mirrors. */
  readonly data?: string;
  /** Take the first so many images. */
  readonly limit?: number;
  /** Rendered digits: how many (60,000 to train, 10,000 to test) and which (seed 1). */
  readonly count?: number;
  readonly seed?: number;
  /** Folders of MNIST's .gz files on the web, tried in order; `$TFJS_TO_ONNX_MNIST_MIRRORS` (comma-separated) or the public ones. */
  readonly mirrors?: readonly string[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
}

export interface OpenedDataset {
  readonly set: ImageSet;
  /** One line for people: which set, from where, and under `auto` why not the other. */
  readonly note: string;
}

/**
 * Open a data set.
 *
 * @throws {DataError} when `mnist` was asked for and is neither at hand nor to be downloaded, or its files are damaged;
 *   under `auto` only when files that are at hand are damaged.
 */
export async function openDataset(options: DatasetOptions): Promise<OpenedDataset> {
  throw new DataError(`data set ${options.dataset} cannot be opened yet`);
}
