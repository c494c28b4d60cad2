import type { LineReading } from "../../../src/infer/read-lines.ts";
import type { Problem } from "../messages.ts";

/** Where the network is to run. */
export type Provider = "wasm" | "webgpu";

/** What the page asks of the worker. Pixels are [H, W, 4], as a canvas gives them. */
export type Request =
  | { readonly kind: "open"; readonly provider: Provider }
  | {
      readonly kind: "read";
      readonly id: number;
      readonly width: number;
      readonly height: number;
      readonly data: Uint8ClampedArray<ArrayBuffer>;
    };

/** What the worker answers: `open` with `opened` or `failed`, `read` with `reading` or `unread` of the same id. */
export type Response =
  | { readonly kind: "opened"; readonly provider: string }
  | { readonly kind: "failed"; readonly problem: Problem }
  | {
      readonly kind: "reading";
      readonly id: number;
      readonly reading: LineReading;
      /** What the network saw, [height, W], 0 (paper) to 1 (ink). */
      readonly seen: Float32Array<ArrayBuffer>;
      readonly height: number;
      readonly prepareMs: number;
      readonly runMs: number;
    }
  | { readonly kind: "unread"; readonly id: number; readonly blames: "picture" | "engine"; readonly problem: Problem };
