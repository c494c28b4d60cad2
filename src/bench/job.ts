import type { FeedSpec } from "../verify/feeds.ts";

import type { Contender } from "./contender.ts";

/** What a worker process is told on its command line. */
export interface Job {
  readonly contender: Contender;
  /** The ONNX file, or the model.json for TF.js. */
  readonly model: string;
  /** Inputs of the model; the free batch axis is named {@link BATCH}, nothing else is free. */
  readonly inputs: readonly FeedSpec[];
  /** Batch size of the first run. */
  readonly batch: number;
  /** End after the first answer. */
  readonly once: boolean;
}

/** Name of the free batch axis. */
export const BATCH = "batch";

/** What a worker says of its first run. */
export interface Answered {
  readonly kind: "answered";
  readonly loadMs: number;
  readonly firstRunMs: number;
  readonly peakBytes: number;
  /** See Session. */
  readonly elsewhere: readonly string[];
  /** All outputs, one after the other; at most a million numbers. */
  readonly output: Float64Array;
}

/** What a worker is asked for later. */
export interface TimeRequest {
  readonly batch: number;
  readonly leastRuns: number;
  readonly forMs: number;
}

export interface Timed {
  readonly kind: "timed";
  readonly timesMs: readonly number[];
  readonly peakBytes: number;
}

export interface Refused {
  readonly kind: "refused";
  readonly reason: string;
}

export type Reply = Answered | Timed | Refused;
