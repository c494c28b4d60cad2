import type { InferenceSession, Tensor as OrtTensor, TensorConstructor } from "onnxruntime-common";

import { InferenceError, SetupError } from "../errors.ts";

import { checkElements, checkLastSizes, needElements } from "./check-elements.ts";
import { checkFeeds } from "./check-feeds.ts";
import type { RunnableSession } from "./device-loss.ts";
import { checkMinimumSizes, readMinimumSizes } from "./minimum-sizes.ts";
import type { SessionHeader } from "./optimized-model.ts";
import type { OutputInfo } from "../onnx/header.ts";
import { fromOrt, toOrt } from "./ort-tensor.ts";
import type { DeviceRuns, MixedTensors } from "./device-tensor.ts";
import { broughtHome, mixedFromOrt, mixedToOrt } from "./shared-device.ts";
import { Queue } from "./queue.ts";
import type { Provider, RuntimeName, Session, Tensors, ValueInfo } from "./runtime.ts";

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
  header: SessionHeader,
  placement: Placement,
  queue: Queue = new Queue(),
  device?: object,
): Session {
  const { inputs } = header;
  const outputs = header.outputs.map((output) => withType(output, session.outputMetadata));
  const fatal = needElements(header.operators);
  const minimums = readMinimumSizes(header.metadata);
  let disposed: Promise<void> | undefined;
  async function runNow(feeds: Tensors): Promise<Tensors> {
    const results = await runOrt(session, placement.provider, () =>
      // Not by assignment, which to a name such as __proto__ is no entry.
      Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toOrt(ort.Tensor, tensor)])),
    );
    const entries = outputs.map(
      async ({ name }) => [name, fromOrt(await broughtHome(resultOf(results, name)), name)] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  }
  async function runOnDevice(feeds: MixedTensors): Promise<MixedTensors> {
    const results = await runOrt(session, placement.provider, () =>
      Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, mixedToOrt(ort.Tensor, tensor)])),
    );
    return Object.fromEntries(outputs.map(({ name }) => [name, mixedFromOrt(resultOf(results, name), name)]));
  }
  const onDevice = (shared: object): DeviceRuns => ({
    device: shared,
    async run(feeds) {
      if (disposed !== undefined) throw new InferenceError("the session was disposed; load the model again");
      checkFeeds(inputs, feeds);
      checkMinimumSizes(minimums, inputs, feeds);
      checkLastSizes(header.operators, feeds);
      return queue.run(() => runOnDevice(feeds));
    },
  });
  return {
    // What is checked by elements must be in memory.
    ...(device === undefined || fatal.length > 0 ? {} : { onDevice: onDevice(device) }),
    runtime: placement.runtime,
    provider: placement.provider,
    elsewhere: placement.elsewhere,
    inputs,
    outputs,
    async run(feeds) {
      if (disposed !== undefined) throw new InferenceError("the session was disposed; load the model again");
      checkFeeds(inputs, feeds);
      checkMinimumSizes(minimums, inputs, feeds);
      if (fatal.length > 0) checkElements(fatal, feeds);
      if (placement.provider === "webgpu") checkLastSizes(header.operators, feeds);
      return queue.run(() => runNow(feeds));
    },
    dispose() {
      disposed ??= queue.run(() => session.release());
      return disposed;
    },
  };
}

/** The output, with the element type and shape that ONNX Runtime infers where the file gives no type. */
function withType(output: OutputInfo, inferred: RunnableSession["outputMetadata"]): ValueInfo {
  const { name, dtype } = output;
  if (dtype !== null) return { ...output, dtype };
  const found = inferred.find((each) => each.name === name);
  if (found?.isTensor !== true || found.type === "int4" || found.type === "uint4") {
    throw new InferenceError(`output "${name}" is of no type that JavaScript can be given`, {
      hint: "convert it to a tensor of numbers, booleans or strings inside the model",
    });
  }
  // ONNX Runtime tells a scalar from an unknown shape by neither.
  if (found.shape.length === 0) return { name, dtype: found.type, dims: [], anyRank: true };
  return { name, dtype: found.type, dims: found.shape.map((dim) => (dim === "" ? null : dim)) };
}

function resultOf(results: InferenceSession.OnnxValueMapType, name: string): OrtTensor {
  const result = Object.hasOwn(results, name) ? results[name] : undefined;
  if (result !== undefined) return result;
  throw new InferenceError(`ONNX Runtime ran the model and gave no output "${name}"`, {
    hint: "rename that output in the model",
  });
}

async function runOrt(
  session: RunnableSession,
  provider: Provider,
  makeFeeds: () => Readonly<Record<string, OrtTensor>>,
): Promise<InferenceSession.OnnxValueMapType> {
  try {
    return await session.run(makeFeeds());
  } catch (cause) {
    if (cause instanceof InferenceError) throw cause;
    const hint =
      "the graphics device or its provider may lack what the model needs: run it on the provider cpu or wasm";
    const options = provider === "webgpu" ? { hint, cause } : { cause };
    throw new InferenceError(`ONNX Runtime failed to run the model: ${reasonOf(cause)}`, options);
  }
}

/** The sentence of a runtime's fault, without line breaks and what only those who build the runtime can do. */
export function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const line = message.replaceAll(/\s+/gu, " ").replace(" Build with -sASSERTIONS for more info.", "").trim();
  return withoutSource(line);
}

/** Where in ONNX Runtime's source a check failed: the file, the line. */
const SOURCE = /(?:\/\S*)?\/onnxruntime\/\S+:\d+ /u;

/** A message without the file, the line and the signature of the function that wrote it. */
function withoutSource(message: string): string {
  const found = SOURCE.exec(message);
  if (found === null) return message;
  const rest = message.slice(found.index + found[0].length);
  const end = endOfSignature(rest);
  if (end === null) return message;
  return message.slice(0, found.index) + rest.slice(end).replace(/^(?: const)?(?: \[with [^\]]*\])? /u, "");
}

/** Behind the parenthesis that closes a function's parameters; null where none does. */
function endOfSignature(text: string): number | null {
  let depth = 0;
  for (const { index, 0: parenthesis } of text.matchAll(/[()]/gu)) {
    depth += parenthesis === "(" ? 1 : -1;
    if (depth === 0 && text[index + 1] !== "(") return index + 1;
  }
  return null;
}
