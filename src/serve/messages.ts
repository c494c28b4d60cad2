import type { Reading } from "../infer/recognize.ts";
import type { ValueInfo } from "../infer/runtime.ts";

import type { TensorBytes } from "./tensor-bytes.ts";

/** A model as a worker process gets it. */
export interface ModelFile {
  readonly bytes: Uint8Array;
  /** Weight files beside it, by the location that it gives them. */
  readonly externalData: ReadonlyMap<string, Uint8Array>;
}

/** What the server tells a worker process. */
export type Order =
  | { readonly kind: "load"; readonly model: number; readonly file: ModelFile; readonly threads: number }
  | { readonly kind: "unload"; readonly model: number }
  | {
      readonly kind: "run";
      readonly job: number;
      readonly model: number;
      readonly inputs: readonly TensorBytes[];
      /** Names of the outputs that are wanted. */
      readonly outputs: readonly string[];
    }
  | {
      readonly kind: "read";
      readonly job: number;
      readonly model: number;
      /** Whole picture files. */
      readonly pictures: readonly Uint8Array[];
    };

/** What a worker process tells the server. */
export type Reply =
  | { readonly kind: "ready" }
  | { readonly kind: "loaded"; readonly model: number; readonly values: LoadedValues }
  | { readonly kind: "refused"; readonly model: number; readonly reason: string }
  | { readonly kind: "ran"; readonly job: number; readonly outputs: readonly TensorBytes[]; readonly ms: RunTimes }
  | { readonly kind: "read"; readonly job: number; readonly answers: readonly PictureAnswer[]; readonly ms: RunTimes }
  | {
      readonly kind: "failed";
      readonly job: number;
      readonly reason: string;
      /** The inputs do not fit the model; else the runtime failed. */
      readonly isInvalid: boolean;
    };

export interface LoadedValues {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Why it cannot read pictures; null when it can. */
  readonly cannotRead: string | null;
}

/** Milliseconds of one run within a worker. */
export interface RunTimes {
  readonly input: number;
  readonly infer: number;
  readonly output: number;
}

/** What was read in one picture, as `infer --json` says it, or why nothing was. */
export type PictureAnswer = ReadPicture | { readonly error: string };

export interface ReadPicture extends Reading {
  readonly runtime: string;
  readonly provider: string;
}
