import type { InferenceSession, Tensor as OrtTensor, TensorConstructor } from "onnxruntime-common";

import { InferenceError, SetupError } from "../errors.ts";

import { checkFeeds } from "./check-feeds.ts";
import type { RunnableSession } from "./device-loss.ts";
import type { OnnxHeader } from "./onnx-header.ts";
import { fromOrt, toOrt } from "./ort-tensor.ts";
import { Queue } from "./queue.ts";
import type { Provider, RuntimeName, Session, Tensors } from "./runtime.ts";

/** The slice of an ONNX Runtime package this project uses; node and web both satisfy it. */
export interface Ort {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: TensorConstructor;
}

/** Where a session was made to run. */
export interface Placement {
  readonly runtime: RuntimeName;
  readonly provider: Provider;
  readonly elsewhere: readonly string[];
}

/** What ONNX Runtime says when it is itself that fails, its WebAssembly module for one. */
const NOT_STARTED = /^no available backend found/u;

/**
 * @throws {InferenceError} when ONNX Runtime refuses the model, in its own words
 * @throws {SetupError} when ONNX Runtime does not start
 */
export async function createOrtSession(
  ort: Ort,
  model: Uint8Array,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, options);
  } catch (cause) {
    const reason = reasonOf(cause);
    if (NOT_STARTED.test(reason)) throw new SetupError(`ONNX Runtime does not start: ${reason}`, { cause });
    throw new InferenceError(`ONNX Runtime refuses the model: ${reason}`, { cause });
  }
}

/** Wrap an ONNX Runtime session: checked feeds, runs in a queue (its own, or one of several sessions), typed faults. */
export function wrapOrtSession(
  ort: Ort,
  session: RunnableSession,
  header: OnnxHeader,
  placement: Placement,
  queue: Queue = new Queue(),
): Session {
  const { inputs, outputs } = header;
  let disposed: Promise<void> | undefined;
  async function runNow(feeds: Tensors): Promise<Tensors> {
    const ortFeeds: Record<string, OrtTensor> = {};
    for (const { name } of inputs) {
      const tensor = feeds[name];
      if (tensor !== undefined) ortFeeds[name] = toOrt(ort.Tensor, tensor);
    }
    const results = await runOrt(session, ortFeeds);
    const answer: Record<string, Tensors[string]> = {};
    for (const { name } of outputs) {
      const result = results[name];
      if (result !== undefined) answer[name] = fromOrt(result, name);
    }
    return answer;
  }
  return {
    runtime: placement.runtime,
    provider: placement.provider,
    elsewhere: placement.elsewhere,
    inputs,
    outputs,
    async run(feeds) {
      if (disposed !== undefined) throw new InferenceError("the session was disposed; load the model again");
      checkFeeds(inputs, feeds);
      return queue.run(() => runNow(feeds));
    },
    dispose() {
      disposed ??= queue.run(() => session.release());
      return disposed;
    },
  };
}

async function runOrt(
  session: RunnableSession,
  feeds: Readonly<Record<string, OrtTensor>>,
): Promise<InferenceSession.OnnxValueMapType> {
  try {
    return await session.run(feeds);
  } catch (cause) {
    if (cause instanceof InferenceError) throw cause;
    throw new InferenceError(`ONNX Runtime failed to run the model: ${reasonOf(cause)}`, { cause });
  }
}

/** The sentence of a runtime's fault, without line breaks and what only those who build the runtime can do. */
export function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replaceAll(/\s+/gu, " ").replace(" Build with -sASSERTIONS for more info.", "").trim();
}
