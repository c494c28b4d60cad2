import type { Precision } from "../../../src/export/precision/options.ts";
import type { FeedSpec } from "../../../src/verify/feeds.ts";
import type { ModelVerification } from "../../../src/verify/verify-model.ts";
import type { ExportedValue } from "../../../src/export/export-model.ts";

/** A file that was chosen or dropped, and its path within the folder that it came with. */
export interface GivenFile {
  readonly file: File;
  readonly path: string;
}

/** A model as the page was given it. Files are handles: the worker reads their bytes. */
export type GivenModel =
  | { readonly kind: "files"; readonly files: readonly GivenFile[] }
  | { readonly kind: "address"; readonly url: string }
  /** Read before, from a zip or an address. The browser keeps the bytes outside of the page's memory. */
  | { readonly kind: "kept"; readonly name: string; readonly manifest: Blob; readonly weights: Blob | null };

/** What is converted, and how. */
export interface Settings {
  readonly opset: number;
  readonly logits: boolean;
  readonly portable: boolean;
  readonly precision: Precision;
  /** Sizes for free dimensions, by their names; those that are missing stay free. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** Where an ONNX file is run in the browser. */
export type Place = "wasm" | "webgpu";

/** One side of a measurement. */
export interface Contender {
  readonly library: "tfjs" | "onnx";
  readonly place: Place;
  readonly threads: number;
}

/** What the page asks of a worker. A worker answers one request and is ended, which frees its memory. */
export type Request =
  | { readonly kind: "open"; readonly given: GivenModel }
  | {
      readonly kind: "convert";
      readonly given: GivenModel;
      readonly inputs: readonly ExportedValue[];
      readonly settings: Settings;
    }
  | { readonly kind: "check"; readonly given: GivenModel; readonly onnx: Blob; readonly place: Place }
  | {
      readonly kind: "measure";
      readonly given: GivenModel;
      readonly onnx: Blob;
      readonly contender: Contender;
      readonly feeds: readonly FeedSpec[];
      readonly sizes: Readonly<Record<string, number>>;
      readonly runs: number;
    };

/** What is answered to a request of each kind. */
export interface Answers {
  readonly open: Opened;
  readonly convert: Converted;
  readonly check: ModelVerification;
  readonly measure: Measured;
}

export interface Opened {
  readonly model: ModelSummary;
  /** The same model, for later requests. */
  readonly given: GivenModel;
}

export interface ModelSummary {
  /** For the ONNX file: of the folder, the zip or the address. */
  readonly name: string;
  readonly kind: "layers" | "graph";
  /** What wrote the file, as far as the file says. */
  readonly madeBy: string | null;
  readonly parameters: number;
  /** Bytes of the weights as they are stored. */
  readonly weightBytes: number;
  /** Layer classes or operators, and how often each occurs, the most frequent first. */
  readonly operators: readonly (readonly [name: string, count: number])[];
  readonly inputs: readonly ExportedValue[];
  readonly outputs: readonly ExportedValue[];
  readonly notes: readonly string[];
  /** Why the model cannot be converted; null when it can. */
  readonly hindrance: Hindrance | null;
}

export interface Hindrance {
  readonly problem: Problem;
  /** Every layer or node that cannot be converted. */
  readonly parts: readonly UnsupportedPart[];
}

export interface UnsupportedPart {
  /** The layer's path or the node's name. */
  readonly where: string;
  /** Layer class or operator. */
  readonly what: string;
  readonly reason: string;
}

export interface Converted {
  readonly onnx: Blob;
  readonly nodes: number;
  readonly opset: number;
  readonly precision: KeptWeights;
  readonly inputs: readonly ExportedValue[];
  readonly outputs: readonly ExportedValue[];
  readonly notes: readonly string[];
  /** For random values that the inputs take. */
  readonly feeds: readonly FeedSpec[];
}

/** How the weights of a file are kept. */
export interface KeptWeights {
  readonly name: Precision;
  /** How many weights are in a form smaller than float32. */
  readonly small: number;
  /** How many stay float32, because they would lose too much or gain nothing. */
  readonly large: number;
  /** The weights are not those of the model: they are rounded. */
  readonly isRounded: boolean;
}

/** Times in milliseconds. */
export interface Measured {
  readonly loadMs: number;
  readonly firstMs: number;
  readonly medianMs: number;
  /** 95 of 100 runs take at most this long. */
  readonly p95Ms: number;
  readonly runs: number;
  /** Nodes that run on the CPU although the graphics device was asked for. */
  readonly elsewhere: number;
}

/** How far a request is; `of` is null where that is not known. */
export interface Progress {
  readonly kind: "progress";
  readonly task: string;
  readonly done: number;
  readonly of: number | null;
}

/** An error as people read it. */
export interface Problem {
  readonly message: string;
  readonly hint: string | undefined;
}

export type Response =
  | Progress
  | { readonly kind: "answer"; readonly answer: Answers[keyof Answers] }
  | { readonly kind: "failed"; readonly problem: Problem };
