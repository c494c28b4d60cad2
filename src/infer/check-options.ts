import { InferenceError } from "../errors.ts";

import { checkOptions, type OptionNames } from "../options.ts";

import type { SessionOptions } from "./runtime.ts";

/** ONNX Runtime tries to start any number, and where it cannot the process ends. */
const MOST_THREADS = 1024;

const SESSION_OPTIONS: OptionNames<SessionOptions> = {
  provider: true,
  threads: true,
  onNote: true,
  gpuDevice: true,
  externalData: true,
};

/**
 * @throws {TypeError} for an option that there is not
 * @throws {InferenceError} for a number of threads that none can have
 */
export function checkSessionOptions(options: SessionOptions): void {
  checkOptions("load", options, SESSION_OPTIONS);
  const { threads } = options;
  if (threads === undefined) return;
  if (Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS) return;
  throw new InferenceError(`threads takes a whole number from 1 to ${MOST_THREADS}; got ${String(threads)}`);
}

/** For a provider that TypeScript would not let through. */
export function unknownProvider(runtime: string, providers: string, provider: unknown): InferenceError {
  return new InferenceError(`${runtime} has the providers ${providers}; got ${JSON.stringify(provider)}`);
}
