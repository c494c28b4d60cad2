import { parentPort, workerData } from "node:worker_threads";

import { BatchMaker } from "./batch-maker.ts";
import type { Order, WorkerStart } from "./messages.ts";

function isStart(value: unknown): value is WorkerStart {
  return typeof value === "object" && value !== null && "plan" in value && "slots" in value;
}

function serve(start: WorkerStart): void {
  const maker = new BatchMaker(start.plan);
  parentPort?.on("message", ({ place, slot }: Order) => {
    const target = start.slots[slot];
    if (target === undefined) throw new RangeError(`no slot ${slot}`);
    maker.make(place, target.images, target.labels);
    parentPort?.postMessage(slot, []);
  });
}

const data: unknown = workerData;
if (!isStart(data)) throw new TypeError("a worker without its data");
serve(data);
