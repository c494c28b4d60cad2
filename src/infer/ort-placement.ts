import type { InferenceSession } from "onnxruntime-common";

import { InferenceError, SetupError } from "../errors.ts";

import { nameNode, nodesOnCpu } from "./ort-log.ts";
import { createOrtSession, reasonOf, type Ort } from "./ort-session.ts";
import type { SessionOptions } from "./runtime.ts";
import { webGpuProvider } from "./shared-device.ts";
import { joinDevice } from "./webgpu-device.ts";
import { nameGaps, nodesOf, webGpuGaps } from "./webgpu-gaps.ts";

/** A session on WebGPU, and what is known of the nodes that run elsewhere. */
export interface WebGpuSession {
  readonly session: InferenceSession;
  /** `name (Operator)` of each node on the CPU. */
  readonly elsewhere: readonly string[];
}

/** Create the session once more, of this model with these options, only for the log it writes; null where it cannot be read. */
export type ReadLog = (model: Uint8Array, options: InferenceSession.SessionOptions) => Promise<string | null>;

/** ONNX Runtime's words when `disable_cpu_ep_fallback` finds a node that would run on the CPU. */
const FALLBACK_REFUSED = /fallback to CPU EP has been explicitly disabled/u;
/** What ONNX Runtime says when there is no GPU, or no driver for it. */
const NO_DEVICE = /adapter|dawn|vulkan|requestdevice|webgpu is not (?:available|supported)|no available backend/iu;
/** The source file and the condition in front of a failed check's own words. */
const CHECK_PREFIX = /^.*\bwas false\.\s*/u;
const VERBOSE = 0;

/**
 * Create a session on WebGPU that is proved to run there wholly; when some nodes cannot, create it with those on the
 * CPU and list them.
 *
 * @param device A `GPUDevice` to compute on; without it, one of ONNX Runtime's own.
 * @throws {SetupError} when there is no GPU or driver. @throws {InferenceError} when the model is refused.
 */
export function createWebGpuSession(
  ort: Ort,
  model: Uint8Array,
  base: InferenceSession.SessionOptions,
  readLog: ReadLog,
  device?: object,
): Promise<WebGpuSession> {
  return joinDevice(ort, () => createOnDevice(ort, model, base, readLog, device));
}

async function createOnDevice(
  ort: Ort,
  given: Uint8Array,
  base: InferenceSession.SessionOptions,
  readLog: ReadLog,
  device: object | undefined,
): Promise<WebGpuSession> {
  const model = nameGaps(given);
  const forceCpuNodeNames = namesOfGaps(model);
  // An empty list is an error to ONNX Runtime.
  const provider = webGpuProvider(device, forceCpuNodeNames.length === 0 ? {} : { forceCpuNodeNames });
  const options = { ...base, executionProviders: [provider] };
  try {
    const strict = { ...options, extra: { session: { disable_cpu_ep_fallback: "1" } } };
    return { session: await createOrtSession(ort, model, strict), elsewhere: [] };
  } catch (error) {
    const reason = reasonOf(error);
    if (!FALLBACK_REFUSED.test(reason)) throw NO_DEVICE.test(reason) ? noDevice(reason, error) : error;
  }
  const log = await readLog(model, { ...options, logSeverityLevel: VERBOSE });
  const session = await createOrtSession(ort, model, options);
  return { session, elsewhere: namesOnCpu(log, model) ?? ["nodes that cannot be named here"] };
}

/** @throws {InferenceError} when such a node is in a function, in which none can be placed */
function namesOfGaps(model: Uint8Array): string[] {
  const gaps = webGpuGaps(model);
  const inFunction = gaps.find((gap) => gap.inFunction);
  if (inFunction === undefined) return gaps.map(({ name }) => name);
  throw new InferenceError(
    `ONNX Runtime's WebGPU may fail or compute wrong numbers for a node ${inFunction.opType} of this model, which cannot be left ` +
      "to the CPU, for it is in a function of the model",
    { hint: "run the model on the provider cpu or wasm, or inline its functions (onnx.inliner does)" },
  );
}

function namesOnCpu(log: string | null, model: Uint8Array): readonly string[] | null {
  const found = log === null ? null : nodesOnCpu(log);
  return found === "all" ? nodesOf(model).map(({ name, opType }) => nameNode(opType, name)) : found;
}

/** Tell of nodes that WebGPU left to the CPU. */
export function noteElsewhere(elsewhere: readonly string[], options: SessionOptions): void {
  if (elsewhere.length === 0) return;
  options.onNote?.(`not on webgpu but on the CPU: ${elsewhere.join(", ")}`);
}

/** Turn `auto` into a WebGPU session where that works, else into the fallback with a note of why. */
export async function autoProvider<Result>(
  webgpu: () => Promise<Result>,
  fallback: () => Promise<Result>,
  fallbackName: string,
  options: SessionOptions,
): Promise<Result> {
  try {
    return await webgpu();
  } catch (error) {
    if (!(error instanceof SetupError) && !(error instanceof InferenceError)) throw error;
    options.onNote?.(`running on ${fallbackName}: ${error.message}`);
    return fallback();
  }
}

function noDevice(reason: string, cause: unknown): SetupError {
  return new SetupError(`WebGPU is not available here: ${reason.replace(CHECK_PREFIX, "")}`, {
    hint: "it needs a graphics driver (on Linux a Vulkan one, e.g. Mesa 23 or later); without it use --provider cpu or wasm",
    cause,
  });
}
