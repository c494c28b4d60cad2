import { SetupError } from "../errors.ts";
import { getRuntime } from "../infer/runtimes.ts";
import type { Session } from "../infer/runtime.ts";

import type { FoundModel } from "./convert.ts";
import type { DropInOptions } from "./options.ts";
import type { Surroundings } from "./surroundings.ts";

/** Whether a model runs on onnxruntime-node's CPU where that is installed. */
function isForCpu({ runtime, provider, checkOnLoad }: DropInOptions): boolean {
  if (checkOnLoad === true) return false;
  return (runtime === undefined || runtime === "node") && (provider === undefined || provider === "cpu");
}

/** What the optimised graph that these options ask for depends on; null where none is used. */
export async function fingerprintFor(
  options: DropInOptions,
  { optimizing }: Pick<Surroundings, "optimizing">,
): Promise<string | null> {
  return optimizing !== null && isForCpu(options) ? optimizing.fingerprint() : null;
}

/**
 * Load a model, and keep what is not kept yet.
 *
 * @param fingerprint See {@link fingerprintFor}.
 * @param device A `GPUDevice` to compute on, where it is WebGPU that computes.
 * @throws as {@link openSession}
 */
export async function openModel(
  found: FoundModel,
  fingerprint: string | null,
  options: DropInOptions,
  surroundings: Surroundings,
  device: object | undefined,
): Promise<Session> {
  const { optimizing } = surroundings;
  if (optimizing === null || fingerprint === null) {
    const session = await openSession(found.onnx, options, surroundings, device);
    await found.keep(null);
    return session;
  }
  const { threads, onNote } = options;
  const rest = { ...(threads === undefined ? {} : { threads }), ...(onNote === undefined ? {} : { onNote }) };
  if (found.optimized !== null) return optimizing.load({ bytes: found.onnx, header: found.optimized }, rest);
  const { session, optimized } = await optimizing.optimize(found.onnx, rest);
  await found.keep(optimized);
  return session;
}

/**
 * Load an ONNX file into the runtime that was asked for, or the first that is installed.
 *
 * @throws {SetupError} when no runtime is installed, or the provider is not here
 * @throws {InferenceError} when the runtime refuses the model
 */
export async function openSession(
  onnx: Uint8Array,
  options: DropInOptions,
  surroundings: Surroundings,
  device: object | undefined,
): Promise<Session> {
  const { runtime, provider, threads, onNote } = options;
  const rest = {
    ...(threads === undefined ? {} : { threads }),
    ...(onNote === undefined ? {} : { onNote }),
    ...(device === undefined ? {} : { gpuDevice: device }),
  };
  const load = async (name: "node" | "web"): Promise<Session> => {
    const chosen = provider ?? (name === "web" ? "auto" : undefined);
    const own = await getRuntime(name, surroundings.hooks);
    return own.load(onnx, { ...rest, ...(chosen === undefined ? {} : { provider: chosen }) });
  };
  if (runtime !== undefined) return load(runtime);
  if (provider === "cpu") return load("node");
  if (provider === "wasm") return load("web");
  const faults: SetupError[] = [];
  for (const name of surroundings.runtimes) {
    try {
      return await load(name);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      faults.push(error);
    }
  }
  const [first] = faults;
  throw new SetupError(`no ONNX Runtime can be used here: ${faults.map(({ message }) => message).join("; ")}`, {
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
    cause: first,
  });
}
