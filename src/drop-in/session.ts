import { SetupError } from "../errors.ts";
import { getRuntime } from "../infer/runtimes.ts";
import type { Session } from "../infer/runtime.ts";

import type { DropInOptions } from "./options.ts";
import type { Surroundings } from "./surroundings.ts";

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
): Promise<Session> {
  const { runtime, provider, threads, onNote } = options;
  const rest = { ...(threads === undefined ? {} : { threads }), ...(onNote === undefined ? {} : { onNote }) };
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
