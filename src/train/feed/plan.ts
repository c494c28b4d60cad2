import { type BatchSource, ImageBatches, type ImageFeedPlan } from "./batch-maker.ts";
import { LineBatches, type LineFeedPlan } from "./line-batches.ts";

/** What decides every batch of a run; plain data, which worker threads get a copy of. */
export type FeedPlan = ImageFeedPlan | LineFeedPlan;

export function sourceOf(plan: FeedPlan): BatchSource {
  return plan.kind === "images" ? new ImageBatches(plan) : new LineBatches(plan);
}
