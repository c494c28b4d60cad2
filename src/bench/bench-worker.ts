// A process of its own that loads one model in one runtime, answers once, and then times runs as its parent asks.
import { Random } from "../data/random.ts";
import { ToolError } from "../errors.ts";
import type { Session, Tensors } from "../infer/runtime.ts";
import { loadAt } from "../node/place.ts";
import { readOnnxFile } from "../node/read-onnx.ts";
import { randomFeeds } from "../verify/feeds.ts";

import { BATCH, type Job, type Reply, type TimeRequest } from "./job.ts";
import { peakBytes } from "./peak-memory.ts";

const SEED = 1;
const MOST_NUMBERS = 1_000_000;
const MOST_RUNS = 20_000;
const WARM_UP_MS = 200;
/** Fewer runs than asked for must do where they take longer than this together: the parent does not wait for ever. */
const LONGEST_MS = 30_000;

function isJob(value: unknown): value is Job {
  return typeof value === "object" && value !== null && "contender" in value && "inputs" in value && "model" in value;
}

function isTimeRequest(value: unknown): value is TimeRequest {
  return typeof value === "object" && value !== null && "batch" in value && "forMs" in value && "leastRuns" in value;
}

async function open({ contender, model }: Job): Promise<Session> {
  if (contender.runtime === "tfjs") {
    const { readModel } = await import("../node/read-model.ts");
    return loadAt(contender, await readModel(model));
  }
  const { bytes, externalData } = await readOnnxFile(model);
  return loadAt(contender, bytes, { externalData });
}

function feedsOf(job: Job, batch: number): Tensors {
  return randomFeeds(job.inputs, new Map([[BATCH, batch]]), new Random(SEED));
}

function numbersOf(outputs: Tensors): Float64Array {
  const numbers = Object.values(outputs).flatMap(({ dtype, data }) =>
    dtype === "string" ? [] : Array.from(data.subarray(0, MOST_NUMBERS), Number),
  );
  return Float64Array.from(numbers.slice(0, MOST_NUMBERS));
}

async function timed(session: Session, feeds: Tensors, leastRuns: number, forMs: number): Promise<number[]> {
  const times: number[] = [];
  const begun = performance.now();
  const isEnough = (): boolean => {
    const passed = performance.now() - begun;
    if (times.length === 0) return false;
    return times.length < leastRuns ? passed >= LONGEST_MS : passed >= forMs || times.length >= MOST_RUNS;
  };
  while (!isEnough()) {
    const started = performance.now();
    await session.run(feeds);
    times.push(performance.now() - started);
  }
  return times;
}

function reply(message: Reply): Promise<void> {
  return new Promise((sent) => {
    process.send?.(message, () => sent());
  });
}

function reasonOf(error: unknown): string {
  if (error instanceof ToolError) return error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
  return error instanceof Error ? error.message : String(error);
}

async function answer(job: Job): Promise<Session> {
  const started = performance.now();
  const session = await open(job);
  const loaded = performance.now();
  const outputs = await session.run(feedsOf(job, job.batch));
  const firstRunMs = performance.now() - loaded;
  const output = numbersOf(outputs);
  const { elsewhere } = session;
  await reply({ kind: "answered", loadMs: loaded - started, firstRunMs, peakBytes: peakBytes(), elsewhere, output });
  return session;
}

async function serve(job: Job, session: Session): Promise<void> {
  const feeds = new Map<number, Tensors>();
  const time = async ({ batch, leastRuns, forMs }: TimeRequest): Promise<void> => {
    const own = feeds.get(batch) ?? feedsOf(job, batch);
    // The first time at a size buffers are made and code is compiled.
    if (!feeds.has(batch)) await timed(session, own, 1, Math.min(WARM_UP_MS, forMs));
    feeds.set(batch, own);
    const timesMs = await timed(session, own, leastRuns, forMs);
    await reply({ kind: "timed", timesMs, peakBytes: peakBytes() });
  };
  for (;;) {
    const message = await new Promise<unknown>((heard) => process.once("message", heard));
    if (!isTimeRequest(message)) return;
    await time(message);
  }
}

process.once("disconnect", () => process.exit(0));
try {
  const job: unknown = JSON.parse(process.argv[2] ?? "null");
  if (!isJob(job)) throw new Error("this is a part of tfjs-to-onnx bench and is not started by hand");
  const session = await answer(job);
  if (!job.once) await serve(job, session);
} catch (error) {
  await reply({ kind: "refused", reason: reasonOf(error) });
}
process.exit(0);
