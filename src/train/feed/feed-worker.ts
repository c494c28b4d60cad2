import { parentPort, workerData } from "node:worker_threads";

import { InternalError } from "../../errors.ts";

import type { Order, WorkerStart } from "./messages.ts";
import { sourceOf } from "./plan.ts";

function isStart(value: unknown): value is WorkerStart {
  return typeof value === "object" && value !== null && "plan" in value && "slots" in value;
}

function serve(start: WorkerStart): void {
  const source = sourceOf(start.plan);
  let last = Promise.resolve();
  parentPort?.on("message", ({ place, slot }: Order) => {
    const target = start.slots[slot];
    if (target === undefined) throw new InternalError(`the feed has no slot ${slot}`);
    // One after the other: a source may use the same memory for each.
    last = last.then(async () => {
      await source.make(place, target.images, target.labels);
      parentPort?.postMessage(slot, []);
    });
  });
}

const data: unknown = workerData;
if (!isStart(data)) throw new InternalError("a worker of the feed was started without its data");
serve(data);
