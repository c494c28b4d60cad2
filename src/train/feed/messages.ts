import type { BatchPlace } from "./batch-maker.ts";
import type { FeedPlan } from "./plan.ts";

/** What a worker is born with. */
export interface WorkerStart {
  readonly plan: FeedPlan;
  readonly slots: readonly Slot[];
}

/** Shared memory for one batch. */
export interface Slot {
  readonly images: Float32Array<SharedArrayBuffer>;
  readonly labels: Float32Array<SharedArrayBuffer>;
}

/** Make this batch in that slot; the answer is the slot's number. */
export interface Order {
  readonly place: BatchPlace;
  readonly slot: number;
}
