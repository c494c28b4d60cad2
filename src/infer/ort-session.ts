import type { InferenceSession, Tensor as OrtTensor, TensorConstructor } from "onnxruntime-common";

import { InferenceError } from "../errors.ts";

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

/** @throws {InferenceError} when ONNX Runtime refuses the model, in its own words. */
export async function createOrtSession(
  ort: Ort,
  model: Uint8Array,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, options);
  } catch (cause) {
    throw new InferenceError(`ONNX Runtime refuses the model: ${reasonOf(cause)}`, { cause });
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

/** The sentence of a runtime's fault, without its error codes' own prefix and line breaks. */
export function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replaceAll(/\s+/gu, " ").trim();
}
