import { DataError } from "../../src/errors.ts";
import type { Reading } from "../../src/infer/recognize.ts";

/** Where the network is to run, as the page offers it. */
export type Engine = "wasm" | "threads" | "webgpu";

/** What the page asks of the worker. Pixels are [H, W, 4], as a canvas gives them. */
export type Request =
  | {
      readonly kind: "open";
      readonly engine: Engine;
      /** Fetch the network again, whatever was kept of it. */
      readonly fresh: boolean;
    }
  | {
      readonly kind: "read";
      readonly id: number;
      readonly width: number;
      readonly height: number;
      readonly data: Uint8ClampedArray<ArrayBuffer>;
    };

/** What the worker answers: `open` with `opened` or `failed`, `read` with `reading` or `unread` of the same id. */
export type Response =
  | {
      readonly kind: "opened";
      readonly runtime: string;
      readonly provider: string;
      readonly threads: number;
      readonly elsewhere: readonly string[];
    }
  | { readonly kind: "failed"; readonly problem: Problem }
  | {
      readonly kind: "reading";
      readonly id: number;
      readonly reading: Reading;
      /** What the network saw, [28, 28], 0 to 1. */
      readonly seen: Float32Array;
      readonly prepareMs: number;
      readonly runMs: number;
    }
  | {
      readonly kind: "unread";
      readonly id: number;
      readonly blames: "picture" | "engine";
      readonly problem: Problem;
    };

/** An error as people should read it. */
export interface Problem {
  readonly message: string;
  readonly hint: string | undefined;
}

/** The reader can only replace pictures; hints of other errors are for those who call the library. */
export function problemOf(error: unknown): Problem {
  if (error instanceof DataError) return { message: error.message, hint: error.hint };
  return { message: error instanceof Error ? error.message : String(error), hint: undefined };
}
