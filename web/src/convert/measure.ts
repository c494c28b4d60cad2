import { Random } from "../../../src/data/random.ts";
import { ortWeb } from "../../../src/infer/ort-web.ts";
import type { Session } from "../../../src/infer/runtime.ts";
import { createTfjsRuntime } from "../../../src/infer/tfjs-session.ts";
import { at } from "../../../src/require.ts";
import { randomFeeds } from "../../../src/verify/feeds.ts";

import type { ReadModel } from "./given.ts";
import type { Measured, Request } from "./messages.ts";
import { placeTfjs } from "./tfjs-files.ts";

/** Runs before the clock counts: buffers are made in them, and code is compiled. */
const WARM_UP = 3;
/** Fewer runs than asked for must do where they take longer than this together. */
const LONGEST_MS = 20_000;

type MeasureRequest = Extract<Request, { kind: "measure" }>;

/**
 * Run a model again and again on the same random inputs, in TF.js or in ONNX Runtime.
 *
 * @param progress Told of the runs made.
 * @throws {InferenceError} when the runtime refuses the model or its inputs. @throws {SetupError} when it does not start.
 */
export async function measure(
  request: MeasureRequest,
  read: () => Promise<ReadModel>,
  progress: (task: string, done: number, of: number | null) => void,
): Promise<Measured> {
  const started = performance.now();
  const session = await load(request, read);
  const loadMs = performance.now() - started;
  const sizes = new Map(Object.entries(request.sizes));
  const feeds = randomFeeds(request.feeds, sizes, new Random(1));
  const run = async (): Promise<number> => {
    const begun = performance.now();
    await session.run(feeds);
    return performance.now() - begun;
  };
  const firstMs = await run();
  for (let count = 0; count < WARM_UP && count * firstMs < LONGEST_MS / 10; count++) await run();
  const times: number[] = [];
  const begun = performance.now();
  while (times.length < request.runs && (times.length === 0 || performance.now() - begun < LONGEST_MS)) {
    times.push(await run());
    progress("Measuring", times.length, request.runs);
  }
  const sorted = times.toSorted((a, b) => a - b);
  return {
    loadMs,
    firstMs,
    medianMs: quantile(sorted, 0.5),
    p95Ms: quantile(sorted, 0.95),
    runs: times.length,
    elsewhere: session.elsewhere.length,
  };
}

async function load({ contender, onnx }: MeasureRequest, read: () => Promise<ReadModel>): Promise<Session> {
  const { library, place, threads } = contender;
  if (library === "tfjs") {
    const { raw } = await read();
    await placeTfjs(threads);
    return createTfjsRuntime().load(raw, { provider: "wasm" });
  }
  return ortWeb.load(new Uint8Array(await onnx.arrayBuffer()), { provider: place, threads });
}

/** The value that so large a share of all stays at or under. */
function quantile(sorted: readonly number[], share: number): number {
  return at(sorted, Math.max(0, Math.ceil(share * sorted.length) - 1));
}
