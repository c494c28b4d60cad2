import type * as tfjs from "@tensorflow/tfjs";

import { inNode } from "./import-package.ts";

/**
 * TF.js's `executeAsync`. When it fails, loops of the model that have begun go on, and nothing waits for them. They then fail too, on
 * tensors that were disposed, and such an unhandled failure ends a Node process. Here they end before the failure is passed on.
 */
export async function executeAsync(
  model: Pick<tfjs.GraphModel, "executeAsync">,
  inputs: tfjs.NamedTensorMap,
  names: string[],
): Promise<tfjs.Tensor | tfjs.Tensor[]> {
  try {
    return await model.executeAsync(inputs, names);
  } catch (error) {
    if (inNode()) await rejectionsIgnored();
    throw error;
  }
}

/** Lets all that is pending go on, and ignores what of it fails. */
async function rejectionsIgnored(): Promise<void> {
  const ignore = (): void => undefined;
  process.on("unhandledRejection", ignore);
  try {
    // Rejections are told of when the microtasks are done.
    for (let turn = 0; turn < 2; turn++) await new Promise((soon) => setTimeout(soon));
  } finally {
    process.off("unhandledRejection", ignore);
  }
}

/**
 * Loads what listens to the process's uncaught errors, as code that Emscripten made does in Node, without these listeners: they throw
 * the errors again, whoever handles them, and Node then ends with a code of its own.
 */
export async function withoutListeners<Result>(load: () => Promise<Result>): Promise<Result> {
  if (!inNode()) return load();
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => new Set(process.rawListeners(event)));
  const result = await load();
  events.forEach((event, index) => {
    for (const listener of process.rawListeners(event)) {
      if (before[index]?.has(listener) === false) removeListener(event, listener);
    }
  });
  return result;
}

function removeListener(event: string, listener: object): void {
  const remove: unknown = Reflect.get(process, "removeListener");
  if (typeof remove === "function") Reflect.apply(remove, process, [event, listener]);
}
