import type { ExportOptions } from "../export/export-model.ts";
import type { ModelArtifacts, SavableModel } from "../export/source/artifacts.ts";
import type { ModelFile } from "../export/source/files.ts";
import type { Provider } from "../infer/runtime.ts";
import type { OptionNames } from "../options.ts";

/** A `tf.io.IOHandler`, as far as loading needs it. */
export interface LoadHandler {
  load?(): ModelArtifacts | Promise<ModelArtifacts>;
}

/**
 * Where a model is: the address of its model.json (in Node also a path or a folder), a `tf.io` handler, `tf.io.ModelArtifacts`,
 * the files a user chose, or a live model of TF.js.
 */
export type DropInSource = string | URL | LoadHandler | ModelArtifacts | SavableModel | Iterable<ModelFile>;

/** How converted models are kept. */
export interface CacheOptions {
  /** Bytes that all kept models may have together, 512 MiB by default. The least recently used are removed first. */
  readonly maxBytes?: number;
  /** In Node: the folder to keep them in; without it, `drop-in` in the cache folder (`TFJS_TO_ONNX_CACHE`). */
  readonly folder?: string;
}

/** What TF.js's loaders take, and where and how the converted model runs. */
export interface DropInOptions {
  /** Told which part of the weights has arrived, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  /** What each request is made with: headers, credentials. */
  readonly requestInit?: RequestInit;
  /** Makes the requests; without it the global fetch. */
  readonly fetchFunc?: typeof fetch;
  /** False: weights of a Layers model that none of its layers has are ignored. */
  readonly strict?: boolean;
  /** What the paths of weight files begin with; without it they are beside the model.json. */
  readonly weightPathPrefix?: string;
  /** The address of a weight file, by its path in the model.json. */
  readonly weightUrlConverter?: (weightFileName: string) => Promise<string>;
  /** The address is that of a model on TensorFlow Hub: `/model.json?tfjs-format=file` is added. */
  readonly fromTFHub?: boolean;
  /** Accepted for TF.js's sake: the converter needs all weights at once. */
  readonly streamWeights?: boolean;

  /** onnxruntime-node or onnxruntime-web; by default onnxruntime-node in Node where it is installed, else onnxruntime-web. */
  readonly runtime?: "node" | "web";
  /** Where the runtime computes: `auto` (the default on the web) is WebGPU where there is one, else WebAssembly. */
  readonly provider?: Exclude<Provider, "tensorflow"> | "auto";
  /** Threads of one operator; by default 1 on WebAssembly, and onnxruntime-node's own choice. */
  readonly threads?: number;
  /** False: the converted model is not kept, and none is looked for. */
  readonly cache?: boolean | CacheOptions;
  /** Run TF.js beside the converted model once, and warn when the numbers differ. */
  readonly checkOnLoad?: boolean;
  /** Told of every fallback and warning, in a sentence for people. Without it warnings go to the console, each once. */
  readonly onNote?: (note: string) => void;
  /** How the model is converted: converters of your own, shapes of inputs, the opset. */
  readonly exportOptions?: Omit<ExportOptions, "outputs" | "logits">;
}

export const DROP_IN_OPTIONS: OptionNames<DropInOptions> = {
  onProgress: true,
  requestInit: true,
  fetchFunc: true,
  strict: true,
  weightPathPrefix: true,
  weightUrlConverter: true,
  fromTFHub: true,
  streamWeights: true,
  runtime: true,
  provider: true,
  threads: true,
  cache: true,
  checkOnLoad: true,
  onNote: true,
  exportOptions: true,
};

export const CACHE_OPTIONS: OptionNames<CacheOptions> = { maxBytes: true, folder: true };
